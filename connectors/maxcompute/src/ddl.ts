import { ConnectorError, type Field, type Load } from '@sampan/connector';
import { quoteName, quoteText, typeText } from '@sampan/maxcompute';
import { odpsTypeFor } from './types.ts';

/** MaxCompute's own limits. */
const MOST_COLUMNS = 1_200;
const MOST_COMMENT_BYTES = 1_024;

export function cutComment(text: string): string {
  const bytes = Buffer.from(text);
  return bytes.length <= MOST_COMMENT_BYTES
    ? text
    : bytes.subarray(0, MOST_COMMENT_BYTES).toString('utf8').replace(/�+$/, '');
}

/** `CREATE TABLE` for a load. Columns are nullable: NOT NULL would turn one bad row into a failed block. */
export function createTable(load: Load): string {
  if (load.fields.length > MOST_COLUMNS) {
    throw new ConnectorError({
      kind: 'config',
      code: 'TOO_MANY_COLUMNS',
      message: `MaxCompute tables have at most ${MOST_COLUMNS} columns.`,
      hint: 'Map fewer columns.',
    });
  }
  const column = (field: Field) =>
    `${quoteName(checkName(field.name))} ${typeText(odpsTypeFor(field.type))}${field.comment === undefined ? '' : ` COMMENT ${quoteText(cutComment(field.comment))}`}`;
  const partitions = load.partition.map((one) => `${quoteName(checkName(one.name))} STRING`);
  const lifecycle = load.options.lifecycle;
  return [
    `CREATE TABLE IF NOT EXISTS ${quoteName(checkName(load.object))} (${load.fields.map(column).join(', ')})`,
    partitions.length === 0 ? '' : ` PARTITIONED BY (${partitions.join(', ')})`,
    typeof lifecycle === 'number' ? ` LIFECYCLE ${Math.trunc(lifecycle)}` : '',
  ].join('');
}

/** Letters, digits and `_`, not a digit first, at most 128 bytes. @throws ConnectorError naming a good one */
export function checkName(name: string): string {
  if (/^[A-Za-z_][A-Za-z0-9_]{0,127}$/.test(name)) return name;
  const better =
    name
      .replace(/[^A-Za-z0-9_]/g, '_')
      .replace(/^(?=\d)/, '_')
      .slice(0, 128) || '_';
  throw new ConnectorError({
    kind: 'config',
    code: 'BAD_NAME',
    message: `"${name}" is not a name MaxCompute allows.`,
    hint: `Call it "${better}" in the mapping.`,
  });
}
