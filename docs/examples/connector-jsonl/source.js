import { open } from 'node:fs/promises';
import { refuse, refuseWishes } from './errors.js';

export const field = (name) => ({ name, type: { kind: 'utf8' }, native: 'text', nullable: true, generated: false });

/** Bytes of the file that are read at once; a batch is closed by rows or bytes, whichever comes first. */
const PIECE = 256 * 1024;
const MOST_ROWS = 1_000;
const MOST_BYTES = 1024 * 1024;
/** Lines that are looked at for names of columns. */
const LOOKED_AT = 100;

/** One split: lines have no key to split by. A position is the byte behind the last line read. */
export function source(existing) {
  return {
    async plan({ object, columns, where, splitKey, splits, options }) {
      refuseWishes({ where, splitKey, ...options });
      const there = await columnsOf(await existing(object));
      const unknown = columns.find((name) => !there.includes(name));
      if (unknown !== undefined && there.length > 0)
        throw refuse('missing', 'COLUMN_NOT_FOUND', `${object} has no column "${unknown}".`, 'Correct the mapping.');
      const many = splits !== null && splits > 1;
      return {
        fields: columns.map(field),
        splits: [{ number: 0, description: 'all lines', rowEstimate: null, read: { object, columns } }],
        high: null,
        warnings: many ? ['Lines have no key to split by: the file is read in one split.'] : [],
      };
    },
    async *read({ read: { object, columns } }, after, signal) {
      let rows = [];
      let bytes = 0;
      for await (const { line, end } of linesOf(await existing(object), after ?? 0, signal)) {
        const row = JSON.parse(line);
        rows.push(columns.map((name) => textOf(row[name])));
        bytes += line.length;
        if (rows.length < MOST_ROWS && bytes < MOST_BYTES) continue;
        yield batchOf(columns, rows, end);
        [rows, bytes] = [[], 0];
        if (signal.aborted) return;
      }
      // Nothing lies behind the last batch: its position is never gone on from.
      if (rows.length > 0 && !signal.aborted) yield batchOf(columns, rows, Number.MAX_SAFE_INTEGER);
    },
  };
}

/** Names in the order in which the first lines have them. */
export async function columnsOf(path) {
  const names = new Set();
  let looked = 0;
  for await (const { line } of linesOf(path, 0, new AbortController().signal)) {
    for (const name of Object.keys(JSON.parse(line))) names.add(name);
    if (++looked === LOOKED_AT) break;
  }
  return [...names];
}

/** Lines of the file from a byte on, with the byte behind each. No more is read than the lines that are asked for. */
async function* linesOf(path, from, signal) {
  const file = await open(path);
  try {
    let rest = Buffer.alloc(0);
    let at = from;
    for (;;) {
      const piece = Buffer.allocUnsafe(PIECE);
      const { bytesRead } = await file.read(piece, 0, PIECE, at + rest.length);
      if (signal.aborted) return;
      if (bytesRead === 0) break;
      rest = Buffer.concat([rest, piece.subarray(0, bytesRead)]);
      for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
        const line = rest.subarray(0, end).toString('utf8');
        rest = rest.subarray(end + 1);
        at += end + 1;
        if (line !== '') yield { line, end: at };
      }
    }
    if (rest.length > 0) yield { line: rest.toString('utf8'), end: at + rest.length };
  } finally {
    await file.close();
  }
}

const textOf = (value) => (value == null ? null : typeof value === 'string' ? value : JSON.stringify(value));

function batchOf(columns, rows, position) {
  const made = columns.map((_, at) => textColumn(rows.map((row) => row[at])));
  const bytes = made.reduce((sum, { data, offsets }) => sum + data.length + offsets.byteLength, 0);
  return { fields: columns.map(field), columns: made, rows: rows.length, bytes, position, rare: [], release() {} };
}

/** A column of texts in the batch's layout: offsets into bytes, and a bit for each row that has a value. */
function textColumn(values) {
  const parts = values.map((value) => Buffer.from(value ?? ''));
  const offsets = new Int32Array(values.length + 1);
  parts.forEach((part, row) => {
    offsets[row + 1] = offsets[row] + part.length;
  });
  const validity = new Uint8Array((values.length + 7) >> 3);
  values.forEach((value, row) => {
    if (value !== null) validity[row >> 3] |= 1 << (row & 7);
  });
  return { length: values.length, validity, offsets, data: Buffer.concat(parts) };
}
