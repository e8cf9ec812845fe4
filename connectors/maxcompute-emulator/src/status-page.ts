import { escapeXml } from '@sampan/maxcompute';
import type { Parts } from './server.ts';
import { bytesOf, rowsOf } from './storage.ts';

const row = (cells: (string | number)[], tag = 'td') =>
  `<tr>${cells.map((cell) => `<${tag}>${escapeXml(String(cell))}</${tag}>`).join('')}</tr>`;
const table = (head: string[], rows: (string | number)[][]) =>
  `<table>${row(head, 'th')}${rows.map((cells) => row(cells)).join('')}</table>`;

/** What is there: tables, sessions, last requests. */
export async function statusPage(parts: Parts): Promise<string> {
  const tables = await Promise.all((await parts.storage.list()).map((name) => parts.storage.require(name)));
  const sessions = (await parts.uploads.list()).slice(0, 50);
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>MaxCompute emulator</title>
<style>body{font:14px system-ui;margin:2em;max-width:70em}table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;padding:.3em .7em;text-align:left}</style>
<h1>MaxCompute emulator</h1><p>Project <b>${escapeXml(parts.storage.project)}</b>, data in ${escapeXml(parts.storage.folder)}</p>
<h2>Tables</h2>${table(
    ['name', 'rows', 'bytes', 'partitions', 'columns'],
    tables.map((one) => [
      one.name,
      rowsOf(one),
      bytesOf(one),
      one.partitionColumns.length === 0 ? '–' : one.partitions.length,
      one.columns.length,
    ]),
  )}
<h2>Upload sessions</h2>${table(
    ['id', 'table', 'partition', 'status', 'blocks'],
    sessions.map((one) => [one.id, one.table, one.partition, one.status, one.blocks.length]),
  )}
<h2>Last requests</h2><pre>${escapeXml(parts.recent.join('\n'))}</pre></html>`;
}
