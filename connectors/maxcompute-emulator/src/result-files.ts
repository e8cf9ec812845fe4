import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DuckDBInstance } from '@duckdb/node-api';
import { type OdpsType, parseType, typeText } from '@sampan/maxcompute';
import { duckType, literal, quoted } from './duck.ts';
import type { Instance } from './instances.ts';
import { Refusal } from './refusal.ts';
import { withConnection } from './sql/connection.ts';
import type { ColumnDefinition, Storage } from './storage.ts';

/** All rows of a SELECT, in a file of its own, whose columns are named `c0`, `c1` and so on. */
export interface ResultFile {
  path: string;
  columns: ColumnDefinition[];
  rows: number;
}

/** Files of results, for the instance tunnel. Made when first asked for; gone when the process begins anew. */
export interface ResultFiles {
  /** @throws Refusal where the instance has no rows to give, or not yet */
  of(instance: Instance): Promise<ResultFile>;
}

export async function openResultFiles(storage: Storage, duck: DuckDBInstance): Promise<ResultFiles> {
  const folder = join(storage.folder, storage.project, 'results');
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const files = new WeakMap<Instance, Promise<ResultFile>>();
  return {
    async of(instance) {
      const made =
        files.get(instance) ?? make(duck, join(folder, `${randomBytes(12).toString('hex')}.parquet`), instance);
      files.set(instance, made);
      made.catch(() => files.delete(instance));
      return made;
    },
  };
}

async function make(duck: DuckDBInstance, path: string, instance: Instance): Promise<ResultFile> {
  const { outcome, id } = instance;
  if (instance.status === 'Running') throw new Refusal(400, 'InstanceNotTerminate', `Instance ${id} is still running.`);
  if (instance.status !== 'Success') throw new Refusal(400, 'TaskFailed', `Instance ${id} is ${instance.status}.`);
  if (typeof outcome === 'string')
    throw new Refusal(400, 'InstanceTypeNotSupported', `Instance ${id} ran no SELECT: it has no rows.`);
  // An instant of unknown width goes out as the wider type, so that its microseconds are not lost.
  const columns = outcome.columns.map(({ name, type }) => ({
    name,
    type: typeText(withTimestamps(parseType(type))),
    comment: '',
    nullable: true,
  }));
  const names = columns.map((_, index) => quoted(`c${index}`));
  // A sum of BIGINTs is wider in DuckDB than in MaxCompute, and its file would hold it as a DOUBLE.
  const typed = columns.map(
    ({ type }, index) => `CAST(${names[index]} AS ${duckType(parseType(type))}) AS ${names[index]}`,
  );
  const { sql, settings } = outcome.source;
  return withConnection(duck, settings, new AbortController().signal, async (connection) => {
    await connection.run(
      `COPY (SELECT ${typed.join(', ')} FROM (${sql}) AS q(${names.join(', ')})) TO ${literal(path)} (FORMAT parquet)`,
    );
    const counted = await connection.runAndReadAll(`SELECT COUNT(*) FROM read_parquet(${literal(path)})`);
    return { path, columns, rows: Number(counted.getRows()[0][0]) };
  });
}

function withTimestamps(type: OdpsType): OdpsType {
  switch (type.kind) {
    case 'datetime':
      return { kind: 'timestamp' };
    case 'array':
      return { kind: 'array', element: withTimestamps(type.element) };
    case 'map':
      return { kind: 'map', key: withTimestamps(type.key), value: withTimestamps(type.value) };
    case 'struct':
      return { kind: 'struct', fields: type.fields.map((field) => ({ ...field, type: withTimestamps(field.type) })) };
    default:
      return type;
  }
}
