/** What goes wrong on purpose, for tests of clients. */
export type FaultKind =
  /** Answered `millis` later (default 1,000). */
  | 'delay'
  /** The connection is reset before the request is read. */
  | 'reset'
  /** An answer of the service's machinery: `status` (default 502). */
  | 'unavailable'
  /** 429 SlotExceeded, with `HoldClientMillis` = `millis` (default 50). */
  | 'throttle'
  /** The connection is reset after `bytes` of the request's body, or of the answer where the request has none. */
  | 'cut'
  /** The request has its effect, its answer is cut off. */
  | 'lostAnswer'
  /** The connection is reset before the request has its effect, but after all of it was read. */
  | 'lostRequest'
  /** All sessions of uploads and upserts are forgotten, as if they had expired. */
  | 'expire'
  /** The server's clock is `millis` ahead for this request. */
  | 'skew';

/** The requests that a fault can strike. */
export type Operation =
  | 'createUpload'
  | 'writeBlock'
  | 'reloadUpload'
  | 'commitUpload'
  | 'abortUpload'
  | 'createDownload'
  | 'readRows'
  | 'submit'
  | 'instances'
  | 'metadata';

export interface Fault {
  kind: FaultKind;
  /** Default: any. */
  operation?: Operation | 'any';
  /** Only requests whose decoded path and query contain this text, as in `/tables/t1` or `blockid=3`. */
  path?: string;
  /** How many requests it strikes (default 1). */
  times?: number;
  /** How many matching requests it lets pass first (default 0). */
  after?: number;
  millis?: number;
  bytes?: number;
  status?: number;
}

/** The faults that are waiting. The first one that matches a request strikes it. */
export interface Faults {
  /** @throws TypeError where it is not a fault */
  add(fault: Fault): void;
  clear(): void;
  /** Those still to come, with `times` and `after` as they are now. */
  list(): Fault[];
  /** The fault that strikes this request, used up by one. */
  take(operation: Operation, path: string): Fault | undefined;
}

const KINDS: readonly string[] = [
  'delay',
  'reset',
  'unavailable',
  'throttle',
  'cut',
  'lostAnswer',
  'lostRequest',
  'expire',
  'skew',
] satisfies FaultKind[];
const OPERATIONS: readonly string[] = [
  'createUpload',
  'writeBlock',
  'reloadUpload',
  'commitUpload',
  'abortUpload',
  'createDownload',
  'readRows',
  'submit',
  'instances',
  'metadata',
  'any',
] satisfies (Operation | 'any')[];

export function createFaults(): Faults {
  let waiting: (Fault & { times: number; after: number })[] = [];
  return {
    add(fault) {
      if (!KINDS.includes(fault.kind)) throw new TypeError(`"${fault.kind}" is not a fault: ${KINDS.join(', ')}.`);
      if (fault.operation !== undefined && !OPERATIONS.includes(fault.operation))
        throw new TypeError(`"${fault.operation}" is not an operation: ${OPERATIONS.join(', ')}.`);
      waiting.push({ ...fault, times: fault.times ?? 1, after: fault.after ?? 0 });
    },
    clear() {
      waiting = [];
    },
    list: () => structuredClone(waiting),
    take(operation, path) {
      for (const fault of waiting) {
        if ((fault.operation ?? 'any') !== 'any' && fault.operation !== operation) continue;
        if (fault.path !== undefined && !path.includes(fault.path)) continue;
        if (fault.after > 0) {
          fault.after--;
          continue;
        }
        fault.times--;
        waiting = waiting.filter((one) => one.times > 0);
        return fault;
      }
      return undefined;
    },
  };
}
