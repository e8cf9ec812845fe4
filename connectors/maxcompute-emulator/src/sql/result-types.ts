import {
  type DuckDBConnection,
  type DuckDBDecimalType,
  type DuckDBListType,
  type DuckDBMapType,
  type DuckDBStructType,
  type DuckDBType,
  DuckDBTypeId as Id,
} from '@duckdb/node-api';
import type { OdpsType } from '@sampan/maxcompute';
import { INTERVAL_FIELDS } from '../nested-types.ts';
import { Refusal } from '../refusal.ts';

const SCALARS: { [id: number]: OdpsType['kind'] } = {
  [Id.BOOLEAN]: 'boolean',
  [Id.TINYINT]: 'tinyint',
  [Id.SMALLINT]: 'smallint',
  [Id.INTEGER]: 'int',
  [Id.BIGINT]: 'bigint',
  // A sum of whole numbers.
  [Id.HUGEINT]: 'bigint',
  [Id.FLOAT]: 'float',
  [Id.DOUBLE]: 'double',
  [Id.VARCHAR]: 'string',
  // NULL alone.
  [Id.SQLNULL]: 'string',
  [Id.BLOB]: 'binary',
  [Id.DATE]: 'date',
  [Id.TIMESTAMP]: 'timestamp_ntz',
  [Id.TIMESTAMP_TZ]: 'datetime',
};

/** Names and types of a statement's columns, without running it. @throws Refusal */
export async function resultColumns(
  connection: DuckDBConnection,
  sql: string,
): Promise<{ name: string; type: OdpsType }[]> {
  const prepared = await connection.prepare(sql);
  try {
    return Array.from({ length: prepared.columnCount }, (_, place) => ({
      name: prepared.columnName(place),
      type: resultType(prepared.columnType(place)),
    }));
  } finally {
    prepared.destroySync();
  }
}

/** MaxCompute's type of a result's column. @throws Refusal for those that it has none for */
function resultType(type: DuckDBType): OdpsType {
  switch (type.typeId) {
    case Id.DECIMAL: {
      const { width, scale } = type as DuckDBDecimalType;
      return { kind: 'decimal', precision: width, scale };
    }
    case Id.LIST:
      return { kind: 'array', element: resultType((type as DuckDBListType).valueType) };
    case Id.MAP: {
      const { keyType, valueType } = type as DuckDBMapType;
      return { kind: 'map', key: resultType(keyType), value: resultType(valueType) };
    }
    case Id.STRUCT:
      return structType(type as DuckDBStructType);
    default: {
      const kind = SCALARS[type.typeId];
      if (kind === undefined)
        throw new Refusal(
          400,
          'ODPS-0130071',
          `ODPS-0130071:Semantic analysis exception - the emulator gives no values of DuckDB's type ${type}`,
        );
      return { kind } as OdpsType;
    }
  }
}

function structType({ entryNames, entryTypes }: DuckDBStructType): OdpsType {
  if (entryNames[0] === INTERVAL_FIELDS.months) return { kind: 'interval_year_month' };
  if (entryNames[0] === INTERVAL_FIELDS.seconds) return { kind: 'interval_day_time' };
  return { kind: 'struct', fields: entryNames.map((name, at) => ({ name, type: resultType(entryTypes[at]) })) };
}
