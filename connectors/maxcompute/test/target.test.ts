import {
  batchOf,
  type Cell,
  type Json,
  type Load,
  type LogicalType,
  type Receipt,
  type Session,
} from '@sampan/connector';
import { commitUpload } from '@sampan/maxcompute';
import { beforeAll, describe, expect, it } from 'vitest';
import { calm, failureOf, useWorld } from './fixture.ts';

const world = useWorld();
let session: Session;
beforeAll(() => {
  session = world.open();
});

const field = (name: string, kind: LogicalType = { kind: 'int64' }) => ({
  name,
  type: kind,
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
  keys: [],
  mode: 'APPEND',
  partition: [],
  preSql: [],
  postSql: [],
  publish: 'auto',
  options: {},
  ...changes,
});

let runs = 0;
const leaseOf = () => ({ instance: `run-${++runs}`, attempt: 1 });
type Lease = ReturnType<typeof leaseOf>;

/** Writes rows as one split each, up to the commit. */
async function staged(load: Load, splits: Cell[][][], lease: Lease = leaseOf()) {
  const target = session.target!;
  const { fields } = await target.prepare(load, calm());
  const { handle } = await target.begin(load, lease, null, calm());
  const receipts: Receipt[] = [];
  const dirty: { row: number; column: string | null; reason: string }[] = [];
  for (const [split, rows] of splits.entries()) {
    const writer = await target.writer(handle, { split }, lease, calm());
    dirty.push(...((await writer.write(batchOf(fields, rows))) ?? []));
    receipts.push(await writer.seal());
    await writer[Symbol.asyncDispose]();
  }
  return { target, handle, receipts, lease, dirty, fields };
}

async function load(how: Load, ...splits: Cell[][][]) {
  const run = await staged(how, splits);
  const verdict = await run.target.verify(run.handle, run.receipts, run.lease, calm());
  expect(verdict.ok, verdict.message).toBe(true);
  await run.target.commit(run.handle, run.receipts, run.lease, calm());
  await run.target.forget?.(run.handle, run.lease);
  return run;
}

const rows = async (table: string, list = 'id, v') =>
  (await world.sql(`SELECT ${list} FROM ${table}`)).map((row) => row.map((cell) => cell ?? '~').join('|')).sort();
const tables = async () => {
  const names: string[] = [];
  for await (const { name } of session.objects({ search: 'sampan_' }, calm())) names.push(name);
  return names;
};

describe('modes', () => {
  it('OVERWRITE and MIRROR replace all, APPEND adds, an empty source empties', async () => {
    await load(loadOf('modes'), [
      [1n, 'a'],
      [2n, null],
    ]);
    await load(loadOf('modes'), [[3n, '']]);
    expect(await rows('modes')).toEqual(['1|a', '2|~', '3|']);
    await load(loadOf('modes', { mode: 'OVERWRITE' }), [[4n, 'd']], [[5n, 'e']]);
    expect(await rows('modes')).toEqual(['4|d', '5|e']);
    await load(loadOf('modes', { mode: 'MIRROR', options: { maxDeleteShare: 0.5 } }), [[6n, 'f']]);
    expect(await rows('modes')).toEqual(['6|f']);
    await load(loadOf('modes', { mode: 'OVERWRITE' }), []);
    expect(await rows('modes')).toEqual([]);
  });

  it('MIRROR is refused when too much would go, and always when the source came out empty', async () => {
    const all = Array.from({ length: 10 }, (_, at): Cell[] => [BigInt(at), 'x']);
    await load(loadOf('mirror'), all);
    const mirror = loadOf('mirror', { mode: 'MIRROR' });
    for (const [kept, code] of [
      [all.slice(0, 7), 'MIRROR_DELETES'],
      [[], 'MIRROR_EMPTY'],
    ] as const) {
      const run = await staged(mirror, [[...kept]]);
      expect(await failureOf(run.target.verify(run.handle, run.receipts, run.lease, calm()))).toMatchObject({
        kind: 'data',
        code,
      });
    }
    expect((await rows('mirror')).length).toBe(10);
    await load(mirror, all.slice(0, 8));
    expect((await rows('mirror')).length).toBe(8);
  });

  it('ERROR_IF_NOT_EMPTY is refused at the start, and again right before the commit', async () => {
    const careful = loadOf('careful', { mode: 'ERROR_IF_NOT_EMPTY' });
    const late = await staged(careful, [[[1n, 'mine']]]);
    await world.sql("INSERT INTO careful VALUES (9L, 'theirs')");
    const refusal = { kind: 'data', code: 'TARGET_NOT_EMPTY' };
    expect(await failureOf(late.target.commit(late.handle, late.receipts, late.lease, calm()))).toMatchObject(refusal);
    expect(await late.target.outcome(late.handle, late.lease, calm())).toBe('open');
    expect(await failureOf(session.target!.begin(careful, leaseOf(), null, calm()))).toMatchObject(refusal);
    expect(await rows('careful')).toEqual(['9|theirs']);
    // What pre-SQL empties is empty.
    await load({ ...careful, preSql: ['TRUNCATE TABLE careful'] }, [[1n, 'mine']]);
    expect(await rows('careful')).toEqual(['1|mine']);
  });

  it('a commit of ERROR_IF_NOT_EMPTY whose answer was lost does not take its own rows for those of others', async () => {
    const run = await staged(loadOf('lostempty', { mode: 'ERROR_IF_NOT_EMPTY' }), [[[1n, 'mine']]]);
    world.emulator.faults.add({ kind: 'lostAnswer', operation: 'commitUpload' });
    await run.target.commit(run.handle, run.receipts, run.lease, calm());
    await run.target.commit(run.handle, run.receipts, run.lease, calm());
    expect(await rows('lostempty')).toEqual(['1|mine']);
  });
});

