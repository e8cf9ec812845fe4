import {
  commitUpload,
  createDownload,
  createUpload,
  getProject,
  readRows,
  reloadUpload,
  runSql,
} from '@sampan/maxcompute';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import type { Fault } from '../src/index.ts';
import { client, count, put, raw, useEmulator } from './fixture.ts';

const bench = useEmulator({ faults: true, slots: 3 });
const target = { table: 'up', partition: [] };
const post = (faults: unknown) =>
  fetch(`${bench.emulator.url}/__faults`, { method: 'POST', body: JSON.stringify(faults) });
const reload = (id: string) => raw(bench.http, bench.emulator.url, 'GET', '/projects/demo/tables/up', { uploadid: id });
const commit = (id: string) =>
  raw(bench.http, bench.emulator.url, 'POST', '/projects/demo/tables/up', { uploadid: id });

beforeAll(async () => {
  await runSql(bench.http, 'CREATE TABLE up (id BIGINT, name STRING)');
});

beforeEach(() => {
  bench.emulator.faults.clear();
});

it('lose the answer to a commit that happened, or the commit', async () => {
  for (const [kind, happened] of [
    ['lostAnswer', 1],
    ['lostRequest', 0],
  ] as const) {
    const before = await count(bench.http, 'up');
    const { id } = await createUpload(bench.http, target);
    await put(bench.http, 'up', id, 0, [50n]);
    bench.emulator.faults.add({ kind, operation: 'commitUpload' });
    await expect(commit(id)).rejects.toMatchObject({ code: 'ConnectionFailed' });
    expect(await count(bench.http, 'up')).toBe(before + happened);
    expect((await reloadUpload(bench.http, target, id)).status).toBe(happened === 1 ? 'CLOSED' : 'NORMAL');
    await commitUpload(bench.http, target, id, [0]);
    expect(await count(bench.http, 'up')).toBe(before + 1);
  }
});

it('strike the requests they name, as often as they say, over HTTP too', async () => {
  const { id } = await createUpload(bench.http, target);
  expect(
    (
      await post([
        { kind: 'unavailable', operation: 'reloadUpload', status: 503, times: 2, after: 1 },
        { kind: 'throttle', path: 'blockid=7', millis: 5 },
      ])
    ).status,
  ).toBe(200);
  expect([
    (await reload(id)).status,
    (await reload(id)).status,
    (await reload(id)).status,
    (await reload(id)).status,
  ]).toEqual([200, 503, 503, 200]);
  const throttled = await raw(bench.http, bench.emulator.url, 'PUT', '/projects/demo/tables/up', {
    uploadid: id,
    blockid: '7',
  });
  expect([throttled.status, JSON.parse(throttled.body)]).toEqual([
    429,
    expect.objectContaining({ Code: 'SlotExceeded', HoldClientMillis: 5 }),
  ]);
  expect((await post({ kind: 'nonsense' })).status).toBe(400);
  expect((await post('{')).status).toBe(400);
  await post({ kind: 'delay', times: 9 });
  expect(await (await fetch(`${bench.emulator.url}/__faults`, { method: 'DELETE' })).json()).toEqual([]);
});

it('break a block off in its middle, or a download', async () => {
  const { id } = await createUpload(bench.http, target);
  bench.emulator.faults.add({ kind: 'cut', operation: 'writeBlock', bytes: 10 });
  await expect(put(bench.http, 'up', id, 0, [1n, 2n, 3n])).rejects.toMatchObject({ code: 'ConnectionFailed' });
  expect((await reloadUpload(bench.http, target, id)).blocks).toEqual([]);
  await put(bench.http, 'up', id, 0, [1n, 2n, 3n]);
  await commitUpload(bench.http, target, id, [0]);
  const session = await createDownload(bench.http, target);
  bench.emulator.faults.add({ kind: 'cut', operation: 'readRows', bytes: 20, times: 9 });
  const read = async () => {
    for await (const _ of readRows(bench.http, target, session, 0, 3));
  };
  await expect(read()).rejects.toThrow();
});

it('reset connections, wait, forget sessions, and set the clock wrong', async () => {
  const { id } = await createUpload(bench.http, target);
  const one = async (fault: Fault) => bench.emulator.faults.add(fault);
  await one({ kind: 'reset', operation: 'reloadUpload' });
  await expect(reload(id)).rejects.toMatchObject({ code: 'ConnectionFailed' });
  await one({ kind: 'delay', millis: 150 });
  const started = performance.now();
  await reload(id);
  expect(performance.now() - started).toBeGreaterThan(140);
  await one({ kind: 'skew', millis: 3_600_000 });
  expect(JSON.parse((await reload(id)).body).Code).toBe('RequestTimeTooSkewed');
  await one({ kind: 'expire', operation: 'reloadUpload' });
  expect(JSON.parse((await reload(id)).body).Code).toBe('NoSuchUpload');
  expect(await getProject(client(bench.emulator.endpoint))).toMatchObject({ name: 'demo' });
});

it('refuse more tunnel requests at a time than there are slots', async () => {
  const { id } = await createUpload(bench.http, target);
  const hung = await Promise.all(
    [0, 1, 2].map((block) =>
      bench.http.open({
        method: 'PUT',
        base: bench.emulator.url,
        resource: '/projects/demo/tables/up',
        query: { uploadid: id, blockid: String(block) },
        headers: { 'transfer-encoding': 'chunked' },
      }),
    ),
  );
  for (const request of hung) {
    request.on('error', () => {});
    request.write(Buffer.from([8]));
  }
  await expect.poll(async () => (await reload(id)).status).toBe(429);
  for (const request of hung) request.destroy();
  await expect.poll(async () => (await reload(id)).status).toBe(200);
});
