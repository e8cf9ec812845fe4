import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import {
  batchOf,
  type Cell,
  type DirtyRow,
  type Json,
  type Load,
  type LogicalType,
  type Receipt,
  type Session,
} from '@sampan/connector';
import { commitUpsert, getTable, reloadUpsert } from '@sampan/maxcompute';
import { beforeAll, describe, expect, it } from 'vitest';
import { calm, failureOf, readOf, rowsOf, useWorld } from './fixture.ts';

const world = useWorld({ commitDelayMs: 120 });
let session: Session;
beforeAll(() => {
  session = world.open();
});

const field = (name: string, type: LogicalType = { kind: 'int64' }) => ({
  name,
  type,
  native: '',
  nullable: true,
  generated: false,
});
const TEXT: LogicalType = { kind: 'utf8' };

const loadOf = (object: string, changes: Partial<Load> = {}): Load => ({
  object,
  create: true,
  ddl: null,
  fields: [field('id'), field('v', TEXT)],
  keys: ['id'],
  uniqueKeys: true,
  mode: 'UPSERT',
  partition: [],
  preSql: [],
  postSql: [],
  publish: 'auto',
  options: {},
  ...changes,
});

let runs = 0;
const leaseOf = () => ({ instance: `upsert-${++runs}`, attempt: 1 });
type Lease = ReturnType<typeof leaseOf>;

async function begun(load: Load, lease: Lease = leaseOf(), on: Session = session) {
  const target = on.target!;
  const { fields } = await target.prepare(load, calm());
  const { handle } = await target.begin(load, lease, null, calm());
  return { target, handle, fields, lease };
}
type Run = Awaited<ReturnType<typeof begun>>;

/** One split, of batches of rows. */
async function split({ target, handle, fields, lease }: Run, number: number, ...batches: Cell[][][]) {
  const writer = await target.writer(handle, { split: number }, lease, calm());
  const dirty: DirtyRow[] = [];
  try {
    for (const rows of batches) dirty.push(...((await writer.write(batchOf(fields, rows))) ?? []));
    return { receipt: await writer.seal(), dirty };
  } finally {
    await writer[Symbol.asyncDispose]();
  }
}

async function publish({ target, handle, lease }: Run, ...receipts: Receipt[]) {
  const verdict = await target.verify(handle, receipts, lease, calm());
  expect(verdict.ok, verdict.message).toBe(true);
  await target.commit(handle, receipts, lease, calm());
  await target.forget?.(handle, lease);
}

async function upsert(how: Load, ...splits: Cell[][][]) {
  const run = await begun(how);
  const receipts: Receipt[] = [];
  for (const [number, rows] of splits.entries()) receipts.push((await split(run, number, rows)).receipt);
  await publish(run, ...receipts);
}

const rows = async (table: string, list = 'id, v') =>
  (await world.sql(`SELECT ${list} FROM ${table}`)).map((row) => row.map((cell) => cell ?? '~').join('|')).sort();

