import type { KitCase } from './kit.ts';
import { fenceCases } from './target-fence.ts';
import { freeCases } from './target-free.ts';
import type { TargetHarness } from './target-harness.ts';
import { onceCases } from './target-once.ts';
import { targetRefusalCases } from './target-refusals.ts';
import { valueCases } from './target-values.ts';
import { visibleCases } from './target-visible.ts';

/** The laws of a target as tests. A case that cannot hold for a system is left out by its runner, with the reason in writing. */
export function targetCases(harness: TargetHarness): KitCase[] {
  return [
    ...visibleCases(harness),
    ...onceCases(harness),
    ...freeCases(harness),
    ...valueCases(harness),
    ...targetRefusalCases(harness),
    ...fenceCases(harness),
  ];
}
