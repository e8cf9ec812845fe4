import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { download, openClient, upload } from './bench-client.ts';
import { BATCH, COLUMNS } from './bench-columns.ts';
import { type BenchRow, type Measured, measured, median, ratioOf } from './bench-measure.ts';
import { pythonWithPyodps } from './pyodps.ts';
import { startReplay } from './start-replay.ts';

type Peer = (what: string, rows: number) => Promise<Measured>;

interface PeerProcess {
  /** False where pyodps is the plain Python that it falls back to. */
  compiled: boolean;
  versions: { [name: string]: string };
  run: Peer;
  stop(): void;
}

/** pyodps in a process of its own, warm after its first run. */
async function startPeer(python: string, endpoint: string): Promise<PeerProcess> {
  const script = fileURLToPath(new URL('../peers/pyodps-speed.py', import.meta.url));
  const child: ChildProcessByStdio<Writable, Readable, null> = spawn(python, ['-u', script], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const answer = async (to: string) => {
    const { value, done } = await lines.next();
    if (done) throw new Error(`pyodps ended while it was to ${to}`);
    return JSON.parse(value);
  };
  const about = (await answer('start')) as Pick<PeerProcess, 'compiled' | 'versions'>;
  return {
    ...about,
    async run(what, rows) {
      child.stdin.write(`${JSON.stringify({ do: what, endpoint, rows })}\n`);
      const found = (await answer(what)) as { rows: number; seconds: number; cpu: number; rssMb: number };
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

interface Found {
  rows: BenchRow[];
  versions: { [name: string]: string };
  missing: string[];
}

const nothing = (why: string): Found => ({ rows: [], versions: {}, missing: [`P5: ${why}`] });

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
export async function benchP5(wanted: number, runs: number): Promise<Found> {
  const python = await pythonWithPyodps();
  if (python === null) return nothing('pyodps is not on this machine and cannot be installed');
  const rows = Math.ceil(wanted / BATCH) * BATCH;
  const replay = await startReplay(COLUMNS, rows);
  const endpoint = replay.url;
  const peer = await startPeer(python, endpoint);
  const http = openClient(endpoint);
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
      ours: () => upload(http, rows),
    },
  ];
  try {
    if (!peer.compiled) return nothing('the pyodps of this machine is plain Python: the target is the compiled one');
    // What the downloads are, for both: our records, the peer's Arrow.
    await upload(http, rows);
    await peer.run('write_arrow', rows);
    const found: BenchRow[] = [];
    for (const way of ways) found.push(await compared(way, peer.run, rows, runs));
    return { rows: found, versions: peer.versions, missing: [] };
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
    peer: `${way.peer}, compiled`,
    peerRowsPerSecond: its.rowsPerSecond,
    peerCpuPerMRow: its.cpuPerMRow,
    ratio,
    target: way.target,
    met: ratio >= way.target,
  };
}
