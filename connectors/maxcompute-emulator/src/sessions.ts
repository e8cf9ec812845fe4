import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLocks, readJson, replaceJson } from './files.ts';
import { Refusal } from './refusal.ts';
import { type Block, type Manifest, SESSION_MS, type Storage } from './storage.ts';

/** An upload session: one JSON file, so that it outlives the process. */
export interface Session {
  id: string;
  table: string;
  tableId: string;
  partition: string;
  overwrite: boolean;
  /** How many of the table's columns its records have: the schema that the client was told. */
  width: number;
  status: 'NORMAL' | 'CLOSED';
  createdAt: string;
  blocks: { id: number; block: Block; version: number }[];
}

export interface Sessions {
  save(session: Session): Promise<void>;
  /** @throws Refusal `NoSuchUpload` */
  find(table: string, id: string): Promise<{ session: Session; manifest: Manifest }>;
  /** One change of a session at a time. */
  locked<T>(id: string, work: () => Promise<T>): Promise<T>;
  list(): Promise<Session[]>;
  /** Removes those that have expired; with `all`, every one. */
  forget(all: boolean): Promise<void>;
}

export async function openSessions(storage: Storage): Promise<Sessions> {
  const folder = join(storage.folder, storage.project, 'uploads');
  await mkdir(folder, { recursive: true });
  // What a crash left of a file that was to replace another.
  for (const name of await readdir(folder)) if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
  const file = (id: string) => join(folder, `${id}.json`);
  const expired = (session: Session) => Date.parse(session.createdAt) < Date.now() - SESSION_MS;
  const list = async () => {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.json'));
    const read = await Promise.all(names.map((name) => readJson<Session>(join(folder, name))));
    return read.filter((one) => one !== undefined).sort((a, b) => (a.createdAt < b.createdAt ? 1 : -1));
  };
  return {
    save: (session) => replaceJson(file(session.id), session),
    async find(table, id) {
      const session = /^[a-z0-9]{1,64}$/i.test(id) ? await readJson<Session>(file(id)) : undefined;
      const manifest = await storage.require(table);
      if (session === undefined || session.tableId !== manifest.id || expired(session)) {
        throw new Refusal(
          404,
          'NoSuchUpload',
          `There is no upload session ${id} for table ${table}, or it has expired.`,
        );
      }
      // A crash between the commit and the session's note of it: the manifest knows.
      const committed = session.status === 'CLOSED' || manifest.uploads.includes(id);
      return { session: committed ? { ...session, status: 'CLOSED' } : session, manifest };
    },
    locked: createLocks(),
    list,
    async forget(all) {
      for (const session of await list()) if (all || expired(session)) await rm(file(session.id), { force: true });
    },
  };
}
