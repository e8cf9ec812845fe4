import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { tableFiles } from '@sampan/maxcompute-emulator';
import { ApiError, type Client } from '@sampan/sdk';
import type { ChaosWorld } from './chaos-world.ts';
import { compareTables } from './verify.ts';

export const PHASES = ['read', 'write', 'seal', 'verify', 'commit', 'after'] as const;
export type Phase = (typeof PHASES)[number];
export type Victim = 'host' | 'server';
export type Target = 'maxcompute' | 'mysql';
export type Mode = 'APPEND' | 'OVERWRITE';

export interface FaultPlan {
  target: Target;
  mode: Mode;
  phase: Phase;
  victim: Victim;
  /** 0 to 1: where within the phase. */
  moment: number;
}

export interface FaultResult {
  /** The phase the run was in when it was killed; null: it had ended before. */
  landed: Phase | null;
  lost: number;
  doubled: number;
  /** Row counts seen in the target that are neither the old nor the new content. */
  partialSeen: number[];
  stuck: boolean;
  recoveredMs: number;
}

interface Seen {
  state: string;
  phase: string | null;
  progress: { rowsRead: string; rowsWritten: string };
  splits: { nodes: { state: string }[] };
}

const SEEN =
  'query ($id: ID!) { node(id: $id) { ... on Instance { state phase progress { rowsRead rowsWritten } splits(first: 20) { nodes { state } } } } }';
const ENDED = new Set(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELLED']);
const RECOVERY_MS = 90_000;
/** Rows that the table holds before an OVERWRITE: not as many as it will hold. */
const OLD_ROWS = 1_000;

/** Which phase an observer sees. */
function phaseOf(seen: Seen): Phase | null {
  if (seen.state === 'SUCCEEDED') return 'after';
  if (seen.state !== 'RUNNING') return null;
  if (seen.phase === 'VERIFYING') return 'verify';
  if (seen.phase === 'COMMITTING') return 'commit';
  if (seen.splits.nodes.some((split) => split.state === 'SEALED')) return 'seal';
  return Number(seen.progress.rowsWritten) > 0 ? 'write' : 'read';
}

/** Runs one task, kills a process in one of its phases, waits for the end, and counts the rows with clients of its own. */
export async function runFault(world: ChaosWorld, plan: FaultPlan, number: number): Promise<FaultResult> {
  const table = `c${number}_${plan.target}_${plan.mode.toLowerCase()}`;
  const before = await prepare(world, plan, table);
  const id = await start(world, plan, table);
  widen(world, plan);
  const watcher = watch(
    world,
    plan,
    table,
    new Set([before, plan.mode === 'APPEND' ? before + world.rows : world.rows]),
  );
  const landed = await killAt(world, plan, id);
  const killedAt = Date.now();
  world.emulator.faults.clear();
  if (plan.victim === 'server') await world.restart();
  const state = await finish(world, id);
  const partialSeen = await watcher.stop();
  const { lost, doubled } = await count(world, plan, table, before);
  return { landed, lost, doubled, partialSeen, stuck: state !== 'SUCCEEDED', recoveredMs: Date.now() - killedAt };
}

async function prepare(world: ChaosWorld, plan: FaultPlan, table: string): Promise<number> {
  if (plan.mode === 'APPEND') return 0;
  // Old content, by a run of its own.
  const id = await start(world, { ...plan, phase: 'after' }, table, `id < ${OLD_ROWS}`);
  await finish(world, id);
  return rowsIn(world, plan, table);
}

async function start(world: ChaosWorld, plan: FaultPlan, table: string, where: string | null = null): Promise<string> {
  const { client } = world;
  const columns = (await world.columns()).map((column) => ({ target: column, column }));
  const task = {
    folderId: world.folder,
    name: `${table}${where === null ? '' : '_old'}`,
    kind: 'FULL',
    source: {
      dataSourceId: world.source,
      objects: ['orders'],
      splits: 4,
      parallel: 2,
      ...(where === null ? {} : { where }),
    },
    target: {
      dataSourceId: plan.target === 'mysql' ? world.mysqlTarget : world.warehouse,
      object: table,
      create: true,
      writeMode: plan.mode,
    },
    mapping: columns,
    schedule: { type: 'ONCE', timeZone: 'UTC' },
    // Slow enough that an observer finds it in each of its phases.
    options: where === null ? { rowsPerSecond: Math.round(world.rows * 0.4) } : {},
  };
  const { createTask } = await client.request<{ createTask: { task?: { id: string }; message?: string } }>(
    'mutation ($task: TaskInput!) { createTask(input: { task: $task }) { ... on CreateTaskSuccess { task { id } } ... on Error { message } } }',
    { task },
  );
  if (createTask.task === undefined) throw new Error(createTask.message);
  const { runTask } = await client.request<{ runTask: { instance: { id: string } } }>(
    'mutation ($id: ID!) { runTask(input: { id: $id }) { ... on RunTaskSuccess { instance { id } } } }',
    { id: createTask.task.id },
  );
  return runTask.instance.id;
}

/** Some phases pass in milliseconds: the emulator takes its time, so that a kill can land in them. */
function widen(world: ChaosWorld, plan: FaultPlan): void {
  if (plan.target !== 'maxcompute') return;
  if (plan.phase === 'verify')
    world.emulator.faults.add({ kind: 'delay', operation: 'reloadUpload', times: 50, millis: 250 });
  if (plan.phase === 'commit')
    world.emulator.faults.add({ kind: 'delay', operation: 'commitUpload', times: 1, millis: 400 });
}

async function look(client: Client, id: string): Promise<Seen | null> {
  try {
    return (await client.request<{ node: Seen }>(SEEN, { id })).node;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    return null;
  }
}

async function killAt(world: ChaosWorld, plan: FaultPlan, id: string): Promise<Phase | null> {
  const { pid } = world.server;
  for (;;) {
    const seen = await look(world.client, id);
    if (seen === null) continue;
    const phase = phaseOf(seen);
    if (phase === plan.phase || phase === 'after' || ENDED.has(seen.state)) {
      const width =
        plan.phase === 'commit' && plan.target === 'maxcompute'
          ? 700
          : plan.phase === 'read'
            ? 400
            : plan.phase === 'after'
              ? 200
              : 150;
      await new Promise((resolve) => setTimeout(resolve, plan.moment * width));
      const now = await look(world.client, id);
      const landed = now === null ? null : phaseOf(now);
      if (plan.victim === 'server') await world.server.kill();
      else for (const child of hostsOf(pid)) process.kill(child, 'SIGKILL');
      return landed;
    }
  }
}

function hostsOf(pid: number): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid=,args='], { encoding: 'utf8' })
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return lines
    .filter(([, parent, ...args]) => Number(parent) === pid && args.join(' ').includes('child.js run'))
    .map(([child]) => Number(child));
}

