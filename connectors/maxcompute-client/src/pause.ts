import { setTimeout } from 'node:timers/promises';
import { aborted } from './network-error.ts';

/** @throws MaxComputeError `Aborted` as soon as the signal says so */
export async function pause(millis: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await setTimeout(millis, undefined, signal === undefined ? {} : { signal });
  } catch (error) {
    throw aborted(error);
  }
}