describe('partitions', () => {
  it('creates a missing one, replaces one and leaves the others', async () => {
    const into = (pt: string, mode: Load['mode']) =>
      loadOf('parts', { mode, partition: [{ name: 'pt', value: pt }], options: { lifecycle: 30 } });
    await load(into('20260301', 'APPEND'), [[1n, 'a']]);
    await load(into('20260302', 'OVERWRITE'), [[2n, 'b']]);
    await load(into('20260302', 'OVERWRITE'), [[3n, 'c']]);
    await load(into('20260301', 'APPEND'), [[4n, 'd']]);
    expect(await rows('parts', 'id, v, pt')).toEqual(['1|a|20260301', '3|c|20260302', '4|d|20260301']);
    expect((await session.describe('parts', calm())).partitionFields.map((one) => one.name)).toEqual(['pt']);
  });

  it('two runs into one missing partition do not mix', async () => {
    await world.sql('CREATE TABLE race (id BIGINT, v STRING) PARTITIONED BY (pt STRING)');
    const how = loadOf('race', { mode: 'OVERWRITE', partition: [{ name: 'pt', value: 'p' }] });
    await Promise.all(
      [1n, 2n].map((run) =>
        load(
          how,
          [
            [run, 'x'],
            [run, 'y'],
          ],
          [[run, 'z']],
        ),
      ),
    );
    const found = await rows('race', 'id');
    expect(found.length).toBe(3);
    expect(new Set(found).size).toBe(1);
    await Promise.all(
      [3n, 4n].map((run) => load(loadOf('race', { partition: [{ name: 'pt', value: 'q' }] }), [[run, 'x']])),
    );
    expect(await rows("race WHERE pt = 'q'", 'id')).toEqual(['3', '4']);
  });

  it('a bad one is refused, and says what would be right', async () => {
    await world.sql('CREATE TABLE two (id BIGINT, v STRING) PARTITIONED BY (pt STRING, hh STRING)');
    const bad = (...partition: { name: string; value: string }[]) =>
      failureOf(session.target!.prepare(loadOf('two', { partition }), calm()));
    const pt = { name: 'pt', value: '1' };
    for (const partition of [
      [],
      [pt],
      [pt, { name: 'xx', value: '1' }],
      [pt, { name: 'hh', value: '' }],
      [pt, { name: 'hh', value: "a'b" }],
      [pt, { name: 'hh', value: 'a/b' }],
      [pt, { name: 'hh', value: 'a,b=c' }],
      [pt, { name: 'PT', value: '2' }, { name: 'hh', value: '1' }],
    ])
      expect(await bad(...partition), JSON.stringify(partition)).toMatchObject({
        kind: 'config',
        code: 'BAD_PARTITION',
      });
    await world.sql('CREATE TABLE flat (id BIGINT, v STRING)');
    expect(await failureOf(session.target!.prepare(loadOf('flat', { partition: [pt] }), calm()))).toMatchObject({
      code: 'BAD_PARTITION',
      hint: expect.stringContaining('no partitions'),
    });
    // Their order does not matter.
    await load(loadOf('two', { partition: [{ name: 'hh', value: '7' }, pt] }), [[1n, 'a']]);
    expect(await rows('two', 'id, pt, hh')).toEqual(['1|1|7']);
  });
});