async function finish(world: ChaosWorld, id: string): Promise<string> {
  const deadline = Date.now() + RECOVERY_MS;
  for (;;) {
    const seen = await look(world.client, id).catch(() => null);
    if (seen !== null && ENDED.has(seen.state)) return seen.state;
    if (Date.now() > deadline) return seen?.state ?? 'unreachable';
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function rowsIn(world: ChaosWorld, plan: FaultPlan, table: string): Promise<number> {
  if (plan.target === 'maxcompute') {
    try {
      const manifest = JSON.parse(
        readFileSync(`${world.data}/maxcompute/demo/tables/${table}/manifest.json`, 'utf8'),
      ) as { partitions: { blocks: { rows: number }[] }[] };
      return manifest.partitions.flatMap((one) => one.blocks).reduce((sum, block) => sum + block.rows, 0);
    } catch {
      return 0;
    }
  }
  const [rows] = await world.watcher.query(
    'SELECT COUNT(*) n FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ?',
    [table],
  );
  if (Number((rows as { n: number }[])[0].n) === 0) return 0;
  const [counted] = await world.watcher.query(`SELECT COUNT(*) n FROM \`${table}\``);
  return Number((counted as { n: number }[])[0].n);
}

/** Looks at the target all the time, on a connection of its own. */
function watch(world: ChaosWorld, plan: FaultPlan, table: string, allowed: Set<number>): { stop(): Promise<number[]> } {
  const seen: number[] = [];
  let on = true;
  const looking = (async () => {
    while (on) {
      const rows = await rowsIn(world, plan, table);
      if (!allowed.has(rows) && seen.at(-1) !== rows) seen.push(rows);
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
  })();
  return {
    async stop() {
      on = false;
      await looking;
      return seen;
    },
  };
}

/** Rows that are missing and rows that are too many, each value compared; by plain clients, never by our readers. */
async function count(
  world: ChaosWorld,
  plan: FaultPlan,
  table: string,
  before: number,
): Promise<{ lost: number; doubled: number }> {
  const wanted = plan.mode === 'APPEND' ? before + world.rows : world.rows;
  const there = await rowsIn(world, plan, table);
  if (plan.target === 'maxcompute') {
    const { mismatches } = await compareTables(
      world.place,
      'orders',
      tableFiles(`${world.data}/maxcompute`, 'demo', table).flatMap((one) => one.files),
    );
    const more = Math.max(0, there - wanted);
    return { doubled: more, lost: Math.max(0, mismatches - more) };
  }
  const [[{ n }]] = (await world.watcher.query(
    `SELECT COUNT(*) n FROM (SELECT * FROM orders EXCEPT SELECT * FROM \`${table}\`) d`,
  )) as unknown as [[{ n: number }]];
  return { lost: Number(n), doubled: Math.max(0, there - wanted) };
}
