import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  type BodyFormat,
  type ColumnData,
  createDownload,
  createUpload,
  Http,
  readRows,
  writeBlock,
} from '@sampan/maxcompute';
import { type BenchRow, type Measured, measured, median, ratioOf } from './bench-measure.ts';
import { PYODPS_VERSION, pythonWithPyodps } from './pyodps.ts';
import { startReplay } from './start-replay.ts';

const COLUMNS = [
  ['id', 'bigint'],
  ['a', 'int'],
  ['b', 'bigint'],
  ['amount', 'decimal(18,4)'],
  ['ratio', 'double'],
  ['name', 'string'],
  ['title', 'string'],
  ['created', 'datetime'],
  ['day', 'date'],
  ['flag', 'tinyint'],
  ['note', 'string'],
].map(([name, type]) => ({ name, type }));
const BATCH = 8_192;
const TABLE = { table: 'wide', partition: [] };

/** Rows of 11 columns, about 248 bytes each, the same as the peer's. */
function columnsOf(): ColumnData[] {
  const numbers = Array.from({ length: BATCH }, (_, n) => n);
  const text = (of: (n: number) => string | null): ColumnData => {
    const parts = numbers.map((n) => Buffer.from(of(n) ?? ''));
    const offsets = new Int32Array(BATCH + 1);
    const validity = new Uint8Array(BATCH / 8);
    parts.forEach((part, n) => {
      offsets[n + 1] = offsets[n] + part.length;
      if (of(n) !== null) validity[n >> 3] |= 1 << (n & 7);
    });
    return { length: BATCH, validity, offsets, data: Buffer.concat(parts) };
  };
  const fixed = (values: ColumnData['values']): ColumnData => ({ length: BATCH, values });
  const big = (of: (n: number) => number) => fixed(BigInt64Array.from(numbers, (n) => BigInt(of(n))));
  return [
    big((n) => n),
    fixed(Int32Array.from(numbers, (n) => ((n * 7) % 1_000_003) - 500_000)),
    big((n) => n % 4_294_967_291),
    text((n) => ((n - 20_000_000) / 10_000).toFixed(4)),
    fixed(Float64Array.from(numbers, (n) => n / 3.7)),
    text((n) => `customer ${n} Müller 你好`),
    text((n) => `${'x'.repeat(n % 40)} title ${n}`),
    big((n) => (Date.UTC(2020, 0, 1) + n * 37_000 + (n % 1_000)) * 1_000),
    fixed(Int32Array.from(numbers, (n) => 10_957 + (n % 9_000))),
    fixed(Int8Array.from(numbers, (n) => (n % 100) - 50)),
    text((n) => (n % 5 === 0 ? null : `note ${n}${'é'.repeat(n % 90)}`)),
  ];
}

async function upload(http: Http, columns: readonly ColumnData[], rows: number): Promise<number> {
  const session = await createUpload(http, TABLE);
  const block = await writeBlock(http, TABLE, session, 0);
  for (let written = 0; written < rows; written += BATCH) await block.write(columns, BATCH);
  return (await block.finish()).rows;
}

async function download(http: Http, format: BodyFormat): Promise<number> {
  const session = await createDownload(http, TABLE);
  let rows = 0;
  for await (const batch of readRows(http, TABLE, session, 0, session.rows, { format })) rows += batch.rows;
  return rows;
}

type Peer = (what: string, rows: number) => Promise<Measured>;

/** pyodps in a process of its own, warm after its first run. */
function startPeer(python: string, endpoint: string): { run: Peer; stop(): void } {
  const script = fileURLToPath(new URL('../peers/pyodps-speed.py', import.meta.url));
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(python, ['-u', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async run(what, rows) {
      child.stdin.write(`${JSON.stringify({ do: what, endpoint, rows })}\n`);
      const { value, done } = await lines.next();
      if (done) throw new Error(`pyodps ended while it was to ${what}`);
      const found = JSON.parse(value) as { rows: number; seconds: number; cpu: number; rssMb: number };
      if (found.rows !== rows) throw new Error(`pyodps: ${found.rows} of ${rows} rows`);
      return {
        rowsPerSecond: Math.round(rows / found.seconds),
        cpuPerMRow: (found.cpu * 1e6) / rows,
        rssMb: found.rssMb,
      };
    },
    stop: () => void child.kill(),
  };
}

interface Way {
  name: string;
  peer: string;
  what: string;
  target: number;
  ours: () => Promise<number>;
}

/**
 * MaxCompute → columns and back, against pyodps in the same run: both have their own process, speak to the same tunnel
 * over HTTP and meet the same bytes, CRCs included. In turn, since the machine's speed drifts.
 */
export async function benchP5(wanted: number, runs: number): Promise<{ rows: BenchRow[]; missing: string[] }> {
  const python = await pythonWithPyodps();
  if (python === null) return { rows: [], missing: ['P5: pyodps is not on this machine and cannot be installed'] };
  const rows = Math.ceil(wanted / BATCH) * BATCH;
  const replay = await startReplay(COLUMNS, rows);
  const endpoint = replay.url;
  const peer = startPeer(python, endpoint);
  const http = new Http({
    endpoint: `${endpoint}/api`,
    tunnelEndpoint: endpoint,
    project: 'p',
    accessId: 'a',
    accessKey: 'k',
  });
  const columns = columnsOf();
  const ways: Way[] = [
    {
      name: 'MaxCompute → columns, records',
      peer: 'pyodps record reader',
      what: 'read_records',
      target: 4,
      ours: () => download(http, 'records'),
    },
    {
      name: 'MaxCompute → columns, Arrow',
      peer: 'pyodps Arrow reader',
      what: 'read_arrow',
      target: 1.5,
      ours: () => download(http, 'arrow'),
    },
    {
      name: 'columns → MaxCompute',
      peer: 'pyodps record writer',
      what: 'write_records',
      target: 6,
      ours: () => upload(http, columns, rows),
    },
  ];
  try {
    // What the downloads are, for both: our records, the peer's Arrow.
    await upload(http, columns, rows);
    await peer.run('write_arrow', rows);
    const found: BenchRow[] = [];
    for (const way of ways) found.push(await compared(way, peer.run, rows, runs));
    return { rows: found, missing: [] };
  } finally {
    peer.stop();
    http.close();
    replay.stop();
  }
}

async function compared(way: Way, peer: Peer, rows: number, runs: number): Promise<BenchRow> {
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  for (let run = 0; run <= runs; run++) {
    const one = await measured(rows, way.ours);
    const other = await peer(way.what, rows);
    // The first of each warms up.
    if (run > 0) {
      ours.push(one);
      theirs.push(other);
    }
  }
  const [own, its] = [median(ours), median(theirs)];
  const ratio = ratioOf(own, its);
  return {
    id: 'P5',
    name: way.name,
    ...own,
    peer: `${way.peer} (${PYODPS_VERSION})`,
    peerRowsPerSecond: its.rowsPerSecond,
    peerCpuPerMRow: its.cpuPerMRow,
    ratio,
    target: way.target,
    met: ratio >= way.target,
  };
}