describe('UPSERT', () => {
  it('makes a Delta table, and replaces by key what is there', async () => {
    const { ddl, visible } = await session.target!.prepare(loadOf('people'), calm());
    expect(ddl).toBe(
      'CREATE TABLE IF NOT EXISTS `people` (`id` BIGINT NOT NULL, `v` STRING, PRIMARY KEY (`id`)) TBLPROPERTIES ("transactional"="true", "write.bucket.num"="16")',
    );
    expect(visible).toMatch(/until the commit/);
    await upsert(
      loadOf('people'),
      [
        [1n, 'a'],
        [2n, null],
      ],
      [[3n, 'c']],
    );
    expect(await getTable(world.http, 'people')).toMatchObject({ primaryKey: ['id'] });
    await upsert(
      loadOf('people'),
      [
        [2n, 'b'],
        [4n, 'd'],
      ],
      [],
    );
    expect(await rows('people')).toEqual(['1|a', '2|b', '3|c', '4|d']);
    // As a source it is read by a SELECT, merged.
    expect((await rowsOf(session, readOf('people', ['id', 'v'], { where: 'id >= 2' }))).sort()).toEqual([
      ['2', 'b'],
      ['3', 'c'],
      ['4', 'd'],
    ]);
    expect((await rowsOf(session, readOf('people', ['id']))).length).toBe(4);
  });

  it('takes a statement that was edited, and keys of several columns under their names there', async () => {
    const ddl =
      'CREATE TABLE edited (Id BIGINT NOT NULL PRIMARY KEY, v STRING) TBLPROPERTIES ("transactional"="true", "write.bucket.num"="3") LIFECYCLE 9';
    await upsert(loadOf('edited', { ddl }), [[1n, 'x']]);
    expect(await getTable(world.http, 'edited')).toMatchObject({ primaryKey: ['id'], lifecycle: 9 });
    const fields = [field('no.'), field('Line', { kind: 'int32' }), field('v', TEXT)];
    const several = loadOf('several', { fields, keys: ['no.', 'Line'] });
    for (const value of ['old', 'new'])
      await upsert(several, [
        [1n, 1, value],
        [1n, 2, value],
      ]);
    expect(await rows('several', 'no_, line, v')).toEqual(['1|1|new', '1|2|new']);
  });

  it('writes into a partition, which it creates', async () => {
    const into = (value: string) =>
      loadOf('parts', {
        partition: [{ name: 'pt', value }],
        ddl: "CREATE TABLE parts (id BIGINT NOT NULL, v STRING, PRIMARY KEY (id)) PARTITIONED BY (pt STRING) TBLPROPERTIES ('transactional'='true')",
      });
    await upsert(into('a'), [[1n, 'a']]);
    await upsert(into('b'), [[1n, 'b']]);
    await upsert(into('a'), [[1n, 'A']]);
    expect(await rows('parts', 'pt, id, v')).toEqual(['a|1|A', 'b|1|b']);
    const dynamic = loadOf('parts', { fields: [...loadOf('').fields, field('pt', TEXT)] });
    expect(await failureOf(session.target!.prepare(dynamic, calm()))).toMatchObject({ code: 'UPSERT_PARTITIONS' });
  });

  it('is refused where rows cannot be replaced by these keys, each with its reason', async () => {
    await world.sql(
      'CREATE TABLE plain (id BIGINT, v STRING)',
      'CREATE TABLE two (id BIGINT NOT NULL, v STRING NOT NULL, more STRING, PRIMARY KEY (id, v)) TBLPROPERTIES ("transactional"="true")',
    );
    const prepare = (load: Load) => failureOf(session.target!.prepare(load, calm()));
    expect(await prepare(loadOf('plain'))).toMatchObject({ kind: 'config', code: 'NOT_A_DELTA_TABLE' });
    expect(await prepare(loadOf('two'))).toMatchObject({ kind: 'config', code: 'KEYS_NOT_PRIMARY_KEY' });
    expect(await prepare(loadOf('two', { keys: [] }))).toMatchObject({ code: 'KEYS_NOT_PRIMARY_KEY', message: /none/ });
    expect(await prepare(loadOf('two', { keys: ['v', 'id'] }))).toMatchObject({
      code: 'COLUMN_NOT_MAPPED',
      message: /more/,
    });
    expect(await prepare(loadOf('fresh', { keys: [] }))).toMatchObject({ code: 'KEYS_MISSING' });
    expect(await prepare(loadOf('fresh', { keys: ['zz'] }))).toMatchObject({ code: 'KEY_NOT_MAPPED' });
    for (const mode of ['APPEND', 'ERROR_IF_NOT_EMPTY'] as const)
      expect(await prepare(loadOf('two', { mode }))).toMatchObject({ kind: 'config', code: 'DELTA_TABLE' });
  });
});

