import { type Batch, type Column, type DirtyRow, type Field, isValid, typeText } from '@sampan/connector';
import type { StagedColumn } from './target-columns.ts';
import { type Out, room } from './writer-bytes.ts';
import { type CellCodec, cellCodec, type PutCell } from './writer-cells.ts';
import type { Dialect } from './writer-dialects.ts';

/** Prints rows `from` to at most `to`, but no more than `maxBytes`; answers the first row not printed. */
export interface RowPrinter {
  print(out: Out, from: number, to: number, maxBytes: number): { next: number; printed: number };
}

export interface RowCodec {
  /** Binds the codecs to a batch. Rows found unwritable are put into `bad` and left out from then on. */
  bind(batch: Batch, bad: Map<number, DirtyRow>): RowPrinter;
}

export function rowCodec(columns: readonly StagedColumn[], fields: readonly Field[], dialect: Dialect): RowCodec {
  const codecs = columns.map((column, index): CellCodec => cellCodec(fields[index].type, column, dialect));
  const between = Buffer.from(dialect.between, 'latin1');
  return {
    bind(batch, bad) {
      for (const { row, column, text, reason } of batch.rare) {
        bad.set(row, { row, column: columns[column]?.name ?? null, value: text.slice(0, 1_000), reason });
      }
      const cells = codecs.map((codec, index) => codec(batch.columns[index]));
      const printRow = rowPrinter(batch, columns, cells, between[0], dialect);
      return {
        print: (out, from, to, maxBytes) => {
          let printed = 0;
          let row = from;
          for (; row < to; row++) {
            if (bad.has(row)) continue;
            const start = out.at;
            const fault = printRow(out, row);
            if (fault !== null) {
              out.at = start;
              bad.set(row, fault);
            } else if (out.at > maxBytes && printed > 0) {
              out.at = start;
              break;
            } else printed++;
          }
          return { next: row, printed };
        },
      };
    },
  };
}

function rowPrinter(
  batch: Batch,
  columns: readonly StagedColumn[],
  cells: PutCell[],
  between: number,
  dialect: Dialect,
) {
  const count = columns.length;
  const { rowStart, rowEnd, nothing } = dialect;
  const validity = batch.columns.map((column) => column.validity);
  const put = (out: Out, text: string) => {
    for (let i = 0; i < text.length; i++) out.bytes[out.at++] = text.charCodeAt(i);
  };
  return (out: Out, row: number): DirtyRow | null => {
    room(out, 64);
    put(out, rowStart);
    for (let c = 0; c < count; c++) {
      if (c > 0) out.bytes[out.at++] = between;
      const bits = validity[c];
      if (bits !== undefined && (bits[row >> 3] & (1 << (row & 7))) === 0) {
        if (!columns[c].nullable) return dirtyCell(batch, columns, row, c, 'the column allows no NULL');
        put(out, nothing);
        room(out, 64);
        continue;
      }
      const reason = cells[c](out, row);
      if (reason !== null) return dirtyCell(batch, columns, row, c, reason);
      room(out, 64);
    }
    put(out, rowEnd);
    return null;
  };
}

export function dirtyCell(
  batch: Batch,
  columns: readonly StagedColumn[],
  row: number,
  column: number | null,
  reason: string,
): DirtyRow {
  if (column === null || column < 0) return { row, column: null, value: null, reason };
  return {
    row,
    column: columns[column].name,
    value: cellText(batch.columns[column], batch.fields[column], row),
    reason,
  };
}

/** A cell for people: its plain value, binary as hex, cut to 1,000 characters. */
function cellText(column: Column, field: Field, row: number): string | null {
  if (!isValid(column, row)) return null;
  const { kind } = field.type;
  if (column.offsets !== undefined && column.data !== undefined) {
    const cell = Buffer.from(
      column.data.buffer,
      column.data.byteOffset + column.offsets[row],
      column.offsets[row + 1] - column.offsets[row],
    );
    const binary = kind === 'binary';
    return cell
      .subarray(0, binary ? 500 : 4_000)
      .toString(binary ? 'hex' : 'utf8')
      .slice(0, 1_000);
  }
  const value = column.values?.[row];
  return momentText(kind, value) ?? `${value}${kind === 'time' ? ' µs' : ''}`;
}

function momentText(kind: string, value: number | bigint | undefined): string | null {
  if (kind !== 'date' && kind !== 'datetime' && kind !== 'timestamp') return null;
  const millis = kind === 'date' ? Number(value) * 86_400_000 : Number(BigInt(value ?? 0) / 1_000n);
  const moment = new Date(millis);
  if (Number.isNaN(moment.getTime())) return `${value} (${typeText({ kind: 'date' })})`;
  if (kind === 'date') return moment.toISOString().replace(/T.*/, '');
  const micros = ((BigInt(value ?? 0) % 1_000_000n) + 1_000_000n) % 1_000_000n;
  return `${moment.toISOString().replace(/\..*/, '').replace('T', ' ')}.${String(micros).padStart(6, '0')}`;
}
