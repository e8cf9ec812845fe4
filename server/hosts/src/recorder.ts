import type { LogLine, RanStatement, RunStore } from '@sampan/engine';

const FLUSH_MS = 200;
/** Of each kind in one flush: a connector that writes more in 0.2 s than anybody reads is cut short. */
const MOST_KEPT = 500;
const MOST_CHARS = 8_000;

/** Gathers log lines and statements, and hands them to the store in groups. */
export interface Recorder {
  line(line: LogLine): void;
  statement(statement: RanStatement): void;
  end(): Promise<void>;
}

/** @param store null where the work has no instance to belong to: then nothing is kept */
export function createRecorder(store: RunStore | null): Recorder {
  let lines: LogLine[] = [];
  let ran: RanStatement[] = [];
  let left = 0;
  const flush = async () => {
    const [someLines, someStatements] = [lines, ran];
    if (left > 0) someLines.push(leftOut(left));
    lines = [];
    ran = [];
    left = 0;
    if (store === null) return;
    if (someLines.length > 0) await store.log(someLines).catch(() => {});
    if (someStatements.length > 0) await store.statements(someStatements).catch(() => {});
  };
  let flushing: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    flushing = flushing.then(flush);
  }, FLUSH_MS);
  return {
    line(line) {
      if (lines.length >= MOST_KEPT) left++;
      else lines.push({ ...line, message: line.message.slice(0, MOST_CHARS) });
    },
    statement(statement) {
      if (ran.length >= MOST_KEPT) left++;
      else ran.push({ ...statement, sql: statement.sql.slice(0, MOST_CHARS) });
    },
    async end() {
      clearInterval(timer);
      await flushing;
      await flush();
    },
  };
}

const leftOut = (count: number): LogLine => ({
  at: new Date().toISOString(),
  level: 'warn',
  message: `${count} more lines or statements were left out: there were too many at a time.`,
  fields: null,
});
