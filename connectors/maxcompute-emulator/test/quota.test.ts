import { commitUpload, createUpload, runSql } from '@sampan/maxcompute';
import { expect, it } from 'vitest';
import { count, put, useEmulator } from './fixture.ts';

const bench = useEmulator({ blocks: 2 });

it('counts the blocks of each table, and says when to come back', async () => {
  for (const table of ['first', 'second']) await runSql(bench.http, `CREATE TABLE ${table} (id BIGINT, name STRING)`);
  const target = { table: 'first', partition: [] };
  const session = await createUpload(bench.http, target);
  await put(bench.http, 'first', session.id, 0, [1n]);
  await put(bench.http, 'first', session.id, 1, [2n]);
  const refused = await put(bench.http, 'first', session.id, 2, [3n]).catch((error: Error) => error);
  expect(refused).toMatchObject({ code: 'RequestQuotaExceeded', status: 429, kind: 'busy', retryAfterMs: 10_000 });
  const other = await createUpload(bench.http, { table: 'second', partition: [] });
  await put(bench.http, 'second', other.id, 0, [1n]);
  await commitUpload(bench.http, target, session.id, [0, 1]);
  expect(await count(bench.http, 'first')).toBe(2);
});
