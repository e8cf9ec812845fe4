import { type Batch, cutText, type DirtyRow, type Field } from '@sampan/connector';
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
  const value = cutText(batch.columns[column], batch.fields[column].type, row);
  return { row, column: columns[column].name, value, reason };
}
