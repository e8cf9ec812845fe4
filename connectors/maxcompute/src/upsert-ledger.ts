import { randomUUID } from 'node:crypto';
import type { Receipt } from '@sampan/connector';
import { KeySet } from './key-set.ts';

/**
 * What this process has sent into an upsert session. The service does not tell: it commits whatever it has, so a split
 * that was sent twice, in part, or without its receipt coming to the commit spoils the session as a whole.
 */
export interface UpsertLedger {
  /** Whether anything of a split went out before. */
  wasSent(split: number): boolean;
  /** Before the first row of a split goes out. */
  sending(split: number): void;
  /** The mark of the split's receipt. */
  sealed(split: number, rows: number): string;
  /** Whether these receipts are all that was sent. */
  agrees(receipts: readonly Receipt[]): boolean;
  /** Keys of the splits that are sealed. */
  readonly keys: KeySet;
}

export interface UpsertLedgers {
  of(session: string): UpsertLedger;
  /** Undefined where another process has sent what there is. */
  known(session: string): UpsertLedger | undefined;
  forget(session: string): void;
}

export function createLedgers(): UpsertLedgers {
  const ledgers = new Map<string, UpsertLedger>();
  return {
    of(session) {
      const found = ledgers.get(session) ?? createLedger();
      ledgers.set(session, found);
      return found;
    },
    known: (session) => ledgers.get(session),
    forget: (session) => void ledgers.delete(session),
  };
}

function createLedger(): UpsertLedger {
  const marks = new Map<number, { mark: string; rows: number } | null>();
  return {
    keys: new KeySet(),
    wasSent: (split) => marks.has(split),
    sending: (split) => void marks.set(split, null),
    sealed(split, rows) {
      const mark = randomUUID();
      marks.set(split, { mark, rows });
      return mark;
    },
    agrees: (receipts) =>
      receipts.length === marks.size &&
      receipts.every(({ split, rows, detail }) => {
        const sent = marks.get(split);
        return sent?.rows === rows && sent.mark === (detail as { sealed?: string } | null)?.sealed;
      }),
  };
}
