export { type ColumnData, physicalOf } from './columns.ts';
export { crc32c } from './crc32c.ts';
export * from './errors.ts';
export * from './record-decoder.ts';
export { RecordEncoder } from './record-encoder.ts';
export type { Item, Stamp } from './record-items.ts';
export * from './signing.ts';
export * from './types.ts';
