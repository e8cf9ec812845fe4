/** A MaxCompute type, parsed. `unknown` keeps the text of a type that this version does not know. */
export type OdpsType =
  | { kind: ScalarKind }
  | { kind: 'decimal'; precision: number; scale: number }
  | { kind: 'varchar' | 'char'; length: number }
  | { kind: 'array'; element: OdpsType }
  | { kind: 'map'; key: OdpsType; value: OdpsType }
  | { kind: 'struct'; fields: { name: string; type: OdpsType }[] }
  | { kind: 'unknown'; text: string };

export type ScalarKind =
  | 'tinyint'
  | 'smallint'
  | 'int'
  | 'bigint'
  | 'float'
  | 'double'
  | 'boolean'
  | 'string'
  | 'binary'
  | 'json'
  | 'date'
  | 'datetime'
  | 'timestamp'
  | 'timestamp_ntz'
  | 'interval_day_time'
  | 'interval_year_month';

const SCALARS = new Set<string>([
  'tinyint',
  'smallint',
  'int',
  'bigint',
  'float',
  'double',
  'boolean',
  'string',
  'binary',
  'json',
  'date',
  'datetime',
  'timestamp',
  'timestamp_ntz',
  'interval_day_time',
  'interval_year_month',
]);

export interface OdpsColumn {
  name: string;
  type: OdpsType;
  nullable: boolean;
  comment: string;
}

export interface OdpsSchema {
  columns: OdpsColumn[];
  partitionColumns: OdpsColumn[];
}

/** Parses a type as servers print it, in either letter case. Bare `DECIMAL` is (38,18). Never throws. */
export function parseType(text: string): OdpsType {
  const tokens = text.match(/`[^`]*`|[A-Za-z_][A-Za-z0-9_]*|\d+|[<>(),:]/g) ?? [];
  let at = 0;
  const next = () => (tokens[at++] ?? '').toLowerCase();
  const numbers = (): number[] => {
    if (tokens[at] !== '(') return [];
    at++;
    const found: number[] = [];
    while (at < tokens.length && tokens[at] !== ')') if (/^\d+$/.test(tokens[at++])) found.push(Number(tokens[at - 1]));
    at++;
    return found;
  };
  const type = (): OdpsType => {
    const name = next();
    if (name === 'integer') return { kind: 'int' };
    if (SCALARS.has(name)) return { kind: name as ScalarKind };
    if (name === 'decimal') {
      const [precision = 38, scale = precision === 38 && tokens[at - 1] !== ')' ? 18 : 0] = numbers();
      return { kind: 'decimal', precision, scale };
    }
    if (name === 'varchar' || name === 'char') return { kind: name, length: numbers()[0] ?? 1 };
    if (name === 'array' && next() === '<') {
      const element = type();
      at++;
      return { kind: 'array', element };
    }
    if (name === 'map' && next() === '<') {
      const key = type();
      at++;
      const value = type();
      at++;
      return { kind: 'map', key, value };
    }
    if (name === 'struct' && next() === '<') {
      const fields: { name: string; type: OdpsType }[] = [];
      do {
        const field = (tokens[at++] ?? '').replaceAll('`', '');
        at++;
        fields.push({ name: field, type: type() });
      } while (tokens[at++] === ',');
      return { kind: 'struct', fields };
    }
    return { kind: 'unknown', text };
  };
  const parsed = type();
  return at === tokens.length && !holdsUnknown(parsed) ? parsed : { kind: 'unknown', text };
}

function holdsUnknown(type: OdpsType): boolean {
  switch (type.kind) {
    case 'unknown':
      return true;
    case 'array':
      return holdsUnknown(type.element);
    case 'map':
      return holdsUnknown(type.key) || holdsUnknown(type.value);
    case 'struct':
      return type.fields.some((field) => holdsUnknown(field.type));
    default:
      return false;
  }
}

/** The type as SQL writes it. */
export function typeText(type: OdpsType): string {
  switch (type.kind) {
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'varchar':
    case 'char':
      return `${type.kind.toUpperCase()}(${type.length})`;
    case 'array':
      return `ARRAY<${typeText(type.element)}>`;
    case 'map':
      return `MAP<${typeText(type.key)},${typeText(type.value)}>`;
    case 'struct':
      return `STRUCT<${type.fields.map((field) => `${field.name}:${typeText(field.type)}`).join(',')}>`;
    case 'unknown':
      return type.text;
    default:
      return type.kind.toUpperCase();
  }
}
