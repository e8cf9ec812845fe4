import type { Session } from '../connector.ts';
import type { Broken } from './broken-shape.ts';
import { BROKEN_SOURCES } from './broken-sources.ts';
import { BROKEN_TARGETS } from './broken-targets.ts';
import { type MemoryStore, openMemory } from './memory.ts';
import { directWire, type MemoryWire } from './memory-store.ts';

/** The reference connector with one thing wrong: each breaks the law that it is listed with. */
export const BROKEN: readonly Broken[] = [...BROKEN_SOURCES, ...BROKEN_TARGETS];

export const openBroken = (broken: Broken, store: MemoryStore, wire: MemoryWire = directWire): Session =>
  broken.change(openMemory(store, wire), store, wire);
