import type { RowDataPacket } from 'mysql2/promise';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { COLUMNS, createTask, ended, openWorld, runTask, taskInput, type World } from './world.ts';

const ROWS = 5_000;
let world: World;

beforeAll(async () => {
  world = await openWorld(ROWS);
});
afterAll(() => world?.close());

const run = async (task: object) => {
  const made = await createTask(world, task);
  if (made.task === undefined) throw new Error(JSON.stringify(made));
  return ended(world, await runTask(world, made.task.id));
};

const link = (column: string) => ({ target: column, column });
const count = async (sql: string) => Number(((await world.sql.query(sql))[0] as RowDataPacket[])[0].n);

/** Rows of `orders` that a table holds with every value as it was, by MySQL's own comparison. */
const same = (table: string, where = 'TRUE') =>
  count(
    `SELECT COUNT(*) n FROM shop.orders o JOIN shop.${table} b ON o.id = b.id WHERE ${where} AND ${COLUMNS.map(
      (name) => `o.${name} <=> b.${name}`,
    ).join(' AND ')}`,
  );

/** From a table of MaxCompute into MySQL. */
const back = (table: string, source: object, target: string) =>
  taskInput(world, `${table} back as ${target}`, {
    source: { dataSourceId: world.warehouse, objects: [table], ...source },
    target: { dataSourceId: world.source, object: target },
  });

it('rows go to MaxCompute and come back as they were, in splits', async () => {
  expect(await run(taskInput(world, 'round_trip'))).toMatchObject({ state: 'SUCCEEDED' });
  const returned = await run(back('round_trip', { splits: 3 }, 'returned'));
  expect(returned).toMatchObject({ state: 'SUCCEEDED', progress: { rowsRead: String(ROWS), rowsDirty: '0' } });
  expect(await same('returned')).toBe(ROWS);
}, 120_000);

it('rows spread over partitions by a column, and those of one come back', async () => {
  const spread = taskInput(world, 'spread', {
    target: {
      ddl: `CREATE TABLE spread (id BIGINT, quantity INT, flag TINYINT) PARTITIONED BY (pt STRING)`,
    },
    mapping: [link('id'), link('quantity'), link('flag'), { target: 'pt', column: 'flag' }],
  });
  expect(await run(spread)).toMatchObject({ state: 'SUCCEEDED' });
  const wanted = await count('SELECT COUNT(*) n FROM shop.orders WHERE flag = 1');
  const some = back('spread', { options: { partitions: ['pt=1'] } }, 'flagged');
  some.mapping = [link('id'), { target: 'part', column: 'pt' }];
  expect(await run(some)).toMatchObject({ state: 'SUCCEEDED', progress: { rowsWritten: String(wanted) } });
  expect(await count("SELECT COUNT(*) n FROM shop.flagged WHERE part = '1'")).toBe(wanted);
  const half = back('spread', { where: 'id % 2 = 0' }, 'even');
  half.mapping = [link('id')];
  expect(await run(half)).toMatchObject({ state: 'SUCCEEDED' });
  expect(await count('SELECT COUNT(*) n FROM shop.even')).toBe(
    await count('SELECT COUNT(*) n FROM shop.orders WHERE id % 2 = 0'),
  );
}, 120_000);

it('a filter that names no partition key fails the run with what to write', async () => {
  const wrong = back('spread', { options: { partitions: ['day=1'] } }, 'nothing');
  wrong.mapping = [link('id')];
  expect(await run(wrong)).toMatchObject({
    state: 'FAILED',
    failure: { code: 'BAD_PARTITION', side: 'READER', hint: expect.stringContaining('pt=') },
  });
}, 120_000);
