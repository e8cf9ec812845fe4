import type { Session } from '../connector.ts';
import type { KitCase } from './kit.ts';
import type { MemoryStore, MemoryWire } from './memory-store.ts';

/** A connector with one thing wrong: the cases that `finds` names, by a part of their name, must fail. */
export interface Broken {
  law: KitCase['law'];
  name: string;
  finds: string;
  change(session: Session, store: MemoryStore, wire: MemoryWire): Session;
}
