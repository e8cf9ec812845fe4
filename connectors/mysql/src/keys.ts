import { type Batch, cellText, type Field, type Json, type Key, type Schema } from '@sampan/connector';
import { binaryLiteral, indexLiteral, quoteName } from './sql.ts';

/** The key a table is read by, in the order of its index. */
export interface ReadKey {
  index: string;
  fields: Field[];
}

/**
 * Types whose values can be written back as a literal that compares exactly as the index does. Floats round, ENUM and
 * SET order by number but compare by text, BIT and geometry have no safe literal.
 */
function orders(field: Field): boolean {
  if (/^(enum|set|bit|year|json|geometry|point|uuid|inet)/i.test(field.native)) return false;
  return !['float32', 'float64', 'bool', 'json', 'time'].includes(field.type.kind);
}

/** The primary key, else a unique key without NULLs, whose columns all order; null where there is none. */
export function readKeyOf(schema: Schema): ReadKey | null {
  const byName = new Map(schema.fields.map((field) => [field.name, field]));
  const usable = (key: Key) =>
    key.unique && key.columns.every((name) => !byName.get(name)!.nullable && orders(byName.get(name)!));
  const key = schema.keys.find(usable);
  return key === undefined ? null : { index: key.name, fields: key.columns.map((name) => byName.get(name)!) };
}

/** A key value, as exact text, as an SQL literal. */
export function keyLiteral(field: Field, text: string): string {
  switch (field.type.kind) {
    case 'utf8':
      return indexLiteral(text);
    case 'binary':
      return binaryLiteral(text);
    case 'date':
    case 'datetime':
      return `'${text}'`;
    case 'time':
      return `'${text}'`;
    case 'timestamp':
      return `'${text.replace('+00:00', '')}'`;
    default:
      return text;
  }
}

/**
 * Rows behind a key, as a condition that an index serves: the leading column's bound in front, then the exact
 * row comparison column by column.
 */
export function behind(key: ReadKey, values: readonly string[]): string {
  const literals = key.fields.map((field, index) => keyLiteral(field, values[index]));
  const names = key.fields.map((field) => quoteName(field.name));
  if (names.length === 1) return `${names[0]} > ${literals[0]}`;
  const terms = names.map((name, last) => {
    const equal = names.slice(0, last).map((before, index) => `${before} = ${literals[index]}`);
    return `(${[...equal, `${name} > ${literals[last]}`].join(' AND ')})`;
  });
  return `${names[0]} >= ${literals[0]} AND (${terms.join(' OR ')})`;
}

/** The key of a batch's last row, as exact texts: where its split goes on. */
export function lastKey(batch: Batch, positions: readonly number[]): Json {
  return positions.map((at) => cellText(batch.columns[at], batch.fields[at].type, batch.rows - 1));
}
