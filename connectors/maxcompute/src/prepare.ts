import { ConnectorError, type Load, type Prepared, type WriteMode } from '@sampan/connector';
import { getTable, type Http, type Table } from '@sampan/maxcompute';
import { createTable } from './ddl.ts';
import { tableOfDdl } from './ddl-columns.ts';
import { told } from './errors.ts';
import { columnNames, refuseTwice, tableName } from './names.ts';
import { refused, type Shape, shapeOf } from './shape.ts';
import { targetOptions } from './target-options.ts';

export const MODES: readonly WriteMode[] = ['APPEND', 'OVERWRITE', 'MIRROR', 'ERROR_IF_NOT_EMPTY'];

export async function prepare(http: Http, load: Load, signal: AbortSignal): Promise<Prepared> {
  if (load.publish !== 'auto' && load.publish !== 'session')
    throw refused(
      'PUBLISH_UNAVAILABLE',
      'MaxCompute publishes by upload session.',
      'Leave the way of publishing to AUTO.',
    );
  targetOptions(load.options);
  if (load.fields.length === 0)
    throw refused('NOTHING_MAPPED', `No column of "${load.object}" is mapped.`, 'Map at least one column.');
  refuseTwice(columnNames(load.fields.map((field) => field.name)));
  const name = tableName(load.object);
  const existing = await told(`Looking at ${name}`, getTable(http, name, signal));
  if (existing === undefined && !load.create)
    throw new ConnectorError({
      kind: 'missing',
      code: 'TABLE_NOT_FOUND',
      message: `There is no table "${load.object}" in project ${http.options.project}.`,
      hint: 'Choose another, or have it created.',
    });
  const ddl = existing === undefined ? ddlOf(load) : null;
  const table = existing ?? tableOfDdl(ddl!, name);
  checkMode(load.mode, table, existing === undefined);
  const shape = shapeOf(table, load);
  if (load.mode === 'MIRROR' && shape.dynamic.length > 0)
    throw refused(
      'MIRROR_PARTITIONS',
      'MIRROR replaces a whole table or one partition; here the partitions come with the rows.',
      'Give the partition a value, or use OVERWRITE.',
    );
  return { ddl, publish: 'session', visible: visible(load.mode, shape), fields: shape.fields };
}

export const ddlOf = (load: Load): string => load.ddl ?? createTable(load);

function checkMode(mode: WriteMode, table: Table, created: boolean): void {
  const delta = table.primaryKey.length > 0;
  if (mode === 'UPSERT')
    throw delta || created
      ? refused('MODE_UNAVAILABLE', 'Upserts into Delta tables are not available yet.', 'Use another write mode.')
      : refused(
          'NOT_A_DELTA_TABLE',
          `"${table.name}" has no primary key: MaxCompute updates rows by key in Delta tables only.`,
          'Use APPEND or OVERWRITE, or a Delta table (PRIMARY KEY and TBLPROPERTIES("transactional"="true")).',
        );
  if (delta)
    throw refused(
      'DELTA_TABLE',
      `"${table.name}" is a Delta table, which is written by upsert sessions; these are not available yet.`,
      'Write to an ordinary table.',
    );
}

function visible(mode: WriteMode, { dynamic }: Shape): string {
  const replaces = mode === 'OVERWRITE' || mode === 'MIRROR';
  if (dynamic.length > 0)
    return replaces
      ? 'Others see the old data until one INSERT at the end, which replaces those partitions that rows came for, and no other.'
      : 'Others see none of the new rows until one INSERT at the end, and then all of them at once.';
  if (mode === 'MIRROR')
    return 'Others see the old data until the commit, and all of the new at once; rows that are dirty are in neither the new data nor kept from the old.';
  return replaces
    ? 'Others see the old data until the commit, and all of the new at once.'
    : 'Others see none of the new rows until the commit, and then all of them at once.';
}
