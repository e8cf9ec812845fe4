export const PHASES = ['read', 'write', 'seal', 'verify', 'commit', 'after'] as const;

/**
 * Where a run is, by its row and by its target's own books: nothing durable in the target yet; rows, and no whole split;
 * some splits sealed; being verified; given over to be published; published, and not yet (or just) written down as such.
 */
export type Phase = (typeof PHASES)[number];
export const TARGETS = ['mysql', 'maxcompute'] as const;
export type TargetKind = (typeof TARGETS)[number];
export const MODES = ['APPEND', 'OVERWRITE'] as const;
export type Mode = (typeof MODES)[number];
/** Whose process is killed: the run's, the worker's, or both at once. */
export type Victim = 'host' | 'server' | 'both';

export interface Fault {
  phase: Phase;
  victim: Victim;
  /** 0 to 1: how far into the phase. */
  moment: number;
}

/** One copy, and the faults that strike it one after the other: each meets what is left of the one before. */
export interface CasePlan {
  number: number;
  target: TargetKind;
  mode: Mode;
  /** In the order of their phases. */
  faults: Fault[];
}

export interface CaseResult {
  /** For each fault the phase that the run was in when it struck; null: it did not strike. */
  landed: (Phase | null)[];
  lost: number;
  doubled: number;
  /** Row counts seen in the target that are neither the old nor the new content. */
  partialSeen: number[];
  stuck: boolean;
  /** How the instance stands in the end, where it is stuck. */
  end: string | null;
  /** Staging tables that were left behind. */
  leftovers: number;
  recoveredMs: number;
}

/** The same numbers for the same seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
