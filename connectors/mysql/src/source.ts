import {
  type Batch,
  ConnectorError,
  type Field,
  type Json,
  type OpenContext,
  type Plan,
  type Read,
  type Source,
  type Split,
} from '@sampan/connector';
import { describeObject, type MysqlSchema } from './catalog.ts';
import { type MysqlOptions, refuseOptions } from './config.ts';
import { type Connection, close, connect, query } from './connection.ts';
import { behind, lastKey, readKeyOf } from './keys.ts';
import { planSplits, type SplitRead } from './splits.ts';
import { quoteName } from './sql.ts';
import { isGeometry } from './types.ts';
import { type RowsRead, readBatches } from './wire.ts';

/** A batch is closed by whichever comes first. */
const LIMITS = { rows: 8_192, bytes: 2 * 1024 * 1024 };

export function createSource(options: MysqlOptions, context: OpenContext): Source {
  return {
    async plan(read: Read, signal: AbortSignal): Promise<Plan> {
      refuseOptions(read.options, 'source');
      const connection = await connect(options, context, { signal });
      try {
        const schema = await describeObject(connection, read.object);
        return await planSplits(connection, schema, read, wantedFields(schema.fields, read.columns, read.object));
      } finally {
        await close(connection);
      }
    },
    async *read(split: Split, after: Json, signal: AbortSignal) {
      const how = split.read as unknown as SplitRead;
      const connection = await connect(options, context, { signal });
      try {
        const schema = await describeObject(connection, how.object);
        const { wanted, hidden, read } = await rowsRead(connection, schema, how, after);
        const began = performance.now();
        let rows = 0;
        for await (const batch of readBatches(connection, read)) {
          rows += batch.rows;
          yield hidden === 0 ? batch : withoutHidden(batch, wanted);
        }
        context.statement(read.first, performance.now() - began, rows);
      } finally {
        await close(connection);
      }
    },
  };
}

/** What a split reads: by its key where it has one, in chunks that each begin behind the last row of the one before. */
async function rowsRead(connection: Connection, schema: MysqlSchema, how: SplitRead, after: Json) {
  const wanted = wantedFields(schema.fields, how.columns, how.object);
  const key = how.index === null ? null : readKeyOf(schema);
  if (how.index !== null && key?.index !== how.index) throw keyChanged(how.object);
  // The key is read along where it is not wanted: a cut connection goes on behind it.
  const added = key?.fields.filter((field) => !how.columns.includes(field.name)) ?? [];
  const fields = [...wanted, ...added];
  const list = await selectList(connection, fields);
  const select = (position: Json) => {
    const conditions = [
      how.where === null ? null : `(${how.where}\n)`,
      how.slice,
      position === null || key === null ? null : behind(key, position as string[]),
    ].filter((one) => one !== null);
    return [
      `SELECT ${list} FROM ${quoteName(how.object)}`,
      key === null ? '' : `FORCE INDEX (${quoteName(key.index)})`,
      conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`,
      key === null
        ? ''
        : `ORDER BY ${key.fields.map((field) => quoteName(field.name)).join(', ')} LIMIT ${how.fetchSize}`,
    ]
      .filter((part) => part !== '')
      .join(' ');
  };
  const places = key?.fields.map((field) => fields.indexOf(field)) ?? [];
  const read: RowsRead = {
    fields,
    limits: { ...LIMITS, rows: Math.min(LIMITS.rows, how.fetchSize) },
    first: select(after),
    chunk: key === null ? null : { rows: how.fetchSize, behind: select },
    positionOf: (batch) => (key === null ? null : lastKey(batch, places)),
    doing: `reading ${how.object}`,
  };
  return { wanted, hidden: added.length, read };
}

function keyChanged(object: string): ConnectorError {
  return new ConnectorError({
    kind: 'data',
    code: 'KEY_CHANGED',
    message: `The key of ${object} changed while it was being read.`,
    hint: 'Run the task again.',
  });
}

/** A batch without the key columns that were read along. */
function withoutHidden(batch: Batch, fields: readonly Field[]): Batch {
  const { rare } = batch;
  return {
    ...batch,
    fields,
    columns: batch.columns.slice(0, fields.length),
    ...(rare === undefined ? {} : { rare: rare.filter((cell) => cell.column < fields.length) }),
  };
}

function wantedFields(fields: Field[], columns: string[], object: string): Field[] {
  return columns.map((name) => {
    const field = fields.find((one) => one.name === name);
    if (field !== undefined) return field;
    throw new ConnectorError({
      kind: 'missing',
      code: 'COLUMN_NOT_FOUND',
      message: `${object} has no column "${name}".`,
      hint: 'Correct the mapping.',
    });
  });
}

/** Zeros in front are no digits of the value. Geometry as WKT with its SRID in front, its axes in the order they are stored in (x, y) on every server. */
async function selectList(connection: Connection, fields: Field[]): Promise<string> {
  const axes = fields.some((field) => isGeometry(field.native)) ? await axisOrder(connection) : '';
  return fields
    .map(({ name, native }) => {
      const quoted = quoteName(name);
      if (isGeometry(native))
        return `CONCAT('SRID=', ST_SRID(${quoted}), ';', ST_AsText(${quoted}${axes})) AS ${quoted}`;
      if (/^decimal.*zerofill/i.test(native)) return `CAST(${quoted} AS ${native.split(' ')[0]}) AS ${quoted}`;
      return /^(uuid|inet)/i.test(native) ? `CAST(${quoted} AS CHAR) AS ${quoted}` : quoted;
    })
    .join(', ');
}

/** MySQL 8 and later print latitude first for geographic systems unless told otherwise; MariaDB knows no such option. */
async function axisOrder(connection: Connection): Promise<string> {
  const [row] = await query(connection, 'SELECT VERSION() version', 'asking for the version');
  const version = String(row.version);
  return /mariadb/i.test(version) || Number.parseInt(version, 10) < 8 ? '' : ", 'axis-order=long-lat'";
}
