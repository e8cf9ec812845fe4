import { parseArgs } from 'node:util';
import { startEmulator, tableFiles } from '@sampan/maxcompute-emulator';
import { type DemoApi, type InstanceState, openDemoApi } from './demo-api.ts';
import { openSource } from './demo-source.ts';
import { makeFolder, startSampan } from './servers.ts';
import { compareTables, type SourcePlace } from './verify.ts';

export interface DemoOptions {
  rows: number;
  exit: boolean;
  json: boolean;
  /** `mysql://user@host/db`: your own tables, read only. */
  from: string | null;
  tables: string[] | null;
}

export interface DemoReport {
  rows: number;
  verified: boolean;
  mismatches: number;
  /** From the end of install and build to the last SUCCEEDED. */
  seconds: number;
  rowsPerSecond: number;
  instances: number;
  /** Seconds of each step. */
  steps: { [step: string]: number };
}

export interface DemoHooks {
  /** Called when all is copied and nothing is compared yet, with the emulator's folder. */
  beforeVerify?(data: string): Promise<void>;
  /** Ends a demo that stays up. */
  until?: Promise<void>;
}

const tell = (text: string) => process.stderr.write(`${text}\n`);

/** The main job, once: everything it starts is its own and is gone afterwards. Exit code 0: every value is equal. */
export async function runDemo(
  options: DemoOptions,
  hooks: DemoHooks = {},
): Promise<{ code: number; report: DemoReport }> {
  const began = Number(process.env.BUILD_ENDED_AT ?? Date.now());
  const undo: (() => Promise<unknown>)[] = [];
  const steps: DemoReport['steps'] = {};
  const timed = async <T>(step: string, work: () => Promise<T>): Promise<T> => {
    const from = performance.now();
    try {
      return await work();
    } finally {
      steps[step] = Math.round(performance.now() - from) / 1_000;
    }
  };
  try {
    const folder = await makeFolder('demo');
    undo.push(folder.remove);
    const [place, emulator, server] = await allStarted([
      timed('source', () => openSource(options, undo)),
      timed('emulator', async () => {
        const started = await startEmulator({ data: `${folder.path}/maxcompute` });
        undo.push(() => started.close());
        return started;
      }),
      timed('server', async () => {
        const started = await startSampan(`${folder.path}/data`);
        undo.push(() => started.stop());
        return started;
      }),
    ]);
    tell(`Sampan is at ${server.url}, the administrator's token in ${server.tokenFile}`);
    const api = openDemoApi(server.url, server.token);
    undo.push(() => api.close());
    const ended = await timed('copy', () => copyAll(api, options, place, emulator.endpoint));
    const seconds = (Date.now() - began) / 1_000;
    await hooks.beforeVerify?.(`${folder.path}/maxcompute`);
    const found = await timed('verify', () => verifyAll(place, ended, `${folder.path}/maxcompute`));
    const copying = ended.reduce((sum, one) => sum + (one.state.durationMs ?? 0), 0) / 1_000;
    const verified = found.mismatches === 0 && ended.every((one) => one.state.state === 'SUCCEEDED');
    const report: DemoReport = {
      rows: found.rows,
      verified,
      mismatches: found.mismatches,
      seconds,
      rowsPerSecond: Math.round(found.rows / Math.max(copying, 0.001)),
      instances: ended.length,
      steps,
    };
    tell(
      verified
        ? `verified: ${found.rows} rows in ${ended.length} tables, every value equal; ${seconds.toFixed(1)} s to SUCCEEDED`
        : `NOT verified: ${found.mismatches} rows differ`,
    );
    if (options.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    if (!options.exit) await stayUp(server.url, emulator.endpoint, hooks);
    return { code: verified ? 0 : 1, report };
  } finally {
    for (const step of undo.reverse()) await step().catch((error: Error) => tell(`Cleaning up: ${error.message}`));
  }
}

/** Like Promise.all, but a failure is told when all have ended: what one of them started can be stopped then. */
async function allStarted<T extends readonly unknown[]>(
  starting: readonly [...{ [at in keyof T]: Promise<T[at]> }],
): Promise<T> {
  await Promise.allSettled(starting);
  return Promise.all(starting) as unknown as Promise<T>;
}

async function stayUp(url: string, endpoint: string, hooks: DemoHooks): Promise<void> {
  tell(
    `Look around: ${url} (the playground), MaxCompute at ${endpoint} (project demo, access id demo, key demo). Ctrl-C ends it.`,
  );
  await (hooks.until ??
    new Promise<void>((resolve) => {
      process.once('SIGINT', () => resolve());
      process.once('SIGTERM', () => resolve());
    }));
}

interface Copied {
  table: string;
  object: string;
  state: InstanceState;
}

async function copyAll(api: DemoApi, options: DemoOptions, place: SourcePlace, endpoint: string): Promise<Copied[]> {
  const { host, port, user, password, database } = place;
  const source = await api.connect(
    'mysql',
    'shop',
    { host, port, user, database },
    password === '' ? {} : { password },
  );
  const target = await api.connect(
    'maxcompute',
    'warehouse',
    { endpoint, project: 'demo', accessId: 'demo' },
    { accessKey: 'demo' },
  );
  const folderId = await api.createFolder('demo');
  const tables = options.tables ?? (options.from === null ? ['orders'] : await api.objects(source));
  const copied: Copied[] = [];
  for (const { table, object } of targetNames(tables)) {
    const state = await api.copy({ folderId, source, target, table, object, onProgress: showProgress });
    copied.push({ table, object, state });
  }
  if (process.stderr.isTTY) process.stderr.write('\n');
  for (const { table, state } of copied) {
    if (state.state !== 'SUCCEEDED')
      tell(`${table}: ${state.state} ${state.failure?.message ?? ''} ${state.failure?.hint ?? ''}`);
  }
  return copied;
}

/** MaxCompute's names have letters, digits and `_` only, and no letter case: a name that is taken then gets a number. */
export function targetNames(tables: readonly string[]): { table: string; object: string }[] {
  const taken = new Set<string>();
  return tables.map((table) => {
    const base = table
      .toLowerCase()
      .replace(/[^a-z0-9_]/gu, '_')
      .replace(/^(?=\d)/, '_')
      .slice(0, 120);
    let object = base;
    for (let number = 2; taken.has(object); number++) object = `${base}_${number}`;
    taken.add(object);
    return { table, object };
  });
}

function showProgress(table: string, state: InstanceState): void {
  if (!process.stderr.isTTY) return;
  const speed =
    state.progress.rowsPerSecond === null ? '' : `, ${Math.round(state.progress.rowsPerSecond / 1_000)}k rows/s`;
  process.stderr.write(
    `\r\x1b[K${table}: ${state.state} ${state.phase ?? ''} ${state.progress.rowsWritten} rows${speed}`,
  );
}

async function verifyAll(
  place: SourcePlace,
  copied: Copied[],
  data: string,
): Promise<{ rows: number; mismatches: number }> {
  const sum = { rows: 0, mismatches: 0 };
  for (const { table, object, state } of copied) {
    if (state.state !== 'SUCCEEDED') {
      sum.mismatches++;
      continue;
    }
    const found = await compareTables(
      place,
      table,
      tableFiles(data, 'demo', object).flatMap((one) => one.files),
    ).catch((error: Error) => ({ rows: 0, mismatches: 1, example: error.message }));
    sum.rows += found.rows;
    sum.mismatches += found.mismatches;
    if (found.mismatches > 0) tell(`${table}: ${found.mismatches} rows differ; ${found.example}`);
    else tell(`${table}: ${found.rows} rows, every value equal`);
  }
  return sum;
}

const USAGE = `npm run demo [-- options]: copies MySQL → MaxCompute with everything embedded, and compares every value.
  --rows N        rows of the sample table (default 200000)
  --exit          end after the check; exit code 0: equal
  --json          one JSON object on standard output
  --from URL      mysql://user@host[:port]/database: your own tables, read only; the password from MYSQL_PWD or a prompt
  --tables a,b    only these tables
Without --from the sample is filled into a server of the demo's own, or into a new database on the one that MYSQL_URL
names (mysql://user@host[:port], the password in MYSQL_PWD), which is dropped at the end.
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string' },
      exit: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      from: { type: 'string' },
      tables: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return void process.stdout.write(USAGE);
  const rows = Number(values.rows ?? 200_000);
  if (!Number.isInteger(rows) || rows < 0) throw new Error(`--rows ${values.rows} is not a number of rows.`);
  const { code } = await runDemo({
    rows,
    exit: values.exit,
    json: values.json,
    from: values.from ?? null,
    tables: values.tables?.split(',') ?? null,
  });
  process.exit(code);
}

if (process.argv[1]?.endsWith('demo.js')) {
  main().catch((error: Error) => {
    tell(error.message);
    process.exit(1);
  });
}
