import { escapeXml } from '@sampan/maxcompute';
import type { Instance, Instances } from './instances.ts';
import type { Sessions } from './sessions.ts';
import { bytesOf, rowsOf, type Storage } from './storage.ts';

const row = (cells: (string | number)[], tag = 'td') =>
  `<tr>${cells.map((cell) => `<${tag}>${escapeXml(String(cell))}</${tag}>`).join('')}</tr>`;
const table = (head: string[], rows: (string | number)[][]) =>
  `<table>${row(head, 'th')}${rows.map((cells) => row(cells)).join('')}</table>`;
const SHOWN = 50;

/** What is there: tables, sessions, statements, last requests. */
export async function statusPage(
  parts: { storage: Storage; sessions: Sessions; instances: Instances },
  recent: readonly string[],
): Promise<string> {
  const { storage } = parts;
  const tables = (await Promise.all((await storage.list()).map((name) => storage.get(name)))).filter(
    (one) => one !== undefined,
  );
  const tableRows = tables.map((one) => [
    one.name,
    rowsOf(...one.partitions),
    bytesOf(...one.partitions),
    one.partitionColumns.length === 0 ? '–' : one.partitions.length,
    one.columns.length,
  ]);
  const sessions = (await parts.sessions.list()).slice(0, SHOWN);
  const sessionRows = sessions.map((one) => [
    one.id,
    one.table,
    one.partition,
    one.overwrite ? 'overwrite' : 'append',
    one.status,
    one.blocks.length,
  ]);
  const statement = (one: Instance) => [
    one.startedAt.toISOString(),
    one.status,
    one.sql.slice(0, 200),
    typeof one.outcome === 'string' ? one.outcome.slice(0, 200) : `${one.outcome.rows.length} rows`,
  ];
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>MaxCompute emulator</title>
<style>body{font:14px system-ui;margin:2em;max-width:80em}table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.3em .7em;text-align:left}pre{overflow:auto}</style>
<h1>MaxCompute emulator</h1><p>Project <b>${escapeXml(storage.project)}</b>, data in ${escapeXml(storage.folder)}</p>
<h2>Tables</h2>${table(['name', 'rows', 'bytes', 'partitions', 'columns'], tableRows)}
<h2>Upload sessions</h2>${table(['id', 'table', 'partition', 'mode', 'status', 'blocks'], sessionRows)}
<h2>Statements</h2>${table(['started', 'status', 'text', 'result'], parts.instances.list().slice(0, SHOWN).map(statement))}
<h2>Last requests</h2><pre>${escapeXml(recent.join('\n'))}</pre></html>`;
}