describe('partitions that come with the rows', () => {
  const fields = [field('id'), field('v', TEXT), field('pt', TEXT)];
  const dynamic = (mode: Load['mode']) => loadOf('dyn', { create: false, mode, fields });
  beforeAll(async () => {
    await world.sql(
      'CREATE TABLE dyn (id BIGINT, extra STRING, v STRING) PARTITIONED BY (pt STRING)',
      "ALTER TABLE dyn ADD PARTITION (pt='old')",
      "INSERT INTO dyn PARTITION (pt='old') VALUES (0L, 'e', 'kept')",
    );
  });

  it('are created, and published by one INSERT', async () => {
    const run = await staged(dynamic('APPEND'), [
      [
        [1n, 'a', 'p1'],
        [2n, 'b', 'p2'],
      ],
      [[3n, 'c', 'p1']],
    ]);
    expect(await rows('dyn', 'id')).toEqual(['0']);
    const [staging] = await tables();
    expect(staging).toMatch(/^sampan_load_[0-9a-f]{20}_1$/);
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('open');
    await run.target.commit(run.handle, run.receipts, run.lease, calm());
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('committed');
    await run.target.commit(run.handle, run.receipts, run.lease, calm());
    expect(await rows('dyn', 'id, extra, v, pt')).toEqual(['0|e|kept|old', '1|~|a|p1', '2|~|b|p2', '3|~|c|p1']);
    await run.target.forget!(run.handle, run.lease);
    expect(await tables()).toEqual([]);
  });

  it('OVERWRITE replaces those that rows came for, and no other', async () => {
    await load(dynamic('OVERWRITE'), [[9n, 'new', 'p1']]);
    expect(await rows('dyn', 'id, pt')).toEqual(['0|old', '2|p2', '9|p1']);
  });

  it('values that name no partition are dirty', async () => {
    const { dirty } = await load(dynamic('APPEND'), [
      [10n, 'a', 'p9'],
      [11n, 'b', ''],
      [12n, 'c', "x'y"],
      [13n, 'd', null],
      [14n, 'e', 'a/b'],
    ]);
    expect(dirty.map(({ row, column }) => [row, column])).toEqual([1, 2, 3, 4].map((row) => [row, 'pt']));
    expect(await rows("dyn WHERE pt = 'p9'", 'id')).toEqual(['10']);
  });

  it('an INSERT that fails publishes nothing, and can be done again', async () => {
    const run = await staged(dynamic('APPEND'), [[[21n, 'no number', 'p1']]]);
    const commit = () => run.target.commit(run.handle, run.receipts, run.lease, calm());
    await world.sql(
      'ALTER TABLE dyn RENAME TO dyn_away',
      'CREATE TABLE dyn (id BIGINT, v BIGINT) PARTITIONED BY (pt STRING)',
    );
    expect((await failureOf(commit())).code).toMatch(/^ODPS_/);
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('open');
    expect(await rows('dyn', 'id')).toEqual([]);
    await world.sql('DROP TABLE dyn', 'ALTER TABLE dyn_away RENAME TO dyn');
    await commit();
    expect(await rows('dyn WHERE id = 21', 'id, v')).toEqual(['21|no number']);
    await run.target.forget!(run.handle, run.lease);
  });

  it('answers that are lost on the way double nothing', async () => {
    for (const after of [0, 1, 2]) {
      const run = await staged(dynamic('APPEND'), [[[BigInt(50 + after), 'once', 'p50']]]);
      // The submissions are those of a renaming, of the INSERT and of another renaming.
      world.emulator.faults.add({ kind: 'lostAnswer', operation: 'submit', after });
      await run.target.commit(run.handle, run.receipts, run.lease, calm());
      expect(world.emulator.faults.list()).toEqual([]);
      await run.target.forget!(run.handle, run.lease);
    }
    expect(await rows("dyn WHERE pt = 'p50'", 'id')).toEqual(['50', '51', '52']);
  });

  it('a table that has gone leaves the run open', async () => {
    const run = await staged(dynamic('APPEND'), [[[20n, 'a', 'p1']]]);
    await world.sql('ALTER TABLE dyn RENAME TO dyn_away');
    const failure = await failureOf(run.target.commit(run.handle, run.receipts, run.lease, calm()));
    expect(failure.kind).toBe('missing');
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('open');
    await world.sql('ALTER TABLE dyn_away RENAME TO dyn');
    expect(await rows('dyn WHERE id = 20', 'id')).toEqual([]);
    await run.target.abort(run.handle, run.lease);
  });

  it('an INSERT of which nobody knows the end is for a person to judge; of OVERWRITE it is repeated', async () => {
    for (const [mode, expected] of [
      ['APPEND', 'unknown'],
      ['OVERWRITE', 'open'],
    ] as const) {
      const run = await staged(dynamic(mode), [[[30n, mode, 'p30']]]);
      const staging = (run.handle as { table: string }).table;
      // The process ended between the INSERT and its mark.
      await run.target.commit(run.handle, run.receipts, run.lease, calm());
      await world.sql(`ALTER TABLE ${staging}_done RENAME TO ${staging}_now`);
      expect(await run.target.outcome(run.handle, run.lease, calm())).toBe(expected);
      const again = run.target.commit(run.handle, run.receipts, run.lease, calm());
      if (mode === 'APPEND') expect(await failureOf(again)).toMatchObject({ code: 'COMMIT_UNKNOWN' });
      else await again;
      expect(await rows("dyn WHERE pt = 'p30'", 'id, v')).toEqual([`30|${mode}`]);
    }
  });

  it('abort removes what was staged', async () => {
    const before = await tables();
    const run = await staged(dynamic('APPEND'), [[[40n, 'a', 'p1']]]);
    await run.target.abort(run.handle, run.lease);
    await run.target.abort(run.handle, run.lease);
    expect(await tables()).toEqual(before);
    expect(await rows('dyn WHERE id = 40', 'id')).toEqual([]);
  });

  it('abort removes what a begin left whose answer was never stored', async () => {
    const before = await tables();
    const run = await staged(dynamic('APPEND'), []);
    expect(await tables()).not.toEqual(before);
    await run.target.abort(null, run.lease);
    await run.target.abort(null, run.lease);
    expect(await tables()).toEqual(before);
  });

  it('MIRROR is refused', async () => {
    expect(await failureOf(session.target!.prepare(dynamic('MIRROR'), calm()))).toMatchObject({
      code: 'MIRROR_PARTITIONS',
    });
  });
});

