import assert from 'node:assert/strict';
import { isUtf8 } from 'node:buffer';
import { type Cell, cellText } from '../cells.ts';
import { columnOf } from '../columns.ts';
import type { Session } from '../connector.ts';
import type { DirtyRow } from '../errors.ts';
import { type LogicalType, typeText } from '../types.ts';
import { jsonText, NASTY, type NastyValue } from './fixtures.ts';
import { calm, type KitCase, using } from './kit.ts';
import { begun, FIELDS, field, fresh, loadOf, type TargetHarness, write } from './target-harness.ts';

/** Law 5: every nasty value arrives, or is a dirty row with its row, column, value and reason. Never changed, never NULLed. */
export function valueCases(harness: TargetHarness): KitCase[] {
  const unknown = Object.keys(harness.refuses).filter((name) => !NASTY.some((nasty) => nasty.name === name));
  assert.deepEqual(unknown, [], 'values that the kit does not know are listed as refused');
  const types = new Map(NASTY.map(({ type }) => [typeText(type), type]));
  return [...types].map(
    ([name, type]): KitCase => ({
      law: 5,
      name: `nasty values of ${name} survive a round trip, or are dirty rows that say why`,
      run: () => using(harness.open(), (session) => roundTrip(harness, session, type)),
    }),
  );
}

const keyOf = (at: number) => BigInt(at * 10);

async function roundTrip(harness: TargetHarness, session: Session, type: LogicalType): Promise<void> {
  const target = session.target!;
  const values = NASTY.filter((nasty) => typeText(nasty.type) === typeText(type));
  const { object, instance } = fresh();
  const lease = { instance, attempt: 1 };
  const run = await begun(target, loadOf(object, { fields: [FIELDS[0], field('v', type)] }), lease);
  const to = run.fields[1].type;
  // What the engine's conversion refuses never comes to the target.
  const sent = values.filter((nasty) => asOf(nasty, to) !== undefined);
  const rows = sent.map((nasty, at): Cell[] => [keyOf(at), asOf(nasty, to)!]);
  const { receipt, dirty } = await write(target, run, { split: 0, lease, rows });
  assert.equal(receipt.rows + dirty.length, sent.length, 'rows that are neither written nor dirty');
  assert.equal((await target.verify(run.handle, [receipt], lease, calm())).ok, true, 'verify did not agree');
  await target.commit(run.handle, [receipt], lease, calm());
  await target.forget?.(run.handle, lease);
  const found = new Map(dirty.map((one) => [one.row, one]));
  assert.equal(found.size, dirty.length, 'a row is told dirty twice');
  const arrived: string[] = [];
  for (const [at, nasty] of sent.entries()) {
    const one = found.get(at);
    const refused = nasty.name in harness.refuses;
    assert.equal(one !== undefined, refused, `${nasty.name}: ${one === undefined ? 'not dirty' : one.reason}`);
    if (one === undefined) arrived.push(`${keyOf(at)}|${nasty.text ?? '~'}`);
    else told(nasty, one, shownAs(rows[at][1], to));
  }
  assert.deepEqual((await harness.read(object, type)).sort(), arrived.sort(), 'what another client reads');
  if (session.source !== undefined)
    assert.deepEqual(await readBack(session, object, type), arrived, 'what is read back');
}

const shownAs = (value: Cell, type: LogicalType) => cellText(columnOf(type, [value]), type, 0);

function told(nasty: NastyValue, one: DirtyRow, value: string | null): void {
  assert.equal(one.column, 'v', `${nasty.name}: the dirty row names another column`);
  assert.equal(one.value, value?.slice(0, 1_000) ?? null, `${nasty.name}: the dirty row shows another value`);
  assert.match(one.reason, /\w{3}.*\w{3}/, `${nasty.name}: the dirty row gives no reason`);
}

/** The value as the engine would hand it to a column of that type; undefined where its conversion refuses it. */
function asOf({ name, type, value, text }: NastyValue, to: LogicalType): Cell | undefined {
  if (value === null) return null;
  if (type.kind === to.kind) return value;
  if (type.kind === 'bool' && to.kind === 'int8') return Number(value);
  if (type.kind === 'binary' && to.kind === 'utf8')
    return isUtf8(value as Uint8Array) ? Buffer.from(value as Uint8Array).toString('utf8') : undefined;
  if (to.kind === 'utf8' || (to.kind === 'decimal' && type.kind === 'uint64')) return text;
  return assert.fail(`${name}: a ${typeText(type)} cannot become a ${typeText(to)} without loss`);
}

async function readBack(session: Session, object: string, type: LogicalType): Promise<string[]> {
  const how = { where: null, splitKey: null, splits: 1, maxBytes: null, fetchSize: null, options: {} };
  const plan = await session.source!.plan({ object, columns: ['id', 'v'], ...how }, calm());
  const rows: string[] = [];
  for (const split of plan.splits)
    for await (const batch of session.source!.read(split, null, calm())) {
      assert.deepEqual(batch.rare, [], 'values of our own writing are told as rare');
      for (let row = 0; row < batch.rows; row++) {
        const [id, v] = batch.columns.map((column, at) => cellText(column, batch.fields[at].type, row));
        rows.push(`${id}|${v === null ? '~' : asWritten(v, batch.fields[1].type, type)}`);
      }
      batch.release();
    }
  return rows.sort();
}

/** A system without truth values, or bytes, gives numbers, or texts, for them; one may print JSON in a way of its own. */
function asWritten(text: string, is: LogicalType, was: LogicalType): string {
  if (was.kind === 'bool' && is.kind !== 'bool') return text === '1' ? 'true' : text === '0' ? 'false' : text;
  if (was.kind === 'json') return jsonText(text);
  return was.kind === 'binary' && is.kind === 'utf8' ? Buffer.from(text).toString('hex').toUpperCase() : text;
}
