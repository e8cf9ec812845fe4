import { Codec, type Filling, type FillingBatch, grow, setNull } from './wire-columns.ts';

/**
 * Copies one row of the binary protocol into the batch. Layout:
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html
 * `at` is the first byte of the packet's payload. Returns the row's bytes.
 */
export function readRow(packet: Buffer, at: number, batch: FillingBatch, capacity: number): number {
  const { columns, rows: row } = batch;
  const nulls = at + 1;
  let p = nulls + ((columns.length + 9) >> 3);
  for (let i = 0; i < columns.length; i++) {
    const column = columns[i];
    const bit = i + 2;
    if ((packet[nulls + (bit >> 3)] & (1 << (bit & 7))) !== 0) {
      setNull(column, row, capacity);
      continue;
    }
    switch (column.codec) {
      case Codec.bytes: {
        let length = packet[p++];
        if (length > 250) {
          if (length === 252) {
            length = packet[p] | (packet[p + 1] << 8);
            p += 2;
          } else if (length === 253) {
            length = packet[p] | (packet[p + 1] << 8) | (packet[p + 2] << 16);
            p += 3;
          } else {
            length = packet.readUInt32LE(p);
            p += 8;
          }
        }
        if (column.used + length > column.data.length) grow(column, length);
        const { data, used } = column;
        if (length < 32) for (let k = 0; k < length; k++) data[used + k] = packet[p + k];
        else packet.copy(data, used, p, p + length);
        column.used = used + length;
        column.offsets![row + 1] = column.used;
        p += length;
        break;
      }
      case Codec.int32:
        column.values![row] = packet[p] | (packet[p + 1] << 8) | (packet[p + 2] << 16) | (packet[p + 3] << 24);
        p += 4;
        break;
      case Codec.int64: {
        const halves = column.halves!;
        halves[2 * row] = packet[p] | (packet[p + 1] << 8) | (packet[p + 2] << 16) | (packet[p + 3] << 24);
        halves[2 * row + 1] = packet[p + 4] | (packet[p + 5] << 8) | (packet[p + 6] << 16) | (packet[p + 7] << 24);
        p += 8;
        break;
      }
      case Codec.int8:
        column.values![row] = (packet[p++] << 24) >> 24;
        break;
      case Codec.uint8To16:
        column.values![row] = packet[p++];
        break;
      case Codec.int16:
        column.values![row] = ((packet[p] | (packet[p + 1] << 8)) << 16) >> 16;
        p += 2;
        break;
      case Codec.uint16To32:
        column.values![row] = packet[p] | (packet[p + 1] << 8);
        p += 2;
        break;
      case Codec.uint32To64: {
        const halves = column.halves!;
        halves[2 * row] = packet[p] | (packet[p + 1] << 8) | (packet[p + 2] << 16) | (packet[p + 3] << 24);
        halves[2 * row + 1] = 0;
        p += 4;
        break;
      }
      case Codec.float32:
        column.values![row] = packet.readFloatLE(p);
        p += 4;
        break;
      case Codec.float64:
        column.values![row] = packet.readDoubleLE(p);
        p += 8;
        break;
      case Codec.date:
        p = readDate(packet, p, column, i, batch, capacity);
        break;
      case Codec.datetime:
        p = readDatetime(packet, p, column, i, batch, capacity);
        break;
      case Codec.time:
        p = readTime(packet, p, column, row);
        break;
      default:
        p = readBits(packet, p, column, row);
    }
  }
  batch.rows = row + 1;
  return p - at;
}

/** Days since 1970-01-01 of a date of the proleptic Gregorian calendar. */
export function daysOf(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const m = month <= 2 ? month + 9 : month - 3;
  const century = Math.floor(y / 100);
  return (
    Math.floor((146_097 * century) / 4) +
    Math.floor((1_461 * (y - century * 100)) / 4) +
    (((153 * m + 2) / 5) | 0) +
    day -
    719_469
  );
}

const DAYS = [0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1 || day > DAYS[month]) return false;
  if (month !== 2 || day !== 29) return true;
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

const pad = (value: number, width: number) => String(value).padStart(width, '0');

