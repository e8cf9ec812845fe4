export * from './batch.ts';
export * from './config.ts';
export * from './connector.ts';
export * from './errors.ts';
export type { Json } from './json.ts';
export * from './load-fields.ts';
export type { Plan, Read, Source, Split } from './source.ts';
export * from './target.ts';
export * from './types.ts';
