/** Tables for the OpenAPI document to describe, and what its tests read of it. */
export type Operation = {
  operationId: string
  summary: string
  tags: string[]
  security: Record<string, string[]>[]
  'x-access': { word: string; meaning: string }
  parameters?: Record<string, unknown>[]
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> }
  responses: Record<string, unknown>
}

export type Document = {
  openapi: string
  info: { title: string; version: string }
  servers: { url: string }[]
  tags: { name: string }[]
  paths: Record<string, Record<string, Operation>>
  components: {
    schemas: Record<string, { properties: Record<string, unknown>; required?: string[] }>
    parameters: Record<string, Record<string, unknown>>
    securitySchemes: Record<string, unknown>
  }
}

export const TABLES = `
  create schema shop;
  create table notes (
    id uuid primary key default gen_random_uuid(), title varchar(40) not null, body text, n bigint not null,
    price numeric, tags text[] not null default '{}', facts jsonb, done boolean not null default false,
    made timestamptz default now(), size int generated always as (length(title)) stored);
  comment on column notes.title is 'What it is called';
  create view loud_notes as select id, upper(title) as title from notes;
  create table shop.orders (id int primary key, "who" text);
  grant usage on schema shop to service_role;
  grant all on shop.orders to service_role;
  create table keyless (a int);
  create table shop_orders (id int primary key);
  create table "odd name/{x}.y" (id int primary key, "__proto__" text);
  create table "Zürich" (id int primary key);
  create schema "shop_orders_in";
  create table shop_orders_in.bulk (id int primary key);
  grant usage on schema shop_orders_in to service_role;
  grant all on shop_orders_in.bulk to service_role`
