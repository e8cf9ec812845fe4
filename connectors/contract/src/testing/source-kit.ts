import type { KitCase } from './kit.ts';
import { byteCases } from './source-bytes.ts';
import { coverCases } from './source-cover.ts';
import { sourceFreeCases } from './source-free.ts';
import type { SourceHarness } from './source-harness.ts';
import { sourceRefusalCases } from './source-refusals.ts';

/** The laws of a source as tests. What it makes of values is judged with the target, which writes them (law 5). */
export function sourceCases(harness: SourceHarness): KitCase[] {
  return [...coverCases(harness), ...sourceFreeCases(harness), ...byteCases(harness), ...sourceRefusalCases(harness)];
}
