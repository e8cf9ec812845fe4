/** What goes wrong on purpose, for tests of clients. */
export type FaultKind =
  | 'delay'
  | 'reset'
  | 'unavailable'
  | 'throttle'
  /** The commit happens, its answer is cut off. */
  | 'lostAnswer'
  /** The connection is cut before the commit happens. */
  | 'lostRequest'
  /** Upload sessions are forgotten. */
  | 'expire';

export interface Fault {
  kind: FaultKind;
  /** Which requests: the operation's name as in the list below, or `any`. */
  operation: Operation | 'any';
  /** How many requests it strikes (default 1). */
  times?: number;
  /** For `delay`. */
  millis?: number;
}

export type Operation =
  | 'createUpload'
  | 'writeBlock'
  | 'reloadUpload'
  | 'commitUpload'
  | 'createDownload'
  | 'readRows'
  | 'instances'
  | 'metadata';

export interface Faults {
  add(fault: Fault): void;
  clear(): void;
  /** The fault that strikes this request, used up by one. */
  take(operation: Operation): Fault | undefined;
}

export function createFaults(): Faults {
  let waiting: (Fault & { left: number })[] = [];
  return {
    add: (fault) => waiting.push({ ...fault, left: fault.times ?? 1 }),
    clear: () => {
      waiting = [];
    },
    take: (operation) => {
      const fault = waiting.find((one) => one.operation === operation || one.operation === 'any');
      if (fault === undefined) return undefined;
      fault.left--;
      waiting = waiting.filter((one) => one.left > 0);
      return fault;
    },
  };
}
