import type { ServerResponse } from 'node:http';
import type { DuckDBInstance } from '@duckdb/node-api';
import { blockRows, sendRows } from './download-body.ts';
import { noSuchPartition, parseSpec, specOf } from './partition-spec.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import {
  type Block,
  type ColumnDefinition,
  type Manifest,
  newSessionId,
  partitionOf,
  rowsOf,
  SESSION_MS,
  type Storage,
} from './storage.ts';

interface Session {
  id: string;
  /** The table and its blocks as they were when the session was opened: later commits do not change what it reads. */
  manifest: Manifest;
  blocks: Block[];
  rows: number;
  expiresAt: number;
}

const MOST_SESSIONS = 1_000;

/** Download sessions of tables. They are forgotten when the process ends. */
export interface Downloads {
  create(request: Request, table: string): Promise<object>;
  reload(request: Request): object;
  send(request: Request, response: ServerResponse): Promise<void>;
}

export function openDownloads(storage: Storage, duck: DuckDBInstance): Downloads {
  const sessions = new Map<string, Session>();
  const find = ({ query }: Request) => {
    const session = sessions.get(query.get('downloadid') ?? '');
    if (session === undefined || session.expiresAt < Date.now())
      throw new Refusal(404, 'NoSuchDownload', 'There is no such download session, or it has expired.');
    return session;
  };
  return {
    async create(request, table) {
      const manifest = await storage.require(table);
      const spec = specOf(manifest, parseSpec(request.query.get('partition') ?? ''));
      const partition = partitionOf(manifest, spec);
      if (partition === undefined) throw noSuchPartition(spec);
      const session: Session = {
        id: newSessionId(),
        manifest,
        blocks: partition.blocks,
        rows: rowsOf(partition),
        expiresAt: Date.now() + SESSION_MS,
      };
      sessions.set(session.id, session);
      if (sessions.size > MOST_SESSIONS) sessions.delete(sessions.keys().next().value as string);
      return sessionJson(session);
    },
    reload: (request) => sessionJson(find(request)),
    async send(request, response) {
      const session = find(request);
      const range = /^\((\d+),\s*(\d+)\)$/.exec(request.query.get('rowrange') ?? '');
      if (range === null || Number(range[1]) > session.rows)
        throw new Refusal(400, 'InvalidRowRange', `rowrange is (start,count), the start not above ${session.rows}.`);
      const columns = columnsOf(session.manifest, request.query.get('columns'));
      const parts = blockRows(storage, session, columns, Number(range[1]), Number(range[2]));
      await sendRows(duck, parts, columns, request, response);
    },
  };
}

function columnsOf(manifest: Manifest, wanted: string | undefined): ColumnDefinition[] {
  if (wanted === undefined || wanted === '') return manifest.columns;
  return wanted.split(',').map((name, at, all) => {
    const column = manifest.columns.find((one) => one.name === name.trim().toLowerCase());
    if (column === undefined || all.indexOf(name) !== at)
      throw new Refusal(400, 'InvalidColumnSpec', `"${name}" is not a column of ${manifest.name}, or is named twice.`);
    return column;
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
      columns: session.manifest.columns.map(column),
      partitionKeys: session.manifest.partitionColumns.map(({ name, type }) => ({ name, type: type.toLowerCase() })),
    },
  };
}