describe('a table that the run creates', () => {
  it('has names that MaxCompute allows, the same ones in the next run', async () => {
    const fields = [field('Order-Id'), field('价格', TEXT), field('a b', TEXT), field('a.b', TEXT), field('a_b', TEXT)];
    const how = loadOf('named', { fields, options: { lifecycle: 7 } });
    const { ddl, fields: made } = await session.target!.prepare(how, calm());
    expect(ddl).toContain('LIFECYCLE 7');
    const names = made.map((one) => one.name);
    expect(names.slice(0, 2)).toEqual(['order_id', '__']);
    expect(names.slice(2).map((name) => name.replace(/\d{5}$/, 'N'))).toEqual(['a_b_N', 'a_b_N', 'a_b']);
    await load(how, [[1n, 'two', 'three', 'four', 'five']]);
    // Fewer links, in another order: each value still goes where it belongs.
    const later = { ...how, fields: [fields[3], fields[4], fields[0], fields[2]] };
    expect((await session.target!.prepare(later, calm())).ddl).toBeNull();
    await load(later, [['FOUR', 'FIVE', 2n, 'THREE']]);
    expect(await rows('named', names.map((name) => `\`${name}\``).join(', '))).toEqual([
      '1|two|three|four|five',
      '2|~|THREE|FOUR|FIVE',
    ]);
    expect(
      await failureOf(session.target!.begin({ ...how, fields: [field('Id'), field('ID')] }, leaseOf(), null, calm())),
    ).toMatchObject({ code: 'DUPLICATE_COLUMN' });
    expect(await failureOf(session.target!.prepare(loadOf('my-table'), calm()))).toMatchObject({
      code: 'BAD_NAME',
      hint: expect.stringContaining('my_table'),
    });
  });

  it('has the types of a statement that was edited', async () => {
    const ddl = `CREATE TABLE IF NOT EXISTS demo.\`edited\` ( -- a comment, with a comma
      \`id\` DECIMAL(20,0) NOT NULL COMMENT 'not a type, (VARCHAR(1))', v VARCHAR(7) COMMENT "x"
    ) COMMENT 'PARTITIONED BY (nobody STRING)' PARTITIONED BY (pt STRING COMMENT 'day') LIFECYCLE 3`;
    const how = loadOf('edited', { ddl, partition: [{ name: 'pt', value: '1' }] });
    const prepared = await session.target!.prepare(how, calm());
    expect(prepared.ddl).toBe(ddl);
    expect(prepared.fields.map(({ native, nullable }) => [native, nullable])).toEqual([
      ['DECIMAL(20,0)', false],
      ['VARCHAR(7)', true],
    ]);
    await load(how, [['18446744073709551615', 'seven']]);
    expect(await rows('edited')).toEqual(['18446744073709551615|seven']);
  });

  it('a statement that does not create it is refused', async () => {
    for (const ddl of [
      'DROP TABLE x',
      'CREATE TABLE other (id BIGINT, v STRING)',
      'CREATE TABLE t AS SELECT 1',
      'CREATE TABLE t (id NOTHING(, v STRING)',
      'CREATE TABLE t (id BIGINT, v STRING',
    ])
      expect(await failureOf(session.target!.prepare(loadOf('t', { ddl }), calm())), ddl).toMatchObject({
        kind: 'config',
        code: 'BAD_DDL',
      });
    expect(
      await failureOf(session.target!.prepare(loadOf('t', { ddl: 'CREATE TABLE t (id BIGINT)' }), calm())),
    ).toMatchObject({ code: 'COLUMN_NOT_FOUND' });
    expect(await failureOf(session.target!.prepare(loadOf('t', { options: { lifecycle: 0 } }), calm()))).toMatchObject({
      code: 'BAD_OPTION',
    });
  });
});

