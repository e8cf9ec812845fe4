import { ConnectorError, type Field, type ObjectQuery, type ObjectSummary, type Schema } from '@sampan/connector';
import { getTable, type Http, listTables, type Table } from '@sampan/maxcompute';
import { asConnectorError, told } from './errors.ts';
import { fieldOf, partitionFieldOf } from './types.ts';

/** Names alone: the list says no more of a table, and one request for each of thousands would take minutes. */
export async function* listObjects(
  http: Http,
  { search }: ObjectQuery,
  signal: AbortSignal,
): AsyncGenerator<ObjectSummary> {
  const wanted = search?.toLowerCase();
  try {
    for await (const name of listTables(http, '', signal)) {
      if (wanted === undefined || name.toLowerCase().includes(wanted))
        yield { name, kind: 'TABLE', rowEstimate: null, byteEstimate: null };
    }
  } catch (error) {
    throw asConnectorError(error, 'Listing tables');
  }
}

/** @throws ConnectorError `TABLE_NOT_FOUND` */
export async function describeObject(http: Http, object: string, signal: AbortSignal): Promise<Schema> {
  const table = await existingTable(http, object, signal);
  const keys =
    table.primaryKey.length === 0 ? [] : [{ name: 'PRIMARY', columns: table.primaryKey, unique: true, primary: true }];
  return {
    object: table.name,
    kind: table.isView ? 'VIEW' : 'TABLE',
    fields: fieldsOf(table),
    partitionFields: table.partitionColumns.map(partitionFieldOf),
    keys,
    rowEstimate: table.rows,
    byteEstimate: table.bytes,
    ...(table.comment === '' ? {} : { comment: table.comment }),
  };
}

/** Columns, then partition keys, which are read like columns. */
export const fieldsOf = (table: Table): Field[] => [
  ...table.columns.map(fieldOf),
  ...table.partitionColumns.map(partitionFieldOf),
];

/** @throws ConnectorError `TABLE_NOT_FOUND` */
export async function existingTable(http: Http, object: string, signal: AbortSignal): Promise<Table> {
  const table = await told(`Describing ${object}`, getTable(http, object, signal));
  if (table !== undefined) return table;
  throw new ConnectorError({
    kind: 'missing',
    code: 'TABLE_NOT_FOUND',
    message: `There is no table "${object}" in project ${http.options.project}.`,
    hint: 'Check the name, or refresh the metadata.',
  });
}
