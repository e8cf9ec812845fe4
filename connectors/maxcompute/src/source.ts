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
import { type Http, listPartitions, type Table } from '@sampan/maxcompute';
import { existingTable, fieldsOf } from './catalog.ts';
import { told } from './errors.ts';
import { matches, type PartitionFilter, parsePartitionFilter } from './partition-filter.ts';
import { patiently } from './patience.ts';
import { readSplit } from './read-split.ts';
import { materialise, needsSql } from './selected.ts';
import { bytesOfRow, openSnapshots } from './snapshots.ts';
import { sourceOptions } from './source-options.ts';
import { type SplitRead, splitsOf } from './splits.ts';

/**
 * Reads what a table held when the run was planned: each split is a range of rows of a download session, which the
 * service keeps for 24 hours, and a position is the number of rows read of it.
 */
export function createSource(http: Http, context: OpenContext): Source {
  return {
    plan: (read, signal) => told(`Planning to read ${read.object}`, plan(http, context, read, signal)),
    read: (split: Split, after: Json, signal: AbortSignal): AsyncIterable<Batch> =>
      readSplit(http, split.read as unknown as SplitRead, (after as number | null) ?? 0, signal),
  };
}

/** Sessions that one plan opens at most: the service allows about 200 in five minutes for a table. */
const MOST_SESSIONS = 200;

async function plan(http: Http, context: OpenContext, read: Read, signal: AbortSignal): Promise<Plan> {
  const table = await existingTable(http, read.object, signal);
  const fields = wantedFields(table, read.columns);
  const filter = filterOf(table, read);
  const sql = needsSql(table, read);
  const found = sql ? [] : await partitionsOf(http, table, filter, signal);
  const many = found.length > MOST_SESSIONS;
  const selected = sql || many ? await materialise(http, context, table, read, fields, filter, signal) : null;
  const name = selected ?? table.name;
  const snapshots = await openSnapshots(http, name, selected === null ? found : [[]], signal);
  const columns = fields.map((field) => field.name);
  const own = columns.filter((one) => selected !== null || table.columns.some((column) => column.name === one));
  const rowBytes =
    snapshots.every((one) => one.session.rows === 0) || own.length === 0
      ? 1
      : await patiently('Looking at some rows', () => bytesOfRow(http, snapshots, own, signal), signal);
  const { splits, maxBytes, fetchSize } = read;
  return {
    fields,
    splits: splitsOf(name, snapshots, { object: table.name, columns, splits, maxBytes, fetchSize, rowBytes }),
    high: null,
    warnings: [
      ...(read.splitKey === null ? [] : ['MaxCompute is split by row numbers: the split key is not used.']),
      ...(many
        ? [`${found.length} partitions are read through one SELECT: a session for each would be too many.`]
        : []),
      ...(!sql && found.length === 0
        ? [`No partition of ${table.name} is to be read: there is none, or none matches.`]
        : []),
    ],
  };
}

function wantedFields(table: Table, columns: readonly string[]): Field[] {
  const all = fieldsOf(table);
  return columns.map((name) => {
    const field = all.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (field === undefined)
      throw new ConnectorError({
        kind: 'missing',
        code: 'COLUMN_NOT_FOUND',
        message: `"${table.name}" has no column "${name}".`,
        hint: 'Correct the mapping.',
      });
    const column = table.columns.find((one) => one.name === field.name);
    if (column?.type.kind === 'unknown')
      throw new ConnectorError({
        kind: 'config',
        code: 'TYPE_UNAVAILABLE',
        message: `Column "${name}" is of type ${field.native}, which cannot be read.`,
        hint: 'Leave it out of the mapping.',
      });
    return field;
  });
}

function filterOf(table: Table, read: Read): PartitionFilter | null {
  const { partitions } = sourceOptions(read.options);
  if (partitions === undefined) return null;
  if (table.partitionColumns.length === 0)
    throw new ConnectorError({
      kind: 'config',
      code: 'BAD_PARTITION',
      message: `"${table.name}" has no partitions.`,
      hint: 'Remove the partition filter of the source.',
    });
  return parsePartitionFilter(partitions, table.partitionColumns);
}

/** The partitions to read, in the order of their names; the table itself where it has none. */
async function partitionsOf(http: Http, table: Table, filter: PartitionFilter | null, signal: AbortSignal) {
  if (table.partitionColumns.length === 0) return [[]];
  const found: { name: string; value: string }[][] = [];
  for await (const one of listPartitions(http, table.name, signal))
    if (filter === null || matches(filter, one)) found.push(one);
  return found;
}