describe('commit', () => {
  it('refuses blocks that no receipt names, and blocks that were written anew', async () => {
    const run = await staged(loadOf('blocks'), [[[1n, 'a']], [[2n, 'b']]]);
    expect(await failureOf(run.target.commit(run.handle, run.receipts.slice(1), run.lease, calm()))).toMatchObject({
      kind: 'data',
      code: 'BLOCKS_NOT_MATCH',
    });
    // A zombie writes its block again, with other rows.
    const zombie = await run.target.writer(run.handle, { split: 0 }, run.lease, calm());
    await zombie.write(
      batchOf(run.fields, [
        [1n, 'a'],
        [1n, 'again'],
      ]),
    );
    await zombie.seal();
    expect(await failureOf(run.target.commit(run.handle, run.receipts, run.lease, calm()))).toMatchObject({
      code: 'BLOCKS_NOT_MATCH',
    });
    expect((await run.target.verify(run.handle, run.receipts, run.lease, calm())).ok).toBe(false);
    expect(await rows('blocks')).toEqual([]);
  });

  it('an answer that was lost is resolved by asking, whether it happened or not', async () => {
    for (const [object, kind] of [
      ['lost1', 'lostAnswer'],
      ['lost2', 'lostRequest'],
    ] as const) {
      const run = await staged(loadOf(object), [[[1n, 'once']]]);
      world.emulator.faults.add({ kind, operation: 'commitUpload' });
      await run.target.commit(run.handle, run.receipts, run.lease, calm());
      expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('committed');
      expect(await rows(object)).toEqual(['1|once']);
    }
  });

  it('takes over a session only from a process that is known to be dead', async () => {
    const how = loadOf('taken');
    const run = await staged(how, [[[1n, 'a']]]);
    const previous = { attempt: 1, handle: run.handle as Json };
    const later = { ...run.lease, attempt: 2 };
    const resumed = await session.target!.begin(how, later, { ...previous, dead: true }, calm());
    expect(resumed).toEqual({ handle: run.handle, resumed: true });
    const anew = await session.target!.begin(how, later, { ...previous, dead: false }, calm());
    expect(anew.resumed).toBe(false);
    const old = { ...(run.handle as object), openedAt: Date.now() - 23.5 * 3_600_000 } as unknown as Json;
    expect((await session.target!.begin(how, later, { attempt: 1, handle: old, dead: true }, calm())).resumed).toBe(
      false,
    );
    world.emulator.faults.add({ kind: 'expire', operation: 'reloadUpload' });
    expect((await session.target!.begin(how, later, { ...previous, dead: true }, calm())).resumed).toBe(false);
    expect(await session.target!.outcome(run.handle, run.lease, calm())).toBe('unknown');
    expect(await rows('taken')).toEqual([]);
  });

  it('an attempt that was replaced cannot commit, nor one that begins behind a commit double it', async () => {
    const how = loadOf('fenced');
    const first = await staged(how, [[[1n, 'zombie']]]);
    const later = { ...first.lease, attempt: 2 };
    const previous = { attempt: 1, handle: first.handle as Json, dead: false };
    for (let twice = 0; twice < 2; twice++)
      expect((await session.target!.begin(how, later, previous, calm())).resumed).toBe(false);
    expect(await failureOf(first.target.commit(first.handle, first.receipts, first.lease, calm()))).toMatchObject({
      code: 'FENCED',
    });
    expect(await first.target.outcome(first.handle, first.lease, calm())).toBe('gone');
    // Nor is what was left of it taken over once it is known to be dead.
    const dead = { ...previous, dead: true };
    expect((await session.target!.begin(how, { ...later, attempt: 3 }, dead, calm())).resumed).toBe(false);
    expect(await rows('fenced')).toEqual([]);
    const second = await staged(how, [[[2n, 'published']]]);
    await second.target.commit(second.handle, second.receipts, second.lease, calm());
    const behind = { attempt: 1, handle: second.handle as Json, dead: false };
    expect(await failureOf(session.target!.begin(how, { ...second.lease, attempt: 2 }, behind, calm()))).toMatchObject({
      kind: 'data',
      code: 'EARLIER_ATTEMPT_PUBLISHED',
    });
    expect(await rows('fenced')).toEqual(['2|published']);
  });

  it('values for columns of another type than the session has are refused', async () => {
    const run = await staged(loadOf('retyped', { fields: [field('at', { kind: 'timestamp', digits: 3 })] }), [[[0n]]]);
    expect(run.fields[0].native).toBe('DATETIME');
    const writer = await run.target.writer(run.handle, { split: 1 }, run.lease, calm());
    const now = [{ ...run.fields[0], native: 'TIMESTAMP' }];
    expect(await failureOf(writer.write(batchOf(now, [[1n]])))).toMatchObject({ code: 'COLUMN_RETYPED' });
    await writer[Symbol.asyncDispose]();
  });

  it('statements after it run at least once, also where the process ended in between', async () => {
    await world.sql('CREATE TABLE audit (what STRING)');
    const how = loadOf('audited', { postSql: ["INSERT INTO audit VALUES ('done')"] });
    const run = await staged(how, [[[1n, 'a']]]);
    const { session: id } = run.handle as { session: string };
    await commitUpload(world.http, { table: 'audited', partition: [] }, id, [0]);
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('open');
    await run.target.commit(run.handle, run.receipts, run.lease, calm());
    expect(await run.target.outcome(run.handle, run.lease, calm())).toBe('committed');
    await run.target.commit(run.handle, run.receipts, run.lease, calm());
    expect(await rows('audit', 'what')).toEqual(['done']);
    expect(await rows('audited')).toEqual(['1|a']);
    await run.target.forget!(run.handle, run.lease);
    expect((await tables()).filter((name) => name.startsWith('sampan_post_'))).toEqual([]);
  });

  it('a statement after it that fails is told, and the run stays committed', async () => {
    await load(loadOf('after', { postSql: ['DROP TABLE no_such_table', "INSERT INTO after VALUES (2L, 'post')"] }), [
      [1n, 'a'],
    ]);
    expect(await rows('after')).toEqual(['1|a', '2|post']);
    expect(world.warnings.some((one) => one.includes('no_such_table'))).toBe(true);
  });
});
