import {
  ConnectorError,
  type Field,
  type Json,
  type OpenContext,
  type Plan,
  type Read,
  type Source,
  type Split,
} from '@sampan/connector';
import { describeObject } from './catalog.ts';
import type { MysqlOptions } from './config.ts';
import { type Connection, close, connect, query } from './connection.ts';
import { behind, lastKey, readKeyOf } from './keys.ts';
import { planSplits, type SplitRead } from './splits.ts';
import { quoteName } from './sql.ts';
import { isGeometry } from './types.ts';
import { readBatches } from './wire.ts';

/** A batch is closed by whichever comes first. */
const LIMITS = { rows: 8_192, bytes: 2 * 1024 * 1024 };

export function createSource(options: MysqlOptions, context: OpenContext): Source {
  return {
    async plan(read: Read, signal: AbortSignal): Promise<Plan> {
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
        const fields = wantedFields(schema.fields, how.columns, how.object);
        const key = how.index === null ? null : readKeyOf(schema);
        const ordered =
          key !== null && key.index === how.index && key.fields.every((field) => how.columns.includes(field.name));
        if (after !== null && !ordered) {
          throw new ConnectorError({
            kind: 'data',
            code: 'KEY_CHANGED',
            message: `The key of ${how.object} changed while it was being read.`,
            hint: 'Run the task again.',
          });
        }
        const conditions = [
          how.where === null ? null : `(${how.where}\n)`,
          how.slice,
          after === null ? null : behind(key!, after as string[]),
        ].filter((one) => one !== null);
        const sql = [
          `SELECT ${await selectList(connection, fields)} FROM ${quoteName(how.object)}`,
          ordered ? `FORCE INDEX (${quoteName(key.index)})` : '',
          conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`,
          ordered ? `ORDER BY ${key.fields.map((field) => quoteName(field.name)).join(', ')}` : '',
        ].join(' ');
        const places = ordered ? key.fields.map((field) => how.columns.indexOf(field.name)) : [];
        const began = performance.now();
        let rows = 0;
        for await (const batch of readBatches(
          connection,
          sql,
          fields,
          LIMITS,
          (one) => (ordered ? lastKey(one, places) : null),
          `reading ${how.object}`,
        )) {
          rows += batch.rows;
          yield batch;
        }
        context.statement(sql, performance.now() - began, rows);
      } finally {
        await close(connection);
      }
    },
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

/** Geometry as WKT with its SRID in front, its axes in the order they are stored in (x, y) on every server. */
async function selectList(connection: Connection, fields: Field[]): Promise<string> {
  const axes = fields.some((field) => isGeometry(field.native)) ? await axisOrder(connection) : '';
  return fields
    .map(({ name, native }) => {
      const quoted = quoteName(name);
      if (isGeometry(native))
        return `CONCAT('SRID=', ST_SRID(${quoted}), ';', ST_AsText(${quoted}${axes})) AS ${quoted}`;
      return /^(vector|uuid|inet)/i.test(native) ? `CAST(${quoted} AS CHAR) AS ${quoted}` : quoted;
    })
    .join(', ');
}

/** MySQL 8 and later print latitude first for geographic systems unless told otherwise; MariaDB knows no such option. */
async function axisOrder(connection: Connection): Promise<string> {
  const [row] = await query(connection, 'SELECT VERSION() version', 'asking for the version');
  const version = String(row.version);
  return /mariadb/i.test(version) || Number.parseInt(version, 10) < 8 ? '' : ", 'axis-order=long-lat'";
}
