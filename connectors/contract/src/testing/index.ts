export * from './broken.ts';
export * from './config-kit.ts';
export * from './fixtures.ts';
export * from './kit.ts';
export * from './memory.ts';
export * from './source-kit.ts';
export * from './target-kit.ts';
