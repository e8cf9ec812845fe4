import { expect, test } from 'vitest';
import { newOut, type Out, putDate, putDouble, putInteger, putSigned64, putUnsigned64 } from '../src/writer-bytes.ts';

const printed = (put: (out: Out) => void) => {
  const out = newOut(64);
  put(out);
  return out.bytes.toString('latin1', 0, out.at);
};

const bits = new DataView(new ArrayBuffer(8));
const random64 = () => {
  bits.setUint32(0, Math.random() * 2 ** 32);
  bits.setUint32(4, Math.random() * 2 ** 32);
  // All magnitudes, not only the largest.
  return bits.getBigUint64(0) >> BigInt(Math.floor(Math.random() * 64));
};
const halves = (value: bigint): [number, number] => [Number(value & 0xffff_ffffn), Number(value >> 32n)];

const EDGES = [
  0n,
  1n,
  9n,
  10n,
  99n,
  100n,
  10n ** 9n - 1n,
  10n ** 9n,
  10n ** 18n,
  10n ** 19n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

test('unsigned and signed 64-bit numbers print as BigInt prints them', () => {
  for (const value of [...EDGES, ...Array.from({ length: 20_000 }, random64)]) {
    expect(printed((out) => putUnsigned64(out, ...halves(value)))).toBe(String(value));
    const signed = BigInt.asIntN(64, value);
    expect(printed((out) => putSigned64(out, Number(signed & 0xffff_ffffn), Number(signed >> 32n)))).toBe(
      String(signed),
    );
    const negative = BigInt.asIntN(64, -value);
    expect(printed((out) => putSigned64(out, Number(negative & 0xffff_ffffn), Number(negative >> 32n)))).toBe(
      String(negative),
    );
  }
  for (const value of [0, -1, 127, -128, 2 ** 31 - 1, -(2 ** 31)])
    expect(printed((out) => putInteger(out, value))).toBe(String(value));
});

test('doubles read back to the same bits', () => {
  const edges = [
    0,
    -0,
    0.1,
    1.1,
    0.3,
    1e-7,
    123456.789,
    999999999.999999,
    1e9,
    1e21,
    5e-324,
    1.7976931348623157e308,
    0.1 + 0.2,
    2 ** 53 + 2,
  ];
  const random = Array.from({ length: 20_000 }, () => {
    bits.setBigUint64(0, random64());
    return bits.getFloat64(0);
  }).filter(Number.isFinite);
  const prices = Array.from(
    { length: 20_000 },
    () => Math.round(Math.random() * 1e9) / 10 ** Math.floor(Math.random() * 9),
  );
  for (const value of [...edges, ...random, ...prices]) {
    for (const signed of [value, -value])
      expect(Object.is(Number(printed((out) => putDouble(out, signed))), signed)).toBe(true);
  }
});

test('every day from the year 0 to 9999 prints as the calendar has it', () => {
  const date = new Date(0);
  for (let day = -719_528; day <= 2_932_896; day += 1 + Math.floor(Math.random() * 40)) {
    date.setTime(day * 86_400_000);
    expect(printed((out) => putDate(out, day))).toBe(date.toISOString().replace(/T.*/, ''));
  }
  expect(printed((out) => putDate(out, 2_932_896))).toBe('9999-12-31');
  expect(printed((out) => putDate(out, -719_528))).toBe('0000-01-01');
});
