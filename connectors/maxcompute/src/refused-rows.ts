import { type Batch, type Column, ConnectorError, cutText, type DirtyRow, isValid } from '@sampan/connector';
import type { UploadSession } from '@sampan/maxcompute';
import { PARTITION_VALUE } from './shape.ts';

/** 0001-01-01 and 9999-12-31, in days and microseconds since 1970: what DATE and the times hold. */
const [FIRST_DAY, LAST_DAY] = [-719_162, 2_932_896];
const [FIRST_MICRO, END_MICRO] = [BigInt(FIRST_DAY) * 86_400_000_000n, BigInt(LAST_DAY + 1) * 86_400_000_000n];
/** The upper halves of these: all but a few rows are judged by them. */
const [FIRST_HIGH, END_HIGH] = [Number(FIRST_MICRO >> 32n), Number(END_MICRO >> 32n)];

/**
 * Rows that the service would refuse, and the whole block with them: −2^63 is no BIGINT, days and times lie between the
 * years 1 and 9999, cells and the values of partitions have a limit.
 */
export function refusedRows(
  batch: Batch,
  session: Pick<UploadSession, 'maxFieldBytes'>,
  keys: readonly string[],
): DirtyRow[] {
  const dirty = new Map<number, DirtyRow>();
  batch.columns.forEach((column, index) => {
    const { name, type } = batch.fields[index];
    const refuse = (row: number, reason: string) => {
      if (!dirty.has(row)) dirty.set(row, { row, column: name, value: cutText(column, type, row), reason });
    };
    if (column.offsets !== undefined) {
      longCells(column, batch.rows, session.maxFieldBytes, refuse);
      if (keys.includes(name.toLowerCase())) strangeKeys(column, batch.rows, refuse);
    } else if (type.kind === 'int64') leastInteger(column, batch.rows, refuse);
    else if (type.kind === 'date') strangeDays(column, batch.rows, refuse);
    else if (type.kind === 'datetime' || type.kind === 'timestamp') strangeTimes(column, batch.rows, refuse);
  });
  return [...dirty.values()].sort((a, b) => a.row - b.row);
}

type Refuse = (row: number, reason: string) => void;

function longCells(column: Column, rows: number, most: number, refuse: Refuse): void {
  const offsets = column.offsets!;
  if (offsets[rows] <= most) return;
  for (let row = 0; row < rows; row++) {
    const bytes = offsets[row + 1] - offsets[row];
    if (bytes > most) refuse(row, `${bytes} bytes: MaxCompute takes at most ${most} in a cell`);
  }
}

function strangeKeys(column: Column, rows: number, refuse: Refuse): void {
  for (let row = 0; row < rows; row++) {
    const bytes = column.data!.subarray(column.offsets![row], column.offsets![row + 1]);
    const value = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 1_000)).toString('utf8');
    if (!isValid(column, row)) refuse(row, 'a partition has no NULL');
    else if (!PARTITION_VALUE.test(value))
      refuse(row, 'no value for a partition: letters, digits and _ : $ # . ! @ -, at most 255');
  }
}

const halvesOf = ({ values }: Column) => new Int32Array(values!.buffer, values!.byteOffset, values!.length * 2);

function leastInteger(column: Column, rows: number, refuse: Refuse): void {
  const halves = halvesOf(column);
  for (let row = 0; row < rows; row++)
    if (halves[2 * row + 1] === -2_147_483_648 && halves[2 * row] === 0)
      refuse(row, 'MaxCompute has no BIGINT below −9223372036854775807');
}

function strangeDays(column: Column, rows: number, refuse: Refuse): void {
  const days = column.values as Int32Array;
  for (let row = 0; row < rows; row++)
    if ((days[row] < FIRST_DAY || days[row] > LAST_DAY) && isValid(column, row))
      refuse(row, 'not between 0001-01-01 and 9999-12-31');
}

function strangeTimes(column: Column, rows: number, refuse: Refuse): void {
  const halves = halvesOf(column);
  const micros = column.values as BigInt64Array;
  for (let row = 0; row < rows; row++) {
    const high = halves[2 * row + 1];
    if (high > FIRST_HIGH && high < END_HIGH) continue;
    if ((micros[row] < FIRST_MICRO || micros[row] >= END_MICRO) && isValid(column, row))
      refuse(row, 'not between the years 1 and 9999');
  }
}

/** Rows that lack a value of their primary key; `places` are its columns. */
export function rowsWithoutKey(batch: Batch, places: readonly number[], dirty: readonly DirtyRow[]): DirtyRow[] {
  const known = new Set(dirty.map((one) => one.row));
  const found: DirtyRow[] = [];
  for (const place of places) {
    const column = batch.columns[place];
    for (let row = 0; column.validity !== undefined && row < batch.rows; row++) {
      if (isValid(column, row) || known.has(row)) continue;
      known.add(row);
      found.push({ row, column: batch.fields[place].name, value: null, reason: 'a primary key has no NULL' });
    }
  }
  return found;
}

export const repeatedKey = (where: string) =>
  new ConnectorError({
    kind: 'data',
    code: 'KEY_REPEATED',
    message: `Rows of this run have the same key (${where}), and nothing says which of them counts.`,
    hint: 'Nothing was published. Filter the source to one row for each key, or choose a key that tells them apart.',
  });
