export { ArrowDecoder } from './arrow-decoder.ts';
export { ArrowEncoder } from './arrow-encoder.ts';
export { BlockWriter } from './block-writer.ts';
export * from './body-format.ts';
export * from './client.ts';
export { type ColumnData, type Physical, physicalOf, type Values } from './columns.ts';
export * from './compression.ts';
export { crc32c } from './crc32c.ts';
export type { AccessKey, Anonymous, BearerToken, CredentialProvider, Credentials } from './credentials.ts';
export { parseCsv } from './csv.ts';
export { DecimalReader } from './decimal-reader.ts';
export { endpointsOf, type Network } from './endpoints.ts';
export * from './errors.ts';
export * from './found-options.ts';
export { type Answer, type Call, Http } from './http.ts';
export * from './instances.ts';
export * from './metadata.ts';
export type { ClientOptions, Dial, Settings } from './options.ts';
export * from './partition.ts';
export * from './record-decoder.ts';
export { RecordEncoder } from './record-encoder.ts';
export type { Item, Stamp } from './record-items.ts';
export * from './signing.ts';
export * from './sql.ts';
export * from './sql-text.ts';
export type { InstancePlace, TunnelPlace } from './tunnel.ts';
export * from './tunnel-download.ts';
export * from './tunnel-stream.ts';
export {
  createUpload,
  reloadUpload,
  type UploadSession,
  type UploadStatus,
  type UploadTarget,
  writeBlock,
} from './tunnel-upload.ts';
export { parseType } from './type-parser.ts';
export * from './types.ts';
export { commitUpload } from './upload-commit.ts';
export { attributeOf, elements, escapeXml, textOf, unescapeXml } from './xml.ts';
