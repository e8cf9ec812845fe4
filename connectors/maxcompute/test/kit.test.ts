import { configCases, type KitTable, sourceCases, targetCases } from '@sampan/connector/testing';
import { getTable, runSql } from '@sampan/maxcompute';
import { beforeAll, describe, it } from 'vitest';
import connector from '../src/index.ts';
import { useWorld } from './fixture.ts';

const world = useWorld();
const sockets = () => world.sockets.size;

const count = (rows: number) => Array.from({ length: rows }, (_, at) => String(at));

/** MaxCompute splits by row numbers: what matters is how rows lie in blocks and partitions, whatever the column is. */
const TABLES: (KitTable & { sql: string[] })[] = [
  {
    name: 'many rows in one block',
    object: 'k_many',
    ids: count(20_000),
    sql: ['CREATE TABLE k_many (id BIGINT)'],
  },
  {
    name: 'edges of BIGINT',
    object: 'k_edges',
    ids: ['-9223372036854775807', '-5', '0', '7', '9223372036854775807'],
    sql: ['CREATE TABLE k_edges (id BIGINT)'],
  },
  {
    name: 'text that differs only in case, and none',
    object: 'k_text',
    ids: ['a', 'A', 'Ö', 'ö', '🙂', "o'x", 'x\\y', ''],
    sql: ['CREATE TABLE k_text (id STRING)'],
  },
  {
    name: 'duplicates',
    object: 'k_same',
    ids: ['1', '1', '1', '2'],
    sql: ['CREATE TABLE k_same (id INT)'],
  },
  { name: 'NULLs', object: 'k_null', ids: ['~', '~', '3'], sql: ['CREATE TABLE k_null (id BIGINT)'] },
  {
    name: 'several blocks',
    object: 'k_blocks',
    ids: count(30),
    sql: ['CREATE TABLE k_blocks (id INT)'],
  },
  {
    name: 'partitions, one without rows',
    object: 'k_parts',
    ids: count(1_000),
    sql: [
      'CREATE TABLE k_parts (id INT) PARTITIONED BY (pt STRING)',
      "ALTER TABLE k_parts ADD PARTITION (pt='a') PARTITION (pt='b') PARTITION (pt='c')",
    ],
  },
  { name: 'no rows', object: 'k_empty', ids: [], sql: ['CREATE TABLE k_empty (id INT)'] },
  {
    name: 'no partitions',
    object: 'k_bare',
    ids: [],
    sql: ['CREATE TABLE k_bare (id INT) PARTITIONED BY (pt STRING)'],
  },
];

async function fill({ object, ids, sql }: (typeof TABLES)[number]): Promise<void> {
  for (const statement of sql) await runSql(world.http, statement);
  const text = object === 'k_text';
  const literal = (id: string) =>
    id === '~' ? 'NULL' : text ? `'${id.replace(/[\\']/g, '\\$&')}'` : id.length > 10 ? `${id}L` : id;
  const pieces = object === 'k_blocks' ? 7 : object === 'k_parts' ? 600 : 5_000;
  for (let from = 0, part = 0; from < ids.length; from += pieces, part++) {
    const values = ids.slice(from, from + pieces).map((id) => `(${literal(id)})`);
    const into = object === 'k_parts' ? ` PARTITION (pt='${'ac'[part]}')` : '';
    await runSql(world.http, `INSERT INTO ${object}${into} VALUES ${values.join(', ')}`);
  }
}

describe('the contract, as a source', () => {
  beforeAll(async () => {
    for (const table of TABLES) await fill(table);
  });
  for (const { law, name, run } of sourceCases({ open: async () => world.open(), tables: TABLES, sockets }))
    it(`law ${law}: ${name}`, run, 60_000);
});

const cases = targetCases({
  open: async () => world.open(),
  // SQL of the system itself: the answer is text, and nothing of the record stream has touched it.
  read: async (object) =>
    (await getTable(world.http, object)) === undefined
      ? []
      : (await world.sql(`SELECT id, v FROM ${object}`)).map(([id, v]) => `${id}|${v ?? '~'}`),
  sockets,
});

describe('the contract, as a target', () => {
  for (const { law, name, run } of cases) it(`law ${law}: ${name}`, run, 60_000);
});

describe('the contract, options', () => {
  const good = { endpoint: 'http://127.0.0.1:1/api', project: 'p', accessId: 'a', accessKey: 'k' };
  for (const { law, name, run } of configCases(connector as never, good, [
    'endpoint',
    'project',
    'accessId',
    'accessKey',
  ]))
    it(`law ${law}: ${name}`, run);
});
