import fs from 'node:fs';
import { mkdtemp, open as openFile, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, it } from 'vitest';
// @ts-expect-error: plain JavaScript, as a third party may write it
import jsonl from '../../../docs/examples/connector-jsonl/index.js';
import type { Connector, Session } from '../src/index.ts';
import {
  configCases,
  createTestContext,
  type Fate,
  type KitTable,
  type Line,
  type Moment,
  sessionCases,
  sourceCases,
  targetCases,
} from '../src/testing/index.ts';

const connector = jsonl as Connector<never>;
let folder: string;
let taken = 0;

const open = async (changes: object = {}): Promise<Session> =>
  connector.open(connector.config.parse({ folder, ...changes }), createTestContext());

const count = (rows: number) => Array.from({ length: rows }, (_, at) => String(at));

const TABLES: KitTable[] = [
  { kind: 'no rows', object: 'none', ids: [] },
  { kind: 'whole numbers', object: 'whole', ids: count(12_345) },
  { kind: 'sparse and negative', object: 'sparse', ids: ['-9223372036854775808', '-5', '0', '9223372036854775807'] },
  { kind: 'text without regard to case', object: 'text', ids: ['a', 'A', 'Ö', 'ö', '', 'a\nb', '"\\'] },
  { kind: 'decimal', object: 'decimal', ids: ['-1.50', '0.00', '99.99'] },
  { kind: 'date', object: 'date', ids: ['0001-01-01', '9999-12-31'] },
  { kind: 'composite', object: 'two', ids: count(300) },
  { kind: 'NULLs', object: 'nulls', ids: ['~', '1', '~'] },
  { kind: 'duplicates', object: 'same', ids: ['1', '1', '2'] },
  { kind: 'no key', object: 'key', ids: count(10) },
];

const lines = (ids: string[], more: (id: string) => object = () => ({})) =>
  ids.map((id) => `${JSON.stringify({ id: id === '~' ? null : id, ...more(id) })}\n`).join('');

const LARGE = {
  many: { object: 'many', rows: 200_000, bytes: 200_000 * 270 },
  wide: { object: 'wide', rows: 52, bytes: 52 * 2 ** 20 },
};

async function fill(): Promise<void> {
  for (const { kind, object, ids } of TABLES)
    await writeFile(
      join(folder, `${object}.jsonl`),
      lines(ids, () => (kind === 'composite' ? { b: 'x' } : {})),
    );
  for (const [{ object, rows }, size] of [
    [LARGE.many, 256],
    [LARGE.wide, 2 ** 20],
  ] as const)
    await writeFile(
      join(folder, `${object}.jsonl`),
      lines(count(rows), (id) => ({ v: id.padStart(size, 'x') })),
    );
}

/** Bytes that are read of files through handles are counted, in whatever module. */
async function countReads(): Promise<() => void> {
  const probe = await openFile(join(folder, 'none.jsonl'));
  const handle = Object.getPrototypeOf(probe) as typeof probe;
  await probe.close();
  const read = handle.read;
  handle.read = async function (this: typeof probe, ...parts: never[]) {
    const result = await (read as (...all: never[]) => Promise<{ bytesRead: number }>).apply(this, parts);
    taken += result.bytesRead;
    return result;
  } as never;
  return () => {
    handle.read = read;
  };
}

/** The system is the file system, its requests are renames: that of a sealed split, and that which publishes. */
async function line(): Promise<Line> {
  const { rename, rm: remove } = fs.promises;
  let [go, tell] = [() => {}, () => {}];
  const struck = new Promise<void>((resolve) => {
    tell = resolve;
  });
  const put = (how: typeof rename, removing = remove) => {
    Object.assign(fs.promises, { rename: how, rm: removing });
    syncBuiltinESMExports();
  };
  const gone = async () => {
    throw Object.assign(new Error('the process ends here'), { code: 'EIO' });
  };
  /** Whatever that process would still do does not happen; then others go on. */
  const end = () => {
    put(gone, gone);
    setTimeout(() => {
      put(rename);
      tell();
    }, 50);
    return gone();
  };
  return {
    open: () => open(),
    strike(moment: Moment, fate: Fate) {
      let done = false;
      put(async (from, to) => {
        const isMoment = moment === 'publish' ? String(from).endsWith('whole') : String(from).endsWith('.part');
        if (done || !isMoment || String(from).endsWith('whole.part')) return rename(from, to);
        done = true;
        if (fate === 'hold') {
          const held = new Promise<void>((resolve) => {
            go = resolve;
          });
          // Others go on meanwhile.
          put(rename);
          tell();
          await held;
          return rename(from, to);
        }
        if (fate === 'lose answer') await rename(from, to);
        return end();
      });
    },
    struck,
    release: () => go(),
    close: async () => {
      go();
      put(rename);
    },
  };
}

describe('the sample connector', () => {
  let stop: () => void;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'jsonl-'));
    await fill();
    stop = await countReads();
  });
  afterAll(async () => {
    stop();
    await rm(folder, { recursive: true, force: true });
  });
  const sockets = () => 0;
  const read = async (object: string) => {
    const text = await readFile(join(folder, `${object}.jsonl`), 'utf8').catch(() => '');
    return text
      .split('\n')
      .filter((one) => one !== '')
      .map((one) => JSON.parse(one) as { id: string; v: string | null })
      .map(({ id, v }) => `${id}|${v ?? '~'}`);
  };
  // Bytes that are UTF-8 come as the text they are.
  const shown = async (object: string, type: { kind: string }) =>
    (await read(object)).map((row) => {
      const [id, v] = [row.slice(0, row.indexOf('|')), row.slice(row.indexOf('|') + 1)];
      return type.kind === 'binary' && v !== '~' ? `${id}|${Buffer.from(v).toString('hex').toUpperCase()}` : row;
    });
  const staged = async () => (await readdir(folder)).filter((name) => /^\.(staged|lock)/.test(name));
  const cases = [
    ...sourceCases({ open, tables: TABLES, large: LARGE, taken: () => taken, sockets }),
    ...targetCases({ open, line, read: shown, refuses: {}, staged, sockets }),
    ...sessionCases({
      open,
      wrong: [{ name: 'a folder that is not there', kinds: ['missing'], open: () => open({ folder: '/not/there' }) }],
      secrets: [],
    }),
    ...configCases(connector, { folder: '/' }, ['folder']),
  ];
  for (const { law, name, run } of cases) it(`law ${law}: ${name}`, run, 60_000);
});
