export { ArrowDecoder } from './arrow-decoder.ts';
export { ArrowEncoder } from './arrow-encoder.ts';
export { columnOfItems } from './arrow-items.ts';
export { ArrowStreamEncoder, type ArrowStreamOptions } from './arrow-stream-encoder.ts';
export { BlockWriter } from './block-writer.ts';
export * from './body-format.ts';
export * from './client.ts';
export { type ColumnData, type Physical, physicalOf, type Values } from './columns.ts';
export * from './compression.ts';
export { crc32c } from './crc32c.ts';
export type { AccessKey, Anonymous, BearerToken, CredentialProvider, Credentials } from './credentials.ts';
export { parseCsv } from './csv.ts';
export * from './ddl.ts';
export { DecimalReader } from './decimal-reader.ts';
export { endpointsOf, type Network } from './endpoints.ts';
export * from './errors.ts';
export * from './found-options.ts';
export { type Answer, type Call, Http } from './http.ts';
export * from './instance-reports.ts';
export {
  instanceStatus,
  type SubmitOptions,
  stopInstance,
  submitSql,
  type TaskResult,
  type TaskStatus,
  taskResult,
  taskStatuses,
} from './instances.ts';
export { bucketsOf, type Hasher, type KeyColumn, keyHashes } from './key-hash.ts';
export { logviewAddress } from './logview.ts';
export type { ClientOptions, Dial, Settings } from './options.ts';
export * from './partition.ts';
export * from './partitions.ts';
export { type PreviewOptions, previewRows } from './preview.ts';
export * from './projects.ts';
export * from './record-decoder.ts';
export { RecordEncoder } from './record-encoder.ts';
export type { Item, Stamp } from './record-items.ts';
export { RowError, type RowErrorCode } from './row-error.ts';
export type { RowOptions, RowValue } from './row-values.ts';
export { type GivenRow, type Row, RowEncoder, rowsOf } from './rows.ts';
export { getSchema, listSchemas, type SchemaInfo } from './schemas.ts';
export * from './signing.ts';
export * from './sql.ts';
export { type SqlCost, sqlCost } from './sql-cost.ts';
export { quoteName, quoteText } from './sql-text.ts';
export type { Stream, StreamOptions } from './stream-packs.ts';
export type { Download, DownloadOptions, TableClient } from './table-client.ts';
export {
  type Clustering,
  findTables,
  getTable,
  getTables,
  listTables,
  type Table,
  type TableDetails,
  type TableFilter,
  type TableSummary,
} from './tables.ts';
export type { InstancePlace, TunnelPlace } from './tunnel.ts';
export * from './tunnel-download.ts';
export { tunnelEndpoint } from './tunnel-endpoint.ts';
export {
  abortStream,
  createStream,
  reloadStream,
  type StreamSession,
  type StreamTarget,
  writePack,
} from './tunnel-stream.ts';
export {
  createUpload,
  reloadUpload,
  type UploadSession,
  type UploadStatus,
  type UploadTarget,
  writeBlock,
} from './tunnel-upload.ts';
export {
  abortUpsert,
  createUpsert,
  reloadUpsert,
  type UpsertSession,
  type UpsertStatus,
  type UpsertTarget,
} from './tunnel-upsert.ts';
export { parseType } from './type-parser.ts';
export * from './types.ts';
export type { Upload, UploadOptions } from './upload.ts';
export { commitUpload } from './upload-commit.ts';
export type { Upsert, UpsertOptions } from './upsert.ts';
export { commitUpsert } from './upsert-commit.ts';
export { type UpsertOperation, type UpsertPack, UpsertPacker } from './upsert-packs.ts';
export { keepAlive, sendPack, sendPacks } from './upsert-send.ts';
export { attributeOf, elements, escapeXml, textOf, unescapeXml } from './xml.ts';
