import { fileURLToPath } from 'node:url';
import { type Database, tables } from '@sampan/control';
import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres, { type Sql } from 'postgres';
import { startEmbeddedPostgres } from './embedded-postgres.ts';
import { StartError } from './start-error.ts';

export interface OpenedDatabase {
  url: string;
  /** For people: `embedded PostgreSQL 18.4`. */
  description: string;
  db: Database;
  sql: Sql;
  close(): Promise<void>;
}

const RETRY_MS = 60_000;
/** A process that is frozen in the middle of a transaction must not keep its locks from those who take over its work. */
const FROZEN_MS = 10_000;
const MIGRATIONS = fileURLToPath(new URL('../../../migrations', import.meta.url));

/** The database named by DATABASE_URL, waited for a minute; without it the embedded one. @throws StartError */
export async function openDatabase(options: {
  databaseUrl: string | null;
  data: string;
  retryMs?: number;
}): Promise<OpenedDatabase> {
  const embedded = options.databaseUrl === null ? await startEmbeddedPostgres(options.data) : null;
  const url = embedded?.url ?? (options.databaseUrl as string);
  const version = embedded?.version ?? (await reached(url, options.retryMs ?? RETRY_MS));
  const settings = {
    onnotice: () => {},
    backoff: () => 0.2,
    connect_timeout: 10,
    connection: { application_name: 'sampan', idle_in_transaction_session_timeout: FROZEN_MS },
  };
  // Drizzle changes how the client that it wraps reads times: raw statements and LISTEN have one of their own.
  const wrapped = postgres(url, { ...settings, max: 16 });
  const sql = postgres(url, { ...settings, max: 4 });
  const db = drizzle(wrapped, { schema: tables });
  try {
    await migrated(url);
  } catch (error) {
    await Promise.all([wrapped.end({ timeout: 1 }), sql.end({ timeout: 1 })]);
    await embedded?.stop();
    throw new StartError(
      'MIGRATION_FAILED',
      `The database could not be brought up to date: ${(error as Error).message}`,
      'Check that the user may create tables in it.',
    );
  }
  return {
    url,
    description: `${embedded?.kind ?? 'external'} PostgreSQL ${version}`,
    db,
    sql,
    async close() {
      await Promise.all([wrapped.end({ timeout: 5 }), sql.end({ timeout: 5 })]);
      await embedded?.stop();
    },
  };
}

async function reached(url: string, retryMs: number): Promise<string> {
  const deadline = Date.now() + retryMs;
  for (;;) {
    const sql = postgres(url, { max: 1, onnotice: () => {}, connect_timeout: 5 });
    try {
      const [{ version }] = await sql`select current_setting('server_version') as version`;
      return String(version);
    } catch (error) {
      if (Date.now() < deadline) await new Promise((done) => setTimeout(done, 500));
      else
        throw new StartError(
          'DATABASE_UNREACHABLE',
          `The database in DATABASE_URL cannot be reached (${(error as { code?: string }).code ?? (error as Error).message}).`,
          'Check the address, user and password in DATABASE_URL, and that the server runs.',
        );
    } finally {
      await sql.end({ timeout: 1 }).catch(() => {});
    }
  }
}

/** One process at a time: the others wait for the lock and find nothing left to do. */
async function migrated(url: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  try {
    await sql`select pg_advisory_lock(hashtext('sampan migrations'))`;
    await migrate(drizzle(sql), { migrationsFolder: MIGRATIONS });
  } finally {
    await sql.end({ timeout: 5 });
  }
}
