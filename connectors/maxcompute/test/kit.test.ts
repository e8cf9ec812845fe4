import { DuckDBInstance } from '@duckdb/node-api';
import {
  type Cell,
  cellText,
  columnOf,
  type Load,
  type LogicalType,
  type Session,
  type Target,
} from '@sampan/connector';
import {
  configCases,
  createTestContext,
  type Line,
  type Moment,
  sessionCases,
  sourceCases,
  startLine,
  targetCases,
} from '@sampan/connector/testing';
import { listTables } from '@sampan/maxcompute';
import { beforeAll, describe, it } from 'vitest';
import { tableFiles } from '../../maxcompute-emulator/src/index.ts';
import connector from '../src/index.ts';
import { calm, useWorld } from './fixture.ts';
import { fill, LARGE, TABLES } from './kit-tables.ts';

const WRONG_KEY = 'not-the-Acce55-key';

const world = useWorld();
const context = createTestContext();
const { sockets, taken } = context;
const open = async (changes: { [name: string]: string } = {}) =>
  connector.open(connector.config.parse({ ...world.options(), ...changes }), context);

/** A block is one PUT; the request that commits is a POST to the session. */
const isMoment = (moment: Moment, data: Buffer) => {
  const head = data.subarray(0, 400).toString('latin1');
  return moment === 'write' ? head.startsWith('PUT ') : /^POST \S*[?&]up(load|sert)id=/.test(head);
};

/** How DuckDB shows a value, from which its exact text is made. */
const SHOWN: { [K in LogicalType['kind']]?: string } = {
  // As text, a byte order mark in front would be taken off.
  utf8: 'hex(v)',
  float32: 'v::DOUBLE::VARCHAR',
  float64: 'v::VARCHAR',
  binary: 'hex(v)',
  date: "date_diff('day', DATE '1970-01-01', v)::VARCHAR",
  datetime: 'epoch_us(v)::VARCHAR',
  timestamp: 'epoch_us(v)::VARCHAR',
};

const FLOATS: { [text: string]: string } = { nan: 'NaN', inf: 'Infinity', '-inf': '-Infinity' };

function textOf(type: LogicalType, shown: string | null): string {
  if (shown === null) return '~';
  const exact = (value: Cell) => cellText(columnOf(type, [value]), type, 0)!;
  if (type.kind === 'float32' || type.kind === 'float64') return exact(Number(FLOATS[shown] ?? shown));
  if (type.kind === 'utf8') return Buffer.from(shown, 'hex').toString('utf8');
  if (type.kind === 'date') return exact(Number(shown));
  return type.kind === 'datetime' || type.kind === 'timestamp' ? exact(BigInt(shown)) : shown;
}

/** The files of a table, read by DuckDB alone: nothing of ours has touched the values on their way back. */
async function read(object: string, type: LogicalType): Promise<string[]> {
  const files = tablePaths(object);
  if (files.length === 0) return [];
  const duck = await DuckDBInstance.create(':memory:');
  const connection = await duck.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    const list = files.map((file) => `'${file}'`).join(', ');
    const sql = `SELECT id::VARCHAR, ${SHOWN[type.kind] ?? 'v::VARCHAR'} FROM read_parquet([${list}], union_by_name = true)`;
    const rows = (await connection.runAndReadAll(sql)).getRows() as [string, string | null][];
    return rows.map(([id, v]) => `${id}|${textOf(type, v)}`);
  } finally {
    connection.closeSync();
    duck.closeSync();
  }
}

function tablePaths(object: string): string[] {
  try {
    return tableFiles(world.folder, 'demo', object).flatMap((one) => one.files);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

/** Upload sessions go away by themselves; tables do not. */
async function staged(): Promise<string[]> {
  const names: string[] = [];
  for await (const name of listTables(world.http, '', calm())) if (name.startsWith('sampan_')) names.push(name);
  return names;
}

const line = () =>
  startLine({ host: '127.0.0.1', port: Number(new URL(world.emulator.endpoint).port) }, isMoment, (port) =>
    open({ endpoint: `http://127.0.0.1:${port}/api`, tunnelEndpoint: `http://127.0.0.1:${port}` }),
  );

describe('the contract, as a source', () => {
  beforeAll(() => fill(world));
  for (const { law, name, run } of sourceCases({ open, tables: TABLES, large: LARGE, taken, sockets }))
    it(`law ${law}: ${name}`, run, 60_000);
});

describe('the contract, as a target', () => {
  const refuses = { '-2^63': 'BIGINT begins one above it' };
  for (const { law, name, run } of targetCases({ open, line, read, refuses, staged, sockets }))
    it(`law ${law}: ${name}`, run, 120_000);
});

/** The same cases through upsert sessions: what a case appends, it upserts by the key `id` into a Delta table. */
const byKey = (session: Session): Session => {
  const target = session.target!;
  const keyed = (load: Load): Load =>
    load.mode === 'APPEND' ? { ...load, mode: 'UPSERT', keys: ['id'], uniqueKeys: false } : load;
  const keyedTarget: Target = {
    ...target,
    prepare: (load, signal) => target.prepare(keyed(load), signal),
    begin: (load, lease, previous, signal) => target.begin(keyed(load), lease, previous, signal),
  };
  return { ...session, target: keyedTarget, [Symbol.asyncDispose]: () => session[Symbol.asyncDispose]() };
};

describe('the contract, as a target of upserts', () => {
  const refuses = { '-2^63': 'BIGINT begins one above it' };
  const keyedLine = async (): Promise<Line> => {
    const found = await line();
    return Object.create(found, { open: { value: async () => byKey(await found.open()) } });
  };
  const cases = targetCases({ open: async () => byKey(await open()), line: keyedLine, read, refuses, staged, sockets });
  for (const { law, name, run } of cases) it(`law ${law}: ${name}`, run, 120_000);
});

describe('the contract, as a session', () => {
  const cases = sessionCases({
    open,
    secrets: [WRONG_KEY],
    wrong: [
      { name: 'a wrong access key', kinds: ['auth'], open: () => open({ accessKey: WRONG_KEY }) },
      { name: 'an unknown access id', kinds: ['auth'], open: () => open({ accessId: 'nobody', accessKey: WRONG_KEY }) },
      { name: 'an unknown project', kinds: ['missing', 'auth'], open: () => open({ project: 'not_there' }) },
      {
        name: 'a port where nobody listens',
        kinds: ['busy'],
        open: () => open({ endpoint: 'http://127.0.0.1:1/api', accessKey: WRONG_KEY }),
      },
      {
        name: 'an unknown host',
        kinds: ['config'],
        open: () => open({ endpoint: 'http://nowhere.invalid/api', accessKey: WRONG_KEY }),
      },
    ],
  });
  for (const { law, name, run } of cases) it(`law ${law}: ${name}`, run, 60_000);
});

describe('the contract, options', () => {
  const good = { endpoint: 'http://127.0.0.1:1/api', project: 'p', accessId: 'a', accessKey: 'k' };
  const required = ['endpoint', 'project', 'accessId', 'accessKey'];
  for (const { law, name, run } of configCases(connector as never, good, required)) it(`law ${law}: ${name}`, run);
});
