/** A name as MaxCompute SQL quotes it. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A string literal: backslashes and quotes are escaped. */
export function quoteText(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'").replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\0', '\\0')}'`;
}

/** `pt='20260301',hh='01'`, as SQL and metadata requests write a partition. */
export function partitionSql(partition: readonly { name: string; value: string }[]): string {
  return partition.map((one) => `${quoteName(one.name)}=${quoteText(one.value)}`).join(',');
}

/** `pt=20260301,hh=01`, as tunnel requests write one: no quotes, no spaces. */
export function partitionSpec(partition: readonly { name: string; value: string }[]): string {
  return partition.map((one) => `${one.name}=${one.value}`).join(',');
}
