import type { ServerResponse } from 'node:http';
import type { DuckDBInstance } from '@duckdb/node-api';
import { blockRows, resultRows, sendRows } from './download-body.ts';
import type { Instance } from './instances.ts';
import { noSuchPartition, parseSpec, specOf } from './partition-spec.ts';
import { sendPreview } from './preview.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import type { ResultFiles } from './result-files.ts';
import { type ColumnDefinition, newSessionId, partitionOf, rowsOf, SESSION_MS, type Storage } from './storage.ts';

/** Reads what there was when it was opened: later commits do not change it. */
interface Session {
  id: string;
  columns: ColumnDefinition[];
  partitionColumns: ColumnDefinition[];
  rows: number;
  expiresAt: number;
  /** The statements that give a range of rows of these columns, which are named by their places. */
  statements(columns: readonly number[], start: number, count: number): Iterable<string>;
}

const MOST_SESSIONS = 1_000;

/** The rows of a result that a client may have who has no right to download its tables. */
const MOST_LIMITED = 10_000;

/** Download sessions of tables and of results. They are forgotten when the process ends. */
export interface Downloads {
  create(request: Request, table: string): Promise<object>;
  createOf(request: Request, instance: Instance): Promise<object>;
  reload(request: Request): object;
  send(request: Request, response: ServerResponse): Promise<void>;
  preview(request: Request, table: string, response: ServerResponse): Promise<void>;
}

export function openDownloads(storage: Storage, duck: DuckDBInstance, results: ResultFiles): Downloads {
  const sessions = new Map<string, Session>();
  const find = ({ query }: Request) => {
    const session = sessions.get(query.get('downloadid') ?? '');
    if (session === undefined || session.expiresAt < Date.now())
      throw new Refusal(404, 'NoSuchDownload', 'There is no such download session, or it has expired.');
    return session;
  };
  const keep = (what: Omit<Session, 'id' | 'expiresAt'>) => {
    const session = { ...what, id: newSessionId(), expiresAt: Date.now() + SESSION_MS };
    sessions.set(session.id, session);
    if (sessions.size > MOST_SESSIONS) sessions.delete(sessions.keys().next().value as string);
    return sessionJson(session);
  };
  return {
    async create(request, table) {
      const manifest = await storage.require(table);
      const spec = specOf(manifest, parseSpec(request.query.get('partition') ?? ''));
      const partition = partitionOf(manifest, spec);
      if (partition === undefined) throw noSuchPartition(spec);
      const { blocks } = partition;
      return keep({
        columns: manifest.columns,
        partitionColumns: manifest.partitionColumns,
        rows: rowsOf(partition),
        statements: (places, start, count) =>
          blockRows(
            storage,
            { manifest, blocks },
            places.map((place) => manifest.columns[place]),
            start,
            count,
          ),
      });
    },
    async createOf({ query }, instance) {
      const { path, columns, rows } = await results.of(instance);
      return keep({
        columns,
        partitionColumns: [],
        rows: query.has('instance_tunnel_limit_enabled') ? Math.min(rows, MOST_LIMITED) : rows,
        statements: (places, start, count) => [resultRows(path, places, start, count)],
      });
    },
    reload: (request) => sessionJson(find(request)),
    async send(request, response) {
      const session = find(request);
      const range = /^\((\d+),\s*(\d+)\)$/.exec(request.query.get('rowrange') ?? '');
      if (range === null || Number(range[1]) > session.rows)
        throw new Refusal(400, 'InvalidRowRange', `rowrange is (start,count), the start not above ${session.rows}.`);
      const places = placesOf(session, request.query.get('columns'));
      const [start, asked] = [Number(range[1]), Number(range[2])];
      const statements = session.statements(places, start, Math.min(asked, session.rows - start));
      const columns = places.map((place) => session.columns[place]);
      await sendRows(duck, statements, columns, request, response);
    },
    preview: (request, table, response) => sendPreview(storage, duck, request, table, response),
  };
}

function placesOf({ columns }: Session, wanted: string | undefined): number[] {
  if (wanted === undefined || wanted === '') return columns.map((_, place) => place);
  return wanted.split(',').map((name, at, all) => {
    const place = columns.findIndex((one) => one.name.toLowerCase() === name.trim().toLowerCase());
    if (place < 0 || all.indexOf(name) !== at)
      throw new Refusal(400, 'InvalidColumnSpec', `"${name}" is not a column of it, or is named twice.`);
    return place;
  });
}

function sessionJson(session: Session): object {
  const column = ({ name, type, comment, nullable }: ColumnDefinition) => ({
    name,
    type: type.toLowerCase(),
    comment,
    nullable,
  });
  return {
    DownloadID: session.id,
    Status: 'normal',
    RecordCount: session.rows,
    Owner: 'emulator',
    Initiated: new Date(session.expiresAt - SESSION_MS).toUTCString(),
    QuotaName: '',
    Schema: {
      IsVirtualView: false,
      columns: session.columns.map(column),
      partitionKeys: session.partitionColumns.map(({ name, type }) => ({ name, type: type.toLowerCase() })),
    },
  };
}
