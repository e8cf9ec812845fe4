export * from './data-sources.ts';
export * from './instances.ts';
export * from './people.ts';
export * from './tasks.ts';
