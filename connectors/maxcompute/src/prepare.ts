import { ConnectorError, type Load, type Prepared, type WriteMode } from '@sampan/connector';
import { getTable, type Http, type Table } from '@sampan/maxcompute';
import { createTable } from './ddl.ts';
import { tableOfDdl } from './ddl-columns.ts';
import { told } from './errors.ts';
import { columnNames, refuseTwice, tableName } from './names.ts';
import { refused, type Shape, shapeOf } from './shape.ts';
import { targetOptions } from './target-options.ts';
import { checkUpsert } from './upsert-keys.ts';

export const MODES: readonly WriteMode[] = ['APPEND', 'OVERWRITE', 'UPSERT', 'MIRROR', 'ERROR_IF_NOT_EMPTY'];

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
  if (load.mode !== 'UPSERT') checkDelta(table, load);
  const shape = shapeOf(table, load);
  if (load.mode === 'UPSERT') {
    checkUpsert(table, load);
    if (shape.dynamic.length > 0)
      throw refused(
        'UPSERT_PARTITIONS',
        'An upsert session writes into one partition; here the partitions come with the rows.',
        'Give the partition a value.',
      );
  }
  if (load.mode === 'MIRROR' && shape.dynamic.length > 0)
    throw refused(
      'MIRROR_PARTITIONS',
      'MIRROR replaces a whole table or one partition; here the partitions come with the rows.',
      'Give the partition a value, or use OVERWRITE.',
    );
  return { ddl, publish: 'session', visible: visible(load.mode, shape, table), fields: shape.fields };
}

export const ddlOf = (load: Load): string => load.ddl ?? createTable(load);

/**
 * Rows of a Delta table go by keys: appended ones would silently take the place of others. Whole contents can be replaced.
 * @throws ConnectorError
 */
function checkDelta({ name, primaryKey }: Table, load: Load): void {
  if (primaryKey.length === 0) return;
  if (load.mode !== 'OVERWRITE' && load.mode !== 'MIRROR')
    throw refused(
      'DELTA_TABLE',
      `"${name}" is a Delta table: MaxCompute writes its rows by their primary key, and takes no uploads for it.`,
      `Use UPSERT with the keys ${primaryKey.join(', ')}, OVERWRITE, or an ordinary table.`,
    );
  const mapped = columnNames(load.fields.map((field) => field.name));
  const left = primaryKey.find((key) => !mapped.includes(key.toLowerCase()));
  if (left !== undefined)
    throw refused('KEY_NOT_MAPPED', `No link leads to "${left}" of the primary key of "${name}".`, 'Map it.');
}

function visible(mode: WriteMode, { dynamic }: Shape, { primaryKey }: Table): string {
  const replaces = mode === 'OVERWRITE' || mode === 'MIRROR';
  if (dynamic.length > 0)
    return replaces
      ? 'Others see the old data until one INSERT at the end, which replaces those partitions that rows came for, and no other.'
      : 'Others see none of the new rows until one INSERT at the end, and then all of them at once.';
  if (mode === 'UPSERT')
    return 'Others see the old rows until the commit, and all of the new and changed ones at once.';
  if (replaces && primaryKey.length > 0)
    return 'Others see the old data until one INSERT at the end, and all of the new at once.';
  if (mode === 'MIRROR')
    return 'Others see the old data until the commit, and all of the new at once; rows that are dirty are in neither the new data nor kept from the old.';
  return replaces
    ? 'Others see the old data until the commit, and all of the new at once.'
    : 'Others see none of the new rows until the commit, and then all of them at once.';
}
