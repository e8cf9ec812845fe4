import { ConnectorError, type Field } from '@sampan/connector';
import type { WireColumn } from './driver.ts';
import { Codec, codecOf } from './wire-columns.ts';

/** Numbers of the protocol: https://dev.mysql.com/doc/dev/mysql-server/latest/field__types_8h.html */
const TINY = 1;
const SHORT = 2;
const LONG = 3;
const INT24 = 9;
const YEAR = 13;
const DECIMALS = [0, 246];
const TIMES = [7, 10, 11, 12, 14, 17, 18, 19];
const NUMBERS = [TINY, SHORT, LONG, 4, 5, 8, INT24, YEAR, 16];
const UNSIGNED_FLAG = 32;
const BINARY_CHARSET = 63;

const TYPES_OF: { [codec: number]: readonly number[] } = {
  [Codec.int8]: [TINY],
  [Codec.uint8To16]: [TINY],
  [Codec.int16]: [SHORT, YEAR],
  [Codec.uint16To32]: [SHORT],
  [Codec.int32]: [LONG, INT24],
  [Codec.uint32To64]: [LONG],
  [Codec.int64]: [8],
  [Codec.float32]: [4],
  [Codec.float64]: [5],
  [Codec.date]: [10, 14],
  [Codec.datetime]: [7, 12, 17, 18],
  [Codec.time]: [11, 19],
  [Codec.bitTo8]: [16],
  [Codec.bitTo64]: [16],
};
const SIGNED = new Set<number>([Codec.int8, Codec.int32]);
const UNSIGNED = new Set<number>([Codec.uint8To16, Codec.uint16To32, Codec.uint32To64]);

/**
 * A column may be altered between its description and the statement that reads it, and its bytes would then be taken
 * for something else: what the server announces must be what was described.
 *
 * @throws ConnectorError `TABLE_CHANGED`, worth a new try
 */
export function checkWire(columns: readonly WireColumn[], fields: readonly Field[], doing: string): void {
  const wrong = fields.find((field, index) => columns[index] === undefined || !fits(columns[index], field));
  if (wrong === undefined && columns.length === fields.length) return;
  throw new ConnectorError({
    kind: 'busy',
    code: 'TABLE_CHANGED',
    message: `${doing}: column "${wrong?.name ?? columns[fields.length].name}" is not what it was when the table was described.`,
    hint: 'The table was altered while it was being read. It is tried again by itself.',
  });
}

function fits({ columnType, flags, characterSet }: WireColumn, field: Field): boolean {
  const codec = codecOf(field);
  const unsigned = (flags & UNSIGNED_FLAG) !== 0;
  if (codec !== Codec.bytes) {
    if (!TYPES_OF[codec].includes(columnType)) return false;
    // Of either sign, its values come as 32 bits with sign.
    if (columnType === INT24) return true;
    if (codec === Codec.int64) return unsigned === (field.type.kind === 'uint64');
    return SIGNED.has(codec) ? !unsigned : UNSIGNED.has(codec) ? unsigned : true;
  }
  if (field.type.kind === 'decimal') return DECIMALS.includes(columnType);
  if (DECIMALS.includes(columnType) || TIMES.includes(columnType) || NUMBERS.includes(columnType)) return false;
  if (field.type.kind === 'binary') return characterSet === BINARY_CHARSET;
  return field.type.kind === 'json' || characterSet !== BINARY_CHARSET;
}