describe('OVERWRITE and MIRROR of a Delta table', () => {
  const replacing = (object: string, mode: Load['mode'] = 'OVERWRITE', changes: Partial<Load> = {}) =>
    loadOf(object, { mode, keys: [], uniqueKeys: false, ...changes });
  const staging = async () => {
    const names: string[] = [];
    for await (const { name } of session.objects({ search: 'sampan_load' }, calm())) names.push(name);
    return names;
  };

  it('replace all of it, through a staging table and one INSERT', async () => {
    await upsert(loadOf('replaced_all'), [
      [1n, 'a'],
      [2n, 'b'],
    ]);
    const run = await begun(replacing('replaced_all'));
    const { receipt, dirty } = await split(run, 0, [
      [2n, 'B'],
      [null, 'no key'],
      [3n, null],
    ]);
    expect(dirty.map((one) => [one.row, one.reason])).toEqual([[1, 'a primary key has no NULL']]);
    expect(await rows('replaced_all')).toEqual(['1|a', '2|b']);
    await publish(run, receipt);
    expect(await rows('replaced_all')).toEqual(['2|B', '3|~']);
    expect(await staging()).toEqual([]);
    await upsert(loadOf('replaced_all'), [[3n, 'c']]);
    await upsert(replacing('replaced_all', 'MIRROR'), [
      [3n, 'd'],
      [4n, 'e'],
    ]);
    expect(await rows('replaced_all')).toEqual(['3|d', '4|e']);
  });

  it('replace one partition, fixed or that of the rows', async () => {
    await world.sql(
      `CREATE TABLE replaced_part (id BIGINT NOT NULL, v STRING, PRIMARY KEY (id)) PARTITIONED BY (pt STRING) TBLPROPERTIES ('transactional'='true')`,
      "INSERT INTO replaced_part PARTITION (pt) VALUES (1L, 'a', 'x'), (1L, 'b', 'y')",
    );
    const partition = [{ name: 'pt', value: 'x' }];
    await upsert(replacing('replaced_part', 'OVERWRITE', { partition }), [[2n, 'c']]);
    expect(await rows('replaced_part', 'pt, id, v')).toEqual(['x|2|c', 'y|1|b']);
    const fields = [...loadOf('').fields, field('pt', TEXT)];
    await upsert(replacing('replaced_part', 'OVERWRITE', { fields }), [
      [3n, 'd', 'y'],
      [3n, 'e', 'z'],
    ]);
    expect(await rows('replaced_part', 'pt, id, v')).toEqual(['x|2|c', 'y|3|d', 'z|3|e']);
  });

  it('publish nothing where rows have the same key: the INSERT would keep one of them and not say so', async () => {
    await upsert(loadOf('replaced_twice'), [[1n, 'a']]);
    const run = await begun(replacing('replaced_twice'));
    const receipts = [(await split(run, 0, [[5n, 'x']])).receipt, (await split(run, 1, [[5n, 'y']])).receipt];
    expect(await failureOf(run.target.commit(run.handle, receipts, run.lease, calm()))).toMatchObject({
      kind: 'data',
      code: 'KEY_REPEATED',
    });
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('open');
    await run.target.abort(run.handle, run.lease);
    expect(await rows('replaced_twice')).toEqual(['1|a']);
    expect(await staging()).toEqual([]);
    const unmapped = replacing('replaced_twice', 'OVERWRITE', { fields: [field('v', TEXT)] });
    expect(await failureOf(session.target!.prepare(unmapped, calm()))).toMatchObject({ code: 'KEY_NOT_MAPPED' });
  });
});

describe('rows of one run with the same key', () => {
  const unsure = (object: string) => loadOf(object, { uniqueKeys: false });

  it('are dirty, all of them, as long as none has gone before', async () => {
    const run = await begun(unsure('same'));
    const first: Cell[][] = [
      [1n, 'a'],
      [2n, 'b'],
      [1n, 'c'],
      [null, 'no key'],
    ];
    const { receipt, dirty } = await split(run, 0, first, [
      [1n, 'd'],
      [3n, 'e'],
    ]);
    expect(dirty.map((one) => [one.row, one.reason])).toEqual([
      [0, expect.stringContaining('same key')],
      [2, expect.stringContaining('same key')],
      [3, expect.stringContaining('no NULL')],
      [0, expect.stringContaining('same key')],
    ]);
    expect(receipt.rows).toBe(2);
    await publish(run, receipt);
    expect(await rows('same')).toEqual(['2|b', '3|e']);
  });

  it('fail the run where one of them cannot be held back any more: within a split, and in two', async () => {
    const within = await begun(unsure('same_split'));
    expect(await failureOf(split(within, 0, [[1n, 'a']], [[1n, 'b']]))).toMatchObject({
      kind: 'data',
      code: 'KEY_REPEATED',
    });
    // A split that is tried again meets no keys of its own.
    const again = await split(within, 0, [[1n, 'a']], [[2n, 'b']]);
    expect(await failureOf(split(within, 1, [[2n, 'c']]))).toMatchObject({ kind: 'data', code: 'KEY_REPEATED' });
    expect(await rows('same_split')).toEqual([]);
    await publish(within, again.receipt);
    expect(await rows('same_split')).toEqual(['1|a', '2|b']);
  });

  it('are not looked for where the source keeps its rows apart; then the last one counts', async () => {
    const run = await begun(loadOf('trusted'));
    const { receipt, dirty } = await split(run, 0, [
      [1n, 'a'],
      [1n, 'b'],
    ]);
    expect(dirty).toEqual([]);
    await publish(run, receipt);
    expect(await rows('trusted')).toEqual(['1|b']);
  });

  it('are looked for among many', async () => {
    const run = await begun(unsure('many'));
    const batch = (from: number) => Array.from({ length: 20_000 }, (_, at): Cell[] => [BigInt(from + at), 'x']);
    const writer = await run.target.writer(run.handle, { split: 0 }, run.lease, calm());
    for (let part = 0; part < 5; part++)
      expect(await writer.write(batchOf(run.fields, batch(part * 20_000)))).toBeUndefined();
    expect(await failureOf(writer.write(batchOf(run.fields, batch(99_999))))).toMatchObject({ code: 'KEY_REPEATED' });
    await writer[Symbol.asyncDispose]();
  });
});

