import { ConnectorError, type Field, type Load, type LogicalType } from '@sampan/connector';
import type { MysqlSchema } from './catalog.ts';
import { textLiteral } from './sql.ts';
import type { Link } from './target-link.ts';
import { isGeometry } from './types.ts';

/** A mapped column of the target, as far as staging and writing need it. Plain JSON. */
export interface StagedColumn {
  name: string;
  native: string;
  charset: string | null;
  collation: string | null;
  nullable: boolean;
  /** `native`: the server's own JSON type · `checked`: text that must parse as JSON. */
  json: 'native' | 'checked' | null;
  /** `unsigned`: of a float, the server keeps no sign of a zero. */
  zeros?: 'unsigned';
  type: LogicalType;
}

interface TextRow {
  name: string;
  charset: string | null;
  collation: string | null;
}

/** The mapped columns in the order of `Load.fields`. @throws ConnectorError for a mapping the table cannot take */
export function mappedFields(load: Load, schema: MysqlSchema): Field[] {
  const exact = new Map(schema.fields.map((field) => [field.name, field]));
  const folded = new Map(schema.fields.map((field) => [field.name.toLowerCase(), field]));
  const found = load.fields.map(({ name }) => exact.get(name) ?? folded.get(name.toLowerCase()));
  const missing = load.fields.filter((_, index) => found[index] === undefined).map(({ name }) => name);
  if (missing.length > 0) {
    throw new ConnectorError({
      kind: 'missing',
      code: 'COLUMN_NOT_FOUND',
      message: `Table "${load.object}" has no column ${listed(missing)}.`,
      hint: 'Correct the field mapping, or refresh the metadata.',
    });
  }
  const fields = found as Field[];
  const twice = fields.filter((field, index) => fields.indexOf(field) !== index);
  if (twice.length > 0)
    throw refused('COLUMN_MAPPED_TWICE', load, twice, 'is mapped more than once', 'Map each target column once.');
  const generated = fields.filter((field) => field.generated);
  if (generated.length > 0)
    throw refused(
      'GENERATED_COLUMN',
      load,
      generated,
      'is computed by the server',
      'Take it out of the field mapping.',
    );
  const shapes = fields.filter((field) => isGeometry(field.native) || /^vector\b/i.test(field.native));
  if (shapes.length > 0)
    throw refused(
      'TYPE_UNSUPPORTED',
      load,
      shapes,
      `is ${shapes[0].native}, which cannot be written yet`,
      'Take it out of the field mapping.',
    );
  const left = schema.fields.filter(
    (field) => !fields.includes(field) && !field.nullable && !field.generated && field.defaulted !== true,
  );
  if (left.length > 0)
    throw refused(
      'COLUMN_REQUIRED',
      load,
      left,
      'allows no NULL, has no default and is not mapped',
      'Map it, or give it a default.',
    );
  return fields;
}

const listed = (names: string[]) => names.map((name) => `"${name}"`).join(', ');

function refused(code: string, load: Load, fields: Field[], what: string, hint: string): ConnectorError {
  const names = listed(fields.map((field) => field.name));
  return new ConnectorError({
    kind: 'config',
    code,
    message: `Column ${names} of table "${load.object}" ${what}.`,
    hint,
  });
}

/** What staging must copy of the target's columns so that a value that fits the one fits the other. */
export async function stagedColumns(link: Link, table: string, fields: readonly Field[]): Promise<StagedColumn[]> {
  const rows = (await link.rows(
    `SELECT COLUMN_NAME AS name, CHARACTER_SET_NAME AS charset, COLLATION_NAME AS collation FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ${textLiteral(table)}`,
    `describing ${table}`,
  )) as unknown as TextRow[];
  const texts = new Map(rows.map((row) => [row.name, row]));
  const mariadb = await isMariadb(link);
  const checked = mariadb ? await jsonChecked(link, table) : new Set();
  return fields.map(({ name, native, nullable, type }) => {
    const json = /^json$/i.test(native) ? 'native' : checked.has(name) ? 'checked' : null;
    const { charset = null, collation = null } = texts.get(name) ?? {};
    const unsigned = mariadb && /^(float|double)\b/i.test(native);
    return { name, native, charset, collation, nullable, json, type, ...(unsigned ? { zeros: 'unsigned' } : {}) };
  });
}

async function isMariadb(link: Link): Promise<boolean> {
  const [row] = await link.rows('SELECT VERSION() AS version', 'asking for the version');
  return /mariadb/i.test(String(row.version));
}

/** MariaDB's JSON is LONGTEXT with a check; MySQL keeps no such list under these names. */
async function jsonChecked(link: Link, table: string): Promise<Set<string>> {
  const rows = await link.rows(
    `SELECT CHECK_CLAUSE AS clause FROM information_schema.CHECK_CONSTRAINTS
     WHERE CONSTRAINT_SCHEMA = DATABASE() AND TABLE_NAME = ${textLiteral(table)}`,
    `describing ${table}`,
  );
  const names = rows.map((row) =>
    /^json_valid\(`((?:[^`]|``)+)`\)$/i.exec(String(row.clause))?.[1]?.replaceAll('``', '`'),
  );
  return new Set(names.filter((name) => name !== undefined));
}
