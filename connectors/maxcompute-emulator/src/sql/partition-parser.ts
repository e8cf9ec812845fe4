import type { PartitionValues } from '../partition-spec.ts';
import type { Cursor } from './cursor.ts';
import { ParseFailure } from './tokens.ts';

/** `PARTITION (pt='x', hh='y')`, once or more. */
export function partitions(cursor: Cursor): PartitionValues[] {
  const found: PartitionValues[] = [];
  do {
    cursor.need('partition');
    const values = cursor.inBrackets(() => cursor.list(() => partitionValue(cursor)));
    found.push(
      values.map(({ name, value }) => {
        if (value === null) throw cursor.unexpected('=');
        return { name, value };
      }),
    );
  } while (cursor.eatSign(',') !== undefined || cursor.is('partition'));
  return found;
}

export function partitionValue(cursor: Cursor): { name: string; value: string | null } {
  const name = cursor.name();
  if (cursor.eatSign('=') === undefined) return { name, value: null };
  const token = cursor.next();
  if (token.kind !== 'text' && token.kind !== 'number')
    throw new ParseFailure(token.at, 'a partition value is a string or a number');
  return { name, value: token.value };
}
