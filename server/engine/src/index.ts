export { runAttempt } from './run.ts';
export * from './run-spec.ts';
export * from './run-store.ts';
