import { type Column, isValid, type RareCell } from '@sampan/connector';

const POINT = 46;
const ZERO = 48;

/**
 * Decimals with exactly `scale` digits behind the point, as batches have them; the service may leave zeros out. Digits
 * beyond the scale that are not zero become a rare cell.
 */
export function exactScale(from: Column, scale: number, rows: number, column: number, rare: RareCell[]): Column {
  if (isExact(from, scale, rows)) return from;
  const data = from.data!;
  const starts = from.offsets!;
  const out = new Uint8Array(starts[rows] + rows * (scale + 1));
  const offsets = new Int32Array(rows + 1);
  let validity = from.validity;
  for (let row = 0; row < rows; row++) {
    let at = (offsets[row + 1] = offsets[row]);
    if (!isValid(from, row)) continue;
    const text = data.subarray(starts[row], starts[row + 1]);
    const point = text.indexOf(POINT);
    const whole = point < 0 ? text.length : point;
    const behind = point < 0 ? 0 : text.length - point - 1;
    if (behind > scale && text.subarray(whole + 1 + scale).some((digit) => digit !== ZERO)) {
      validity =
        (validity === from.validity ? validity?.slice() : validity) ?? new Uint8Array((rows + 7) >> 3).fill(255);
      validity[row >> 3] &= ~(1 << (row & 7));
      rare.push({
        row,
        column,
        text: Buffer.from(text).toString('latin1'),
        reason: `more than ${scale} decimal places`,
      });
      continue;
    }
    out.set(text.subarray(0, whole), at);
    at += whole;
    if (scale > 0) {
      out[at++] = POINT;
      const digits = Math.min(behind, scale);
      out.set(text.subarray(whole + 1, whole + 1 + digits), at);
      out.fill(ZERO, at + digits, at + scale);
      at += scale;
    }
    offsets[row + 1] = at;
  }
  return { length: rows, validity, offsets, data: out };
}

function isExact(from: Column, scale: number, rows: number): boolean {
  const data = from.data!;
  const offsets = from.offsets!;
  for (let row = 0; row < rows; row++) {
    const [start, end] = [offsets[row], offsets[row + 1]];
    if (start === end) continue;
    if (
      scale > 0 ? data[end - 1 - scale] !== POINT || end - 1 - scale < start : data.subarray(start, end).includes(POINT)
    )
      return false;
  }
  return true;
}
