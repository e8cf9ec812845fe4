import { escapeXml } from '@sampan/maxcompute';
import type { Instance } from './instances.ts';
import type { Services } from './routes.ts';
import { partsOfKey } from './schemas.ts';
import { bytesOf, type Manifest, rowsOf, type Storage } from './storage.ts';

/** Text, or a number, which stands at the right. */
type Cell = string | number;

const SHOWN_TABLES = 200;
const SHOWN = 50;
const number = (value: number) => value.toLocaleString('en-US');

/** Figures stand at the right, and short texts on one line. */
const classOf = (value: Cell) =>
  typeof value === 'number' || /^([\d.,]+( [kMGT]?B)?|–)$/.test(value)
    ? ' class="n"'
    : value.length < 26
      ? ' class="s"'
      : '';
const cell = (value: Cell) =>
  `<td${classOf(value)}>${typeof value === 'number' ? number(value) : escapeXml(value)}</td>`;

function table(head: string[], rows: Cell[][], none: string): string {
  if (rows.length === 0) return `<p class="none">${none}</p>`;
  const top = head.map((one, at) => `<th${classOf(rows[0][at])}>${one}</th>`).join('');
  const body = rows.map((cells) => `<tr>${cells.map(cell).join('')}</tr>`).join('');
  return `<div class="wide"><table><thead><tr>${top}</tr></thead><tbody>${body}</tbody></table></div>`;
}

function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const at = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return `${(bytes / 1_000 ** at).toLocaleString('en-US', { maximumFractionDigits: 1 })} ${units[at]}`;
}

const STYLE = `:root{color-scheme:light dark}body{font:14px/1.45 system-ui,sans-serif;margin:1.5em auto;padding:0 1.5em;max-width:90em}
h1{font-size:1.5em}h2{font-size:1.2em;margin:1.6em 0 .3em}h3{font-size:1em;margin:1.2em 0 .2em}
.wide{overflow:auto;max-height:36em}table{border-collapse:collapse;margin:.5em 0}td,th{border-bottom:1px solid #8884;padding:.3em .9em .3em 0;text-align:left;vertical-align:top}
.s{white-space:nowrap}td{overflow-wrap:anywhere;max-width:40em}.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.none,.more{opacity:.7}code,pre{font:12px/1.5 ui-monospace,monospace}pre{overflow:auto;max-height:30em}input{font:inherit;padding:.2em .5em}`;

/** What there is: tables of each project, sessions, statements, last requests. `find`: only tables with this in their names. */
export async function statusPage(
  projects: readonly Services[],
  recent: readonly string[],
  find: string,
): Promise<string> {
  const parts = await Promise.all(projects.map((one) => projectPart(one, find.toLowerCase())));
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>MaxCompute emulator</title><style>${STYLE}</style><h1>MaxCompute emulator</h1>
<p>Endpoint <code>/api</code> on this port. Times are UTC. Data in <code>${escapeXml(projects[0].storage.folder)}</code>.</p>
<form><input name="find" placeholder="name of a table" value="${escapeXml(find)}"> <button>Find</button></form>
${parts.join('')}<h2>Last requests</h2>${recent.length === 0 ? '<p class="none">None yet.</p>' : `<pre>${escapeXml(recent.join('\n'))}</pre>`}</html>`;
}

async function projectPart({ storage, sessions, upsertSessions, instances }: Services, find: string): Promise<string> {
  const { rows, all } = await tablesOf(storage, find);
  const uploads = (await sessions.list()).map((one): Cell[] => {
    const how = one.overwrite ? 'overwrite' : 'append';
    return [timeText(one.createdAt), one.table, one.partition, how, one.status, one.blocks.length, one.id];
  });
  const upserts = (await upsertSessions.list()).map((one): Cell[] => {
    return [timeText(one.createdAt), one.table, one.partition, 'upsert', one.status, one.packs.length, one.id];
  });
  const newest = [...uploads, ...upserts].sort((a, b) => (a[0] < b[0] ? 1 : -1));
  const none =
    find === '' ? 'No tables yet: <code>CREATE TABLE</code>, or upload with a client.' : 'None with this name.';
  return `<h2>Project ${escapeXml(storage.project)}</h2><h3>Tables</h3>
${table(['table', 'rows', 'size', 'partitions', 'columns'], rows, none)}${rows.length < all ? `<p class="more">${number(rows.length)} of ${number(all)} tables: find others by name.</p>` : ''}
<h3>Sessions of uploads and upserts</h3>${table(['opened', 'table', 'partition', 'mode', 'status', 'blocks', 'id'], newest.slice(0, SHOWN), 'None in the last 24 hours.')}
<h3>Statements</h3>${table(['started', 'status', 'text', 'result'], instances.list().slice(0, SHOWN).map(statementRow), 'None since the start.')}`;
}

async function tablesOf(storage: Storage, find: string): Promise<{ rows: Cell[][]; all: number }> {
  const schemas = await storage.schemas.list();
  const keys = (await Promise.all(schemas.map(({ name }) => storage.list(name)))).flat();
  const wanted = keys.filter((key) => key.includes(find));
  const read = await Promise.all(wanted.slice(0, SHOWN_TABLES).map((key) => storage.get(key)));
  return { rows: read.filter((one) => one !== undefined).map(tableRow), all: wanted.length };
}

function tableRow(one: Manifest): Cell[] {
  const { schema, table: name } = partsOfKey(one.name);
  return [
    schema === 'default' ? name : `${schema}.${name}`,
    rowsOf(...one.partitions),
    sizeText(bytesOf(...one.partitions)),
    one.partitionColumns.length === 0 ? '–' : number(one.partitions.length),
    one.columns.length,
  ];
}

const timeText = (time: string) => time.replace('T', ' ').slice(0, 19);
const cut = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text);

function statementRow({ startedAt, status, sql, outcome }: Instance): Cell[] {
  const result = typeof outcome === 'string' ? cut(outcome) : `rows: ${number(outcome.rows.length)}`;
  return [timeText(startedAt.toISOString()), status, cut(sql), result];
}
