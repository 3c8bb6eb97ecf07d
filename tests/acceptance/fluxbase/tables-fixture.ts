/** The tables that the tests of rows use. */
const id = { type: 'serial', primaryKey: true }

export const SCHEMA = {
  tables: {
    authors: { columns: { id, name: { type: 'text' }, email: { type: 'text', unique: true } } },
    products: {
      columns: {
        id,
        name: { type: 'text', nullable: false, unique: true },
        price: { type: 'numeric' },
        age: { type: 'integer' },
        category: { type: 'text' },
        location: { type: 'text' },
        title: { type: 'text' },
        tags: { type: 'text[]' },
        meta: { type: 'jsonb' },
        deleted_at: { type: 'timestamptz' },
        author_id: { type: 'integer', references: 'authors.id' },
      },
    },
    notes: {
      columns: { id, user_id: { type: 'uuid', default: 'auth.uid()' }, text: { type: 'text' } },
    },
    closed: { columns: { id, text: { type: 'text' } } },
    pairs: {
      columns: {
        a: { type: 'integer', primaryKey: true },
        b: { type: 'integer', primaryKey: true },
        text: { type: 'text' },
      },
    },
  },
}
