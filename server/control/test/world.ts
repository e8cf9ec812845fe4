import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createHostPool } from '@sampan/hosts/pool';
import { sql } from 'drizzle-orm';
import pino from 'pino';
import { type OpenedDatabase, openDatabase } from '../../app/src/database.ts';
import { type Claimer, claim } from '../src/claims.ts';
import { type Actor, type Control, readNow, type TaskDefinition, tables } from '../src/index.ts';
import { bringOnline, definitionOf as definitionOfTask } from '../src/lifecycle.ts';
import { replanTask } from '../src/planner.ts';
import { parseSchedule, type ScheduleInput } from '../src/schedules.ts';

export type Task = typeof tables.tasks.$inferSelect;
export type Instance = typeof tables.instances.$inferSelect;

/** A real database of its own, with a clock that the test sets. */
export interface World {
  control: Control;
  database: OpenedDatabase;
  actor: Actor;
  workspaceId: string;
  /** A new version of the task with another schedule, as `updateTask` makes it. */
  reschedule(taskId: string, schedule: Partial<ScheduleInput>): Promise<void>;
  /** Another process's connections to the same database. */
  other(): Promise<Control>;
  setClock(at: string | Date): Promise<void>;
  now(): Promise<Date>;
  /** A task that is online, with its own target unless the changes name one. */
  task(schedule: Partial<ScheduleInput>, changes?: TaskChanges): Promise<Task>;
  taskNow(id: string): Promise<Task>;
  instancesOf(taskId: string): Promise<Instance[]>;
  instance(id: string): Promise<Instance>;
  close(): Promise<void>;
}

export interface TaskChanges {
  target?: Partial<TaskDefinition['target']>;
  options?: Partial<TaskDefinition['options']>;
  online?: boolean;
}

export const controlOn = (database: OpenedDatabase): Control => ({
  db: database.db,
  sql: database.sql,
  hosts: createHostPool({ network: { deny: [], allowLoopback: true } }),
  log: pino({ level: 'silent' }),
  connectors: new Map(),
  keys: { current: '', byId: new Map() },
});

export async function openWorld(): Promise<World> {
  const data = mkdtempSync(join(tmpdir(), 'sampan-control-'));
  const database = await openDatabase({ databaseUrl: null, data });
  const opened = [database];
  const control = controlOn(database);
  const { db } = control;
  await db.execute(sql`create table test_clock (at timestamptz not null)`);
  await db.execute(sql`insert into test_clock values ('2026-01-01T00:00:00Z')`);
  await db.execute(
    sql`create or replace function sampan_now() returns timestamptz language sql stable as 'select at from test_clock'`,
  );
  const [{ id: workspaceId }] = await db.insert(tables.workspaces).values({ name: 'test' }).returning();
  const [user] = await db.insert(tables.users).values({ name: 'ada', platformRole: 'ADMIN' }).returning();
  const actor: Actor = { userId: user.id, name: user.name, platformRole: 'ADMIN' };
  const [folder] = await db.insert(tables.folders).values({ workspaceId, name: 'all' }).returning();
  let made = 0;
  const world: World = {
    control,
    database,
    actor,
    workspaceId,
    async other() {
      const another = await openDatabase({ databaseUrl: database.url, data });
      opened.push(another);
      return controlOn(another);
    },
    async setClock(at) {
      await db.execute(sql`update test_clock set at = ${new Date(at).toISOString()}::timestamptz`);
    },
    now: () => readNow(db),
    async task(schedule, changes = {}) {
      const name = `task ${++made}`;
      const [task] = await db
        .insert(tables.tasks)
        .values({ workspaceId, folderId: folder.id, name, kind: 'FULL' })
        .returning();
      const definition = definitionOf(name, schedule, changes);
      await db.insert(tables.taskVersions).values({ taskId: task.id, number: 1, byUser: user.id, definition });
      if (changes.online !== false) await db.transaction((tx) => bringOnline(tx, task.id, actor));
      return world.taskNow(task.id);
    },
    async reschedule(taskId, schedule) {
      await db.transaction(async (tx) => {
        const { name, version } = await world.taskNow(taskId);
        const before = await definitionOfTask(tx, { id: taskId, version });
        const definition = { ...before, schedule: definitionOf(name, schedule, {}).schedule };
        const next = { taskId, number: version + 1, byUser: user.id, definition };
        await tx.insert(tables.taskVersions).values(next);
        await tx
          .update(tables.tasks)
          .set({ version: version + 1 })
          .where(sql`id = ${taskId}`);
        await replanTask(tx, taskId, { version, definition: before }, definition.schedule);
      });
    },
    async taskNow(id) {
      const [row] = await db.select().from(tables.tasks).where(sql`id = ${id}`);
      return row;
    },
    instancesOf: (taskId) =>
      db.select().from(tables.instances).where(sql`task_id = ${taskId}`).orderBy(sql`scheduled_at, id`),
    async instance(id) {
      const [row] = await db.select().from(tables.instances).where(sql`id = ${id}`);
      return row;
    },
    async close() {
      await control.hosts.close();
      for (const one of opened.reverse()) await one.close();
      rmSync(data, { recursive: true, force: true });
    },
  };
  return world;
}

function definitionOf(name: string, schedule: Partial<ScheduleInput>, changes: TaskChanges): TaskDefinition {
  const parsed = parseSchedule({ type: 'PERIODIC', timeZone: 'UTC', ...schedule });
  if (parsed.issues.length > 0) throw new Error(JSON.stringify(parsed.issues));
  return {
    source: {
      dataSourceId: SOURCE,
      objects: ['orders'],
      where: null,
      splitKey: null,
      splits: null,
      parallel: 1,
      fetchSize: null,
      options: {},
    },
    target: {
      dataSourceId: TARGET,
      object: name,
      create: false,
      ddl: null,
      writeMode: 'OVERWRITE',
      partition: [],
      preSql: [],
      postSql: [],
      publish: 'AUTO',
      options: {},
      ...changes.target,
    },
    mapping: [],
    schedule: parsed.schedule,
    options: {
      cpu: 1,
      memoryMb: 100,
      timeoutMinutes: 60,
      priority: 'NORMAL',
      dirtyRows: '0',
      dirtyShare: null,
      rowsPerSecond: null,
      bytesPerSecond: null,
      reconciliation: 'COUNT',
      retries: 2,
      retryDelaySeconds: 30,
      retryBackoff: 2,
      retryOn: ['BUSY'],
      ...changes.options,
    },
  };
}

const SOURCE = '00000000-0000-0000-0000-0000000000a1';
const TARGET = '00000000-0000-0000-0000-0000000000a2';

export const LEASE_SECONDS = 30;

/** What a worker with room for everything takes. */
export const claimAs = (control: Control, worker: string, changes: Partial<Claimer> = {}): Promise<Instance[]> =>
  claim(control, {
    worker,
    leaseSeconds: LEASE_SECONDS,
    freeMemoryMb: 1_000_000,
    freeCpu: 1_000_000,
    allCpu: 1_000_000,
    most: 1_000,
    ...changes,
  });

export const iso = (date: Date) => date.toISOString().replace('.000Z', 'Z');
