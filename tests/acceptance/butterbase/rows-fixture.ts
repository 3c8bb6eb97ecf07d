/** The tables that the tests of rows use. */
const uuid = { type: 'uuid', primaryKey: true, default: 'gen_random_uuid()' }

export const TABLES = {
  teams: { columns: { id: uuid, name: { type: 'text', unique: true } } },
  people: {
    columns: {
      id: uuid,
      name: { type: 'text', nullable: false },
      age: { type: 'integer' },
      price: { type: 'numeric(10,2)' },
      born: { type: 'timestamptz' },
      tags: { type: 'text[]' },
      data: { type: 'jsonb' },
      active: { type: 'boolean' },
      team_id: { type: 'uuid', references: 'teams.id' },
      code: { type: 'varchar(5)', unique: true },
    },
  },
  numbers: { columns: { n: { type: 'integer', primaryKey: true }, word: { type: 'text' } } },
  links: {
    columns: { a: { type: 'integer', primaryKey: true }, b: { type: 'integer', primaryKey: true } },
  },
  open: { columns: { id: uuid, word: { type: 'text' } } },
  loose: { columns: { word: { type: 'text' } } },
  moments: {
    columns: {
      id: { type: 'integer', primaryKey: true },
      at: { type: 'timestamptz' },
      plain: { type: 'timestamp' },
      day: { type: 'date' },
    },
  },
}
