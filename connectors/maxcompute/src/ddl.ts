import { ConnectorError, type Field, type Load } from '@sampan/connector';
import { quoteName, quoteText, typeText } from '@sampan/maxcompute';
import { columnNames, tableName } from './names.ts';
import { refused } from './shape.ts';
import { targetOptions } from './target-options.ts';
import { odpsTypeFor } from './types.ts';
import { keyNames } from './upsert-keys.ts';

/** MaxCompute's own limits. */
const MOST_COLUMNS = 1_200;
const MOST_COMMENT_BYTES = 1_024;

export function cutComment(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= MOST_COMMENT_BYTES
    ? text
    : bytes.subarray(0, MOST_COMMENT_BYTES).toString('utf8').replace(/�+$/, '');
}

/** Over which the keys of a Delta table are spread: the service's own default, told so that it can be edited. */
const BUCKETS = 16;

/**
 * `CREATE TABLE` for a load; for UPSERT a Delta table with the keys of the task for its primary key. Other columns are
 * nullable: NOT NULL would turn one bad row into a failed block.
 */
export function createTable(load: Load): string {
  if (load.fields.length > MOST_COLUMNS) {
    throw new ConnectorError({
      kind: 'config',
      code: 'TOO_MANY_COLUMNS',
      message: `MaxCompute tables have at most ${MOST_COLUMNS} columns.`,
      hint: 'Map fewer columns.',
    });
  }
  const keys = columnNames(load.partition.map((one) => one.name));
  const names = columnNames([...load.fields.map((field) => field.name), ...keys]);
  const primary = load.mode === 'UPSERT' ? keyNames(load) : [];
  if (load.mode === 'UPSERT' && primary.length === 0)
    throw refused(
      'KEYS_MISSING',
      'A table that is upserted into needs keys, and none are known.',
      'Choose the columns that tell rows apart as keys.',
    );
  const column = (field: Field, at: number) =>
    `${quoteName(names[at])} ${typeText(odpsTypeFor(field.type))}${primary.includes(names[at]) ? ' NOT NULL' : ''}${field.comment === undefined ? '' : ` COMMENT ${quoteText(cutComment(field.comment))}`}`;
  const key = primary.length === 0 ? [] : [`PRIMARY KEY (${primary.map(quoteName).join(', ')})`];
  const { lifecycle } = targetOptions(load.options);
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteName(tableName(load.object))} (${[...load.fields.map(column), ...key].join(', ')})`,
    keys.length === 0 ? '' : ` PARTITIONED BY (${keys.map((key) => `${quoteName(key)} STRING`).join(', ')})`,
    primary.length === 0 ? '' : ` TBLPROPERTIES ("transactional"="true", "write.bucket.num"="${BUCKETS}")`,
    lifecycle === undefined ? '' : ` LIFECYCLE ${lifecycle}`,
  ].join('');
}
