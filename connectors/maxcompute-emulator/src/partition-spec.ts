import { Refusal } from './refusal.ts';
import type { Manifest } from './storage.ts';

export type PartitionValues = { name: string; value: string }[];

/** Reads `pt=20260301,hh=01`, with or without quotes round the values. */
export function parseSpec(text: string): PartitionValues {
  const parts = text.split(/[,/]/).filter((part) => part.trim() !== '');
  return parts.map((part) => {
    const at = part.indexOf('=');
    return {
      name: part.slice(0, at).trim().toLowerCase(),
      value: part
        .slice(at + 1)
        .trim()
        .replace(/^(['"])(.*)\1$/, '$2'),
    };
  });
}

/** The whole partition these values name, in the order of the table's keys. @throws Refusal */
export function specOf(manifest: Manifest, values: PartitionValues): string {
  const names = manifest.partitionColumns.map((column) => column.name);
  const given = new Map(values.map((one) => [one.name, one.value]));
  if (names.length > 0 && values.length === 0) {
    throw new Refusal(
      400,
      'MissingPartitionSpec',
      `Table ${manifest.name} is partitioned by ${names.join(', ')}: a partition must be named.`,
    );
  }
  if (given.size !== names.length || !names.every((name) => given.get(name))) {
    const text = values.map((one) => `${one.name}=${one.value}`).join(',');
    throw new Refusal(
      400,
      'InvalidPartitionSpec',
      `"${text}" is not a partition of ${manifest.name} (${names.join(', ') || 'it has none'}).`,
    );
  }
  const bad = values.find((one) => /[,/='"`\p{Cc}]/u.test(one.value) || Buffer.byteLength(one.value) > 255);
  if (bad !== undefined)
    throw new Refusal(
      400,
      'InvalidPartitionSpec',
      `"${bad.value}" is not a value for a partition: at most 255 bytes, none of , / = or quotes.`,
    );
  return names.map((name) => `${name}=${given.get(name)}`).join(',');
}

/** The values of a partition, by key. */
export function pairsOf(spec: string): [string, string][] {
  if (spec === '') return [];
  return spec.split(',').map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]);
}

export const noSuchPartition = (spec: string) =>
  new Refusal(404, 'NoSuchPartition', `The specified partition does not exist: ${spec}`);
