import { createHash } from 'node:crypto';
import type { Mode } from './chaos-plan.ts';

/** Rows with an id below this are in the target before a run begins. */
export const OLD_ROWS = 1_000;

export interface Damage {
  /** Rows that should be there and are not. */
  lost: number;
  /** Rows that are there more often than they should be, or that should not be there at all. */
  doubled: number;
}

/** The source's rows, each as one text, to compare copies with: every value counts, and how often a row is there. */
export interface ExpectedRows {
  compare(copy: AsyncIterable<string>, mode: Mode): Promise<Damage>;
}

export async function expectRows(source: AsyncIterable<string>): Promise<ExpectedRows> {
  const places = new Map<string, number>();
  const overwritten: number[] = [];
  const appended: number[] = [];
  for await (const line of source) {
    const key = keyOf(line);
    const place = places.get(key) ?? overwritten.length;
    places.set(key, place);
    overwritten[place] = (overwritten[place] ?? 0) + 1;
    appended[place] = (appended[place] ?? 0) + (isOld(line) ? 2 : 1);
  }
  return {
    async compare(copy, mode) {
      const wanted = mode === 'APPEND' ? appended : overwritten;
      const left = Int32Array.from(wanted);
      let doubled = 0;
      for await (const line of copy) {
        const place = places.get(keyOf(line));
        if (place === undefined) doubled++;
        else left[place]--;
      }
      let lost = 0;
      for (const count of left) {
        if (count > 0) lost += count;
        else doubled -= count;
      }
      return { lost, doubled };
    },
  };
}

const keyOf = (line: string) => createHash('sha1').update(line).digest('base64');

/** The id comes first. */
const isOld = (line: string) => Number(line.split('\t', 1)[0]) < OLD_ROWS;

/** How many rows others may see: before a run, and after it. */
export function allowedRows(rows: number, mode: Mode): { before: number; after: number } {
  return { before: OLD_ROWS, after: mode === 'APPEND' ? OLD_ROWS + rows : rows };
}
