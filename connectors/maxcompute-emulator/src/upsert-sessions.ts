import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocks, readJson, replaceJson } from './files.ts';
import { Refusal } from './refusal.ts';
import type { Block, Manifest, Storage } from './storage.ts';

/** An upsert session: one JSON file, so that it outlives the process. */
export interface UpsertSession {
  id: string;
  table: string;
  tableId: string;
  partition: string;
  /** How many of the table's columns its records have: the schema that the client was told. */
  width: number;
  buckets: number;
  slots: number;
  status: 'NORMAL' | 'COMMITTING' | 'COMMITTED' | 'ABORTED' | 'CRITICAL';
  createdAt: string;
  expiresAt: string;
  /** In the order in which they came: of one key the last record counts. */
  packs: Block[];
}

export interface UpsertSessions {
  save(session: UpsertSession): Promise<void>;
  /** @throws Refusal `UpsertSessionNotFound` */
  find(table: string, id: string): Promise<{ session: UpsertSession; manifest: Manifest }>;
  /** One change of a session at a time. */
  locked<T>(id: string, work: () => Promise<T>): Promise<T>;
  list(): Promise<UpsertSession[]>;
  /** Removes those that have expired; with `all`, every one. */
  forget(all: boolean): Promise<void>;
}

export async function openUpsertSessions(storage: Storage): Promise<UpsertSessions> {
  const folder = join(storage.folder, storage.project, 'upserts');
  await mkdir(folder, { recursive: true });
  for (const name of await readdir(folder)) if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
  const file = (id: string) => join(folder, `${id}.json`);
  const expired = (session: UpsertSession) => Date.parse(session.expiresAt) < Date.now();
  /** A crash between the commit and the session's note of it: the manifest knows. */
  const asItIs = (session: UpsertSession, manifest: Manifest | undefined): UpsertSession =>
    session.status === 'COMMITTED' || manifest?.uploads.includes(session.id)
      ? { ...session, status: 'COMMITTED', packs: [] }
      : session;
  const list = async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    const read = await Promise.all(names.map((name) => readJson<UpsertSession>(join(folder, name))));
    const found = read.filter((one) => one !== undefined).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
    return Promise.all(found.map(async (one) => asItIs(one, await storage.get(one.table))));
  };
  return {
    save: (session) => replaceJson(file(session.id), session),
    async find(table, id) {
      const session = /^[a-z0-9]{1,64}$/i.test(id) ? await readJson<UpsertSession>(file(id)) : undefined;
      const manifest = await storage.require(table);
      if (session === undefined || session.tableId !== manifest.id || expired(session))
        throw new Refusal(
          404,
          'UpsertSessionNotFound',
          `There is no upsert session ${id} for table ${table}, or it has expired.`,
        );
      return { session: asItIs(session, manifest), manifest };
    },
    locked: createLocks(),
    list,
    async forget(all) {
      for (const session of await list()) if (all || expired(session)) await rm(file(session.id), { force: true });
    },
  };
}
