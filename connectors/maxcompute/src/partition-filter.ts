import { ConnectorError } from '@sampan/connector';
import { type OdpsColumn, quoteName, quoteText } from '@sampan/maxcompute';

type Operator = '=' | '!=' | '<' | '<=' | '>' | '>=';

interface Condition {
  column: string;
  operator: Operator;
  value: string;
  /** Compared as a number, as the key itself is. */
  whole: boolean;
}

/** Which partitions to read: any of the lists, each of whose conditions must hold. */
export type PartitionFilter = Condition[][];

const ONE = /^\s*([A-Za-z_]\w*)\s*(==|!=|<>|<=|>=|=|<|>)\s*(?:'([^']*)'|"([^"]*)"|([^\s'",=<>!]+))\s*(?:,|$)/;
const SAME: { [operator: string]: Operator } = { '==': '=', '<>': '!=' };

/**
 * Filters as people write partitions: `pt=20260301`, `pt='20260301',hh>=12`; a comma means *and*, several filters mean *or*.
 * A key that no condition names may have any value. @throws ConnectorError `BAD_PARTITION`
 */
export function parsePartitionFilter(texts: readonly string[], keys: readonly OdpsColumn[]): PartitionFilter {
  return texts.map((text) => {
    const found: Condition[] = [];
    for (let rest = text; found.length === 0 || rest !== ''; ) {
      const match = ONE.exec(rest);
      if (match === null) throw bad(text, 'it is not of the form key=value,key>=value', keys);
      const [whole, name, operator] = match;
      const value = match[3] ?? match[4] ?? match[5];
      const key = keys.find((one) => one.name.toLowerCase() === name.toLowerCase());
      if (key === undefined) throw bad(text, `there is no partition key "${name}"`, keys);
      const number = /^(tinyint|smallint|int|bigint)$/.test(key.type.kind);
      if (number && !/^[+-]?\d+$/.test(value)) throw bad(text, `"${value}" is not a whole number`, keys);
      found.push({ column: key.name, operator: SAME[operator] ?? (operator as Operator), value, whole: number });
      rest = rest.slice(whole.length);
    }
    return found;
  });
}

export function matches(filter: PartitionFilter, partition: readonly { name: string; value: string }[]): boolean {
  return filter.some((conditions) =>
    conditions.every((condition) => {
      const found = partition.find((one) => one.name.toLowerCase() === condition.column.toLowerCase());
      return found !== undefined && holds(condition, found.value);
    }),
  );
}

function holds({ operator, value, whole }: Condition, found: string): boolean {
  const order = whole ? compare(BigInt(found), BigInt(value)) : compare(Buffer.from(found), Buffer.from(value));
  switch (operator) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '<=':
      return order <= 0;
    case '>':
      return order > 0;
    default:
      return order >= 0;
  }
}

/** Text by its bytes, as MaxCompute compares it. */
function compare<T extends bigint | Buffer>(a: T, b: T): number {
  if (typeof a !== 'bigint') return Buffer.compare(a, b as Buffer);
  return a < (b as bigint) ? -1 : a > (b as bigint) ? 1 : 0;
}

/** The same as a condition of SQL. */
export function filterSql(filter: PartitionFilter): string {
  const one = ({ column, operator, value, whole }: Condition) =>
    `${quoteName(column)} ${operator === '!=' ? '<>' : operator} ${whole ? BigInt(value) : quoteText(value)}`;
  return filter.map((conditions) => `(${conditions.map(one).join(' AND ')})`).join(' OR ');
}

function bad(text: string, what: string, keys: readonly OdpsColumn[]): ConnectorError {
  return new ConnectorError({
    kind: 'config',
    code: 'BAD_PARTITION',
    message: `The partition filter "${text}" cannot be used: ${what}.`,
    hint: `Partition keys here are ${keys.map((key) => key.name).join(', ')}; write for instance ${keys[0]?.name}=20260301.`,
  });
}
