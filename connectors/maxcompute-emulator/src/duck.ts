import { DuckDBInstance } from '@duckdb/node-api';
import type { OdpsType } from '@sampan/maxcompute';
import { storedType } from './nested-types.ts';
import { Refusal } from './refusal.ts';
import { MACROS } from './sql/macros.ts';

/** One in-memory DuckDB that answers queries. What does not fit its memory goes to a folder of its own. */
export async function openDuck(spill: string): Promise<DuckDBInstance> {
  const duck = await DuckDBInstance.create(':memory:', { threads: '2', memory_limit: '2GB', temp_directory: spill });
  const connection = await duck.connect();
  for (const macro of MACROS) await connection.run(`CREATE MACRO ${macro}`);
  connection.closeSync();
  return duck;
}

export const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`;
export const literal = (text: string) => `'${text.replaceAll("'", "''")}'`;

/**
 * The DuckDB type that a MaxCompute type is stored as. DATETIME and TIMESTAMP are instants (TIMESTAMPTZ, UTC),
 * TIMESTAMP_NTZ a wall clock (TIMESTAMP), intervals a STRUCT of whole numbers.
 * @throws Refusal for types that it does not know
 */
export function duckType(type: OdpsType): string {
  switch (type.kind) {
    case 'tinyint':
    case 'smallint':
    case 'bigint':
    case 'float':
    case 'double':
    case 'boolean':
    case 'date':
      return type.kind.toUpperCase();
    case 'int':
      return 'INTEGER';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    case 'binary':
      return 'BLOB';
    case 'datetime':
    case 'timestamp':
      return 'TIMESTAMPTZ';
    case 'timestamp_ntz':
      return 'TIMESTAMP';
    case 'string':
    case 'varchar':
    case 'char':
    case 'json':
      return 'VARCHAR';
    case 'interval_day_time':
    case 'interval_year_month':
      return duckType(storedType(type));
    case 'array':
      return `${duckType(type.element)}[]`;
    case 'map':
      return `MAP(${duckType(type.key)}, ${duckType(type.value)})`;
    case 'struct':
      return `STRUCT(${type.fields.map((field) => `${quoted(field.name)} ${duckType(field.type)}`).join(', ')})`;
    default:
      throw new Refusal(
        400,
        'UnsupportedFeature',
        `ODPS-0130161:[1,1] Parse exception - the emulator has no type ${type.text}`,
      );
  }
}