describe('exactly once', () => {
  const started = async (object: string) => {
    const run = await begun(loadOf(object));
    return { run, receipt: (await split(run, 0, [[1n, 'first']])).receipt };
  };
  const idOf = (handle: Json) => (handle as { session: string }).session;
  const refusedCommit = ({ target, handle, lease }: Run, ...receipts: Receipt[]) =>
    failureOf(target.commit(handle, receipts, lease, calm()));

  it('a split that is cut off leaves nothing, and is written again', async () => {
    const run = await begun(loadOf('cut'));
    const writer = await run.target.writer(run.handle, { split: 0 }, run.lease, calm());
    await writer.write(batchOf(run.fields, [[9n, 'was there when it was read first']]));
    await writer[Symbol.asyncDispose]();
    await publish(run, (await split(run, 0, [[1n, 'now']])).receipt);
    expect(await rows('cut')).toEqual(['1|now']);
  });

  it('a large split waits in a file that is gone with the process, and arrives whole', async () => {
    const run = await begun(loadOf('large'));
    const writer = await run.target.writer(run.handle, { split: 0 }, run.lease, calm());
    const text = 'x'.repeat(1_000);
    for (let part = 0; part < 12; part++) {
      const part1 = Array.from({ length: 2_000 }, (_, at): Cell[] => [BigInt(part * 2_000 + at), text]);
      await writer.write(batchOf(run.fields, part1));
    }
    expect((await readdir(tmpdir())).filter((name) => name.startsWith('sampan-upsert-'))).toEqual([]);
    const receipt = await writer.seal();
    expect(receipt.rows).toBe(24_000);
    await writer[Symbol.asyncDispose]();
    await publish(run, receipt);
    expect(await world.sql(`SELECT COUNT(*), SUM(id), SUM(length(v)) FROM large`)).toEqual([
      ['24000', String((24_000 * 23_999) / 2), '24000000'],
    ]);
  });

  it('a seal that fails half-way ends the session: no part of the split is ever seen', async () => {
    const run = await begun(loadOf('half'));
    world.emulator.faults.add({
      kind: 'unavailable',
      operation: 'writeBlock',
      path: 'half',
      after: 1,
      times: 1_000,
      status: 500,
    });
    const many = Array.from({ length: 100 }, (_, at): Cell[] => [BigInt(at), 'x']);
    const failed = await failureOf(split(run, 0, many));
    world.emulator.faults.clear();
    expect(failed.kind).toBe('busy');
    expect(await failureOf(split(run, 0, many))).toMatchObject({ kind: 'busy', code: 'SESSION_ENDED' });
    expect(await refusedCommit(run)).toMatchObject({ code: 'RECEIPTS_NOT_MATCH' });
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('gone');
    expect(await rows('half')).toEqual([]);
  }, 60_000);

  it('is refused where a split was sent whose receipt does not come, or was sent twice', async () => {
    const { run, receipt } = await started('strays');
    const other = await split(run, 1, [[2n, 'other']]);
    expect(await refusedCommit(run, receipt)).toMatchObject({ kind: 'data', code: 'RECEIPTS_NOT_MATCH' });
    expect((await run.target.verify(run.handle, [receipt], run.lease, calm())).ok).toBe(false);
    expect(await failureOf(split(run, 1, [[3n, 'again']]))).toMatchObject({ kind: 'busy', code: 'SPLIT_SENT_BEFORE' });
    await publish(run, receipt, other.receipt);
    expect(await rows('strays')).toEqual(['1|first', '2|other']);
  });

  it('a later attempt ends the earlier session and begins anew, dead or not', async () => {
    const { run, receipt } = await started('replaced');
    for (const dead of [true, false]) {
      const previous = { attempt: 1, handle: run.handle, dead };
      const later = await session.target!.begin(loadOf('replaced'), { ...run.lease, attempt: 2 }, previous, calm());
      expect(later.resumed).toBe(false);
      expect(idOf(later.handle)).not.toBe(idOf(run.handle));
      const next = { ...run, handle: later.handle, lease: { ...run.lease, attempt: 2 } };
      expect(await refusedCommit(run, receipt)).toMatchObject({ kind: 'busy', code: 'FENCED' });
      expect(await failureOf(split(run, 5, [[7n, 'zombie']]))).toMatchObject({ code: 'SESSION_ENDED' });
      expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('gone');
      await publish(next, (await split(next, 0, [[1n, dead ? 'second' : 'third']])).receipt);
    }
    expect(await rows('replaced')).toEqual(['1|third']);
  });

  it('nothing begins behind a commit', async () => {
    const { run, receipt } = await started('behind');
    await run.target.commit(run.handle, [receipt], run.lease, calm());
    const previous = { attempt: 1, handle: run.handle, dead: true };
    const later = { ...run.lease, attempt: 2 };
    expect(await failureOf(session.target!.begin(loadOf('behind'), later, previous, calm()))).toMatchObject({
      kind: 'data',
      code: 'EARLIER_ATTEMPT_PUBLISHED',
    });
    await run.target.abort(run.handle, run.lease);
    expect(await rows('behind')).toEqual(['1|first']);
  });

  for (const kind of ['lostAnswer', 'lostRequest'] as const)
    it(`a commit is found out by asking (${kind}), and finished by another process that knows the handle alone`, async () => {
      const object = `lost_${kind.toLowerCase()}`;
      const { run, receipt } = await started(object);
      world.emulator.faults.add({ kind, operation: 'commitUpload', path: 'upserts' });
      const stop = new AbortController();
      const committing = run.target.commit(run.handle, [receipt], run.lease, stop.signal).catch(() => {});
      await committing;
      const other = world.open();
      const handle = JSON.parse(JSON.stringify(run.handle)) as Json;
      expect(await other.target!.outcome(handle, run.lease, calm())).toBe('committed');
      await other.target!.commit(handle, [receipt], run.lease, calm());
      await other[Symbol.asyncDispose]();
      expect(await rows(object)).toEqual(['1|first']);
    });

  it('a commit that was left under way is asked about, and waited for', async () => {
    const { run, receipt } = await started('under_way');
    const stop = new AbortController();
    const committing = run.target.commit(run.handle, [receipt], run.lease, stop.signal).catch(() => {});
    const of = { table: 'under_way', partition: [] };
    while ((await reloadUpsert(world.http, of, idOf(run.handle))).status === 'NORMAL');
    stop.abort();
    await committing;
    expect(['open', 'committed']).toContain(await run.target.outcome(run.handle, run.lease, calm()));
    await run.target.commit(run.handle, [receipt], run.lease, calm());
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('committed');
    await world.sql("INSERT INTO under_way VALUES (1L, 'later')");
    await run.target.commit(run.handle, [receipt], run.lease, calm());
    expect(await rows('under_way')).toEqual(['1|later']);
  });

  it('a session that is gone is for a person to judge; abort leaves nothing', async () => {
    const { run, receipt } = await started('gone');
    world.emulator.faults.add({ kind: 'expire', operation: 'reloadUpload', path: 'upserts' });
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('unknown');
    expect(await refusedCommit(run, receipt)).toMatchObject({ kind: 'data', code: 'SESSION_LOST' });
    const { run: other, receipt: its } = await started('gone');
    await other.target.abort(other.handle, other.lease);
    await other.target.abort(other.handle, other.lease);
    expect(await other.target.outcome(other.handle, other.lease, calm())).toBe('gone');
    expect(await refusedCommit(other, its)).toMatchObject({ kind: 'busy', code: 'FENCED' });
    expect(await rows('gone')).toEqual([]);
  });

  it('statements after it run at least once, also where the process ended in between', async () => {
    await world.sql('CREATE TABLE audit (what STRING)');
    const run = await begun(loadOf('audited', { postSql: ["INSERT INTO audit VALUES ('done')"] }));
    const { receipt } = await split(run, 0, [[1n, 'a']]);
    await commitUpsert(world.http, { table: 'audited', partition: [] }, idOf(run.handle));
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('open');
    await publish(run, receipt).catch(() => run.target.commit(run.handle, [receipt], run.lease, calm()));
    expect(await rows('audit', 'what')).toEqual(['done']);
  });
});

it('a column that comes to the table while it is written to is no silent NULL', async () => {
  await upsert(loadOf('grown'), [[1n, 'a']]);
  const run = await begun(loadOf('grown'));
  await world.sql('ALTER TABLE grown ADD COLUMNS (more STRING)');
  const { handle } = await session.target!.begin(loadOf('grown'), leaseOf(), null, calm()).catch((error) => ({
    handle: error as Json,
  }));
  expect(handle).toMatchObject({ code: 'COLUMN_NOT_MAPPED' });
  await publish(run, (await split(run, 0, [[2n, 'b']])).receipt);
  expect(await rows('grown', 'id, v, more')).toEqual(['1|a|~', '2|b|~']);
});
