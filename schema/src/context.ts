import type { Actor, Control, EventHub } from '@sampan/control';
import type { Loaders } from './loaders.ts';

/** What every resolver is given: one per request, or per operation on a socket. */
export interface Context {
  control: Control;
  /** Null when nobody is signed in. */
  actor: Actor | null;
  loaders: Loaders;
  hub: EventHub;
}