/** A date that is none (zero, or with a zero part) is kept beside the column, which holds NULL there. */
function rareDate(text: string, column: Filling, index: number, batch: FillingBatch, capacity: number): void {
  setNull(column, batch.rows, capacity);
  batch.rare.push({ row: batch.rows, column: index, text, reason: 'not a date of the calendar' });
}

function readDate(
  packet: Buffer,
  start: number,
  column: Filling,
  index: number,
  batch: FillingBatch,
  capacity: number,
): number {
  const length = packet[start];
  const p = start + 1;
  const year = length >= 4 ? packet[p] | (packet[p + 1] << 8) : 0;
  const month = length >= 4 ? packet[p + 2] : 0;
  const day = length >= 4 ? packet[p + 3] : 0;
  if (isDate(year, month, day)) column.values![batch.rows] = daysOf(year, month, day);
  else rareDate(`${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)}`, column, index, batch, capacity);
  return p + length;
}

function readDatetime(
  packet: Buffer,
  start: number,
  column: Filling,
  index: number,
  batch: FillingBatch,
  capacity: number,
): number {
  const length = packet[start];
  const p = start + 1;
  const year = length >= 4 ? packet[p] | (packet[p + 1] << 8) : 0;
  const month = length >= 4 ? packet[p + 2] : 0;
  const day = length >= 4 ? packet[p + 3] : 0;
  const hour = length >= 7 ? packet[p + 4] : 0;
  const minute = length >= 7 ? packet[p + 5] : 0;
  const second = length >= 7 ? packet[p + 6] : 0;
  const micros = length >= 11 ? packet.readUInt32LE(p + 7) : 0;
  if (isDate(year, month, day)) {
    const seconds = daysOf(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    putMicros(column.halves!, batch.rows, seconds, micros);
  } else {
    const clock = `${pad(hour, 2)}:${pad(minute, 2)}:${pad(second, 2)}${micros === 0 ? '' : `.${pad(micros, 6)}`}`;
    rareDate(`${pad(year, 4)}-${pad(month, 2)}-${pad(day, 2)} ${clock}`, column, index, batch, capacity);
  }
  return p + length;
}

function readTime(packet: Buffer, start: number, column: Filling, row: number): number {
  const length = packet[start];
  const p = start + 1;
  if (length === 0) {
    putMicros(column.halves!, row, 0, 0);
    return p;
  }
  const seconds = packet.readUInt32LE(p + 1) * 86_400 + packet[p + 5] * 3_600 + packet[p + 6] * 60 + packet[p + 7];
  const micros = length > 8 ? packet.readUInt32LE(p + 8) : 0;
  if (packet[p] === 0) putMicros(column.halves!, row, seconds, micros);
  else if (micros === 0) putMicros(column.halves!, row, -seconds, 0);
  else putMicros(column.halves!, row, -seconds - 1, 1_000_000 - micros);
  return p + length;
}

/**
 * Writes seconds × 10^6 + micros as two 32-bit halves. The product passes 2^53, but 10^6 = 15625 × 64, and
 * seconds × 15625 stays below it for every year up to 9999.
 */
function putMicros(halves: Int32Array, row: number, seconds: number, micros: number): void {
  const parts = seconds * 15_625;
  const high = Math.floor(parts / 67_108_864);
  const low = (parts - high * 67_108_864) * 64 + micros;
  halves[2 * row] = low;
  halves[2 * row + 1] = high + (low >= 4_294_967_296 ? 1 : 0);
}

/** BIT(n) comes as big-endian bytes. */
function readBits(packet: Buffer, start: number, column: Filling, row: number): number {
  const length = packet[start];
  const p = start + 1;
  let high = 0;
  let low = 0;
  for (let k = 0; k < length; k++) {
    high = (high << 8) | (low >>> 24);
    low = (low << 8) | packet[p + k];
  }
  if (column.codec === Codec.bitTo8) column.values![row] = low === 0 ? 0 : 1;
  else {
    column.halves![2 * row] = low;
    column.halves![2 * row + 1] = high;
  }
  return p + length;
}
