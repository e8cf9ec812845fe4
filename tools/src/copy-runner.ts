import type { Json } from '@sampan/connector';
import { type RunSpec, type RunStore, runAttempt } from '@sampan/engine';
import { answerOrders } from './bench-child.ts';
import { openConnector } from './bench-connectors.ts';
import { type Measured, measured } from './bench-measure.ts';
import { WIDE } from './bench-table.ts';

/** A copy for benchmarks, done as a run's process does it: both connectors, the engine, dirty counting, COUNT. */
export interface CopyOrder {
  source: { [key: string]: Json };
  target: { [key: string]: Json };
  /** Rows that must have come, and splits at a time. */
  rows: number;
  parallel: number;
}

const UNUSED = { where: null, splitKey: null, splits: null, fetchSize: null, options: {} };

function specOf(instance: string, columns: string[], parallel: number): RunSpec {
  return {
    instance,
    attempt: 1,
    source: { object: WIDE, ...UNUSED },
    target: {
      object: WIDE,
      create: false,
      ddl: null,
      mode: 'APPEND',
      keys: [],
      partition: [],
      preSql: [],
      postSql: [],
      publish: 'auto',
      options: {},
    },
    links: columns.map((name) => ({ target: name, column: name, constant: null, onLossy: 'REFUSE' })),
    options: {
      parallel,
      memoryMb: 1_024,
      dirtyRows: 0,
      dirtyShare: null,
      rowsPerSecond: null,
      bytesPerSecond: null,
      reconciliation: 'COUNT',
      idleMs: 60_000,
      commitMs: 600_000,
    },
    splits: null,
    resume: null,
  };
}

/** Keeps what a run tells in memory; `counted` becomes the rows that the target was found to hold. */
function memoryStore(counted: (rows: number) => void): RunStore {
  const nothing = async () => {};
  return {
    phase: nothing,
    savePlan: async (splits) => splits,
    saveHandle: nothing,
    splitStarted: async () => 0,
    saveReceipt: nothing,
    dirty: nothing,
    progress: nothing,
    log: nothing,
    statements: nothing,
    committing: nothing,
    reconciled: async ({ ok, targetRows, message }) => {
      if (!ok || targetRows === null) throw new Error(`The rows were not counted as they should: ${message}`);
      counted(targetRows);
    },
  };
}

let runs = 0;

async function copy({ source: from, target: to, rows, parallel }: CopyOrder): Promise<Measured> {
  const source = await openConnector('@sampan/connector-mysql', from);
  const target = await openConnector('@sampan/connector-maxcompute', to);
  const { signal } = new AbortController();
  const { fields } = await source.describe(WIDE, signal);
  const columns = fields.map((field) => field.name);
  const spec = specOf(`bench-${process.pid}-${runs++}`, columns, parallel);
  try {
    return await measured(rows, async () => {
      let there = -1;
      const store = memoryStore((counted) => {
        there = counted;
      });
      const end = await runAttempt({ spec, source, target, store, signal });
      if (end.end !== 'committed') throw new Error(`The copy ended as ${JSON.stringify(end)}`);
      return there;
    });
  } finally {
    await source[Symbol.asyncDispose]();
    await target[Symbol.asyncDispose]();
  }
}

answerOrders(copy);
