import { createHash } from 'node:crypto';
import { batchOf, type Cell, type Load, type LogicalType, type Session } from '@sampan/connector';
import type { KitTable, LargeTable } from '@sampan/connector/testing';
import { runSql } from '@sampan/maxcompute';
import { calm, type World } from './fixture.ts';

const count = (rows: number) => Array.from({ length: rows }, (_, at) => String(at));

/** MaxCompute splits by row numbers: what matters is how rows lie in blocks and partitions, whatever the column is. */
export const TABLES: (KitTable & { sql: string[]; literal?: (id: string) => string })[] = [
  {
    kind: 'whole numbers',
    name: 'many rows in one block',
    object: 'k_many_ids',
    ids: count(20_000),
    sql: ['CREATE TABLE k_many_ids (id BIGINT)'],
  },
  {
    kind: 'sparse and negative',
    name: 'edges of BIGINT',
    object: 'k_edges',
    ids: ['-9223372036854775807', '-5', '0', '7', '9223372036854775807'],
    sql: ['CREATE TABLE k_edges (id BIGINT)'],
  },
  {
    kind: 'text without regard to case',
    name: 'text that differs only in case, and none',
    object: 'k_text',
    ids: ['a', 'A', 'Ö', 'ö', '🙂', "o'x", 'x\\y', ''],
    sql: ['CREATE TABLE k_text (id STRING)'],
    literal: (id) => `'${id.replace(/[\\']/g, '\\$&')}'`,
  },
  {
    kind: 'decimal',
    object: 'k_decimal',
    ids: ['-1.50', '0.00', '0.01', '99.99'],
    sql: ['CREATE TABLE k_decimal (id DECIMAL(6,2))'],
    literal: (id) => `CAST('${id}' AS DECIMAL(6,2))`,
  },
  {
    kind: 'date',
    object: 'k_date',
    ids: ['0001-01-01', '2024-02-29', '9999-12-31'],
    sql: ['CREATE TABLE k_date (id DATE)'],
    literal: (id) => `DATE '${id}'`,
  },
  {
    kind: 'composite',
    object: 'k_two',
    ids: count(300),
    sql: ['CREATE TABLE k_two (id INT, b INT)'],
    literal: (id) => `${id}, ${Number(id) % 7}`,
  },
  {
    kind: 'duplicates',
    object: 'k_same',
    ids: ['1', '1', '1', '2'],
    sql: ['CREATE TABLE k_same (id INT)'],
  },
  { kind: 'NULLs', object: 'k_null', ids: ['~', '~', '3'], sql: ['CREATE TABLE k_null (id BIGINT)'] },
  {
    kind: 'no key',
    name: 'several blocks',
    object: 'k_blocks',
    ids: count(30),
    sql: ['CREATE TABLE k_blocks (id INT)'],
  },
  {
    kind: 'no key',
    name: 'partitions, one without rows',
    object: 'k_parts',
    ids: count(1_000),
    sql: [
      'CREATE TABLE k_parts (id INT) PARTITIONED BY (pt STRING)',
      "ALTER TABLE k_parts ADD PARTITION (pt='a') PARTITION (pt='b') PARTITION (pt='c')",
    ],
  },
  { kind: 'no rows', object: 'k_empty', ids: [], sql: ['CREATE TABLE k_empty (id INT)'] },
  {
    kind: 'no rows',
    name: 'no partitions',
    object: 'k_bare',
    ids: [],
    sql: ['CREATE TABLE k_bare (id INT) PARTITIONED BY (pt STRING)'],
  },
];

export const LARGE: { many: LargeTable; wide: LargeTable } = {
  many: { object: 'k_many', rows: 200_000, bytes: 200_000 * 256 },
  wide: { object: 'k_wide', rows: 52, bytes: 52 * 1_048_576 },
};

export async function fill(world: World): Promise<void> {
  for (const table of TABLES) await fillSmall(world, table);
  const session = world.open();
  await fillLarge(session, LARGE.many, 4, 10_000);
  await fillLarge(session, LARGE.wide, 16_384, 1);
  await session[Symbol.asyncDispose]();
}

async function fillSmall(world: World, { object, ids, sql, literal }: (typeof TABLES)[number]): Promise<void> {
  for (const statement of sql) await runSql(world.http, statement);
  const plain = (id: string) => (id === '~' ? 'NULL' : id.length > 10 ? `${id}L` : id);
  const pieces = object === 'k_blocks' ? 7 : object === 'k_parts' ? 600 : 5_000;
  for (let from = 0, part = 0; from < ids.length; from += pieces, part++) {
    const values = ids.slice(from, from + pieces).map((id) => `(${(literal ?? plain)(id)})`);
    const into = object === 'k_parts' ? ` PARTITION (pt='${'ac'[part]}')` : '';
    await runSql(world.http, `INSERT INTO ${object}${into} VALUES ${values.join(', ')}`);
  }
}

/** Each text is a hash many times over, so that it differs from the others. */
async function fillLarge(session: Session, table: LargeTable, times: number, atOnce: number): Promise<void> {
  const field = (name: string, type: LogicalType) => ({ name, type, native: '', nullable: true, generated: false });
  const load: Load = {
    object: table.object,
    create: true,
    ddl: null,
    fields: [field('id', { kind: 'int64' }), field('v', { kind: 'utf8' })],
    keys: [],
    mode: 'APPEND',
    partition: [],
    preSql: [],
    postSql: [],
    publish: 'auto',
    options: {},
  };
  const target = session.target!;
  const lease = { instance: `fill-${table.object}`, attempt: 1 };
  const { fields } = await target.prepare(load, calm());
  const { handle } = await target.begin(load, lease, null, calm());
  const writer = await target.writer(handle, { split: 0 }, lease, calm());
  for (let from = 0; from < table.rows; from += atOnce) {
    const rows = Array.from({ length: Math.min(atOnce, table.rows - from) }, (_, at): Cell[] => [
      BigInt(from + at),
      createHash('sha256')
        .update(`${from + at}`)
        .digest('hex')
        .repeat(times),
    ]);
    await writer.write(batchOf(fields, rows));
  }
  await target.commit(handle, [await writer.seal()], lease, calm());
  await writer[Symbol.asyncDispose]();
}
