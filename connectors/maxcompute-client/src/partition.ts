import { quoteName, quoteText } from './sql-text.ts';

/** The whole partition down to the leaf, in the order of the table's levels; empty for a table without partitions. */
export type Partition = readonly { name: string; value: string }[];

/** `` `pt`='20260301',`hh`='01' ``, as SQL writes a partition. */
export function partitionSql(partition: Partition): string {
  return partition.map((one) => `${quoteName(one.name)}=${quoteText(one.value)}`).join(',');
}

/** `pt='20260301',hh='01'`, as metadata requests write one: quoted values. */
export function partitionText(partition: Partition): string {
  return partition.map((one) => `${one.name}=${quoteText(one.value)}`).join(',');
}

/** `pt=20260301,hh=01`, as tunnel requests write one: no quotes, no spaces. */
export function partitionSpec(partition: Partition): string {
  return partition.map((one) => `${one.name}=${one.value}`).join(',');
}
