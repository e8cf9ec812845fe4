import type { MaxComputeError } from './errors.ts';
import type { Http } from './http.ts';
import { type Partition, partitionText } from './partition.ts';
import { ask, figure, instant, isAbsent, pages, parseJson } from './rest.ts';
import { tablePath } from './tables.ts';
import { attributeOf, elements, textOf } from './xml.ts';

/** A partition and the service's figures of it, which are rough and behind what was committed. */
export interface PartitionInfo {
  partition: { name: string; value: string }[];
  createdAt: Date | null;
  ddlChangedAt: Date | null;
  changedAt: Date | null;
  rows: number | null;
  bytes: number | null;
}

export interface PartitionDetails extends PartitionInfo {
  accessedAt: Date | null;
  /** Only where asked for. */
  extended: {
    isArchived: boolean;
    lifecycle: number | null;
    physicalBytes: number | null;
    files: number | null;
  } | null;
}

export interface PartitionFilter {
  /** The first levels of the partition, where only those below are wanted. */
  within?: Partition | undefined;
  /** How many a request brings; the service's own number where absent. */
  pageSize?: number | undefined;
  /** From the last to the first. */
  reverse?: boolean | undefined;
}

/** Partitions with their figures, page by page: one page is in memory at a time. @throws MaxComputeError kind `missing` where there is no such table */
export async function* findPartitions(
  http: Http,
  table: string,
  { within = [], pageSize, reverse }: PartitionFilter = {},
  signal?: AbortSignal,
): AsyncGenerator<PartitionInfo> {
  const query = {
    partitions: '',
    partition: within.length === 0 ? undefined : partitionText(within),
    maxitems: pageSize === undefined ? undefined : String(pageSize),
    reverse: reverse ? '' : undefined,
  };
  for await (const page of pages(http, tablePath(http, table), query, signal))
    for (const { content } of elements(page, 'Partition')) yield infoOf(content);
}

/** All partitions, page by page. @throws MaxComputeError kind `missing` where there is no such table */
export async function* listPartitions(
  http: Http,
  table: string,
  signal?: AbortSignal,
): AsyncGenerator<{ name: string; value: string }[]> {
  for await (const { partition } of findPartitions(http, table, {}, signal)) yield partition;
}

const infoOf = (xml: string): PartitionInfo => ({
  partition: elements(xml, 'Column').map(({ attributes }) => ({
    name: attributeOf(attributes, 'Name') ?? '',
    value: attributeOf(attributes, 'Value') ?? '',
  })),
  createdAt: instant(textOf(xml, 'CreationTime')),
  ddlChangedAt: instant(textOf(xml, 'LastDDLTime')),
  changedAt: instant(textOf(xml, 'LastModifiedTime')),
  rows: figure(textOf(xml, 'PartitionRecordCount')),
  bytes: figure(textOf(xml, 'PartitionSize')),
});

/** Undefined where there is no such partition. @throws MaxComputeError kind `missing` where there is no such table */
export async function getPartition(
  http: Http,
  table: string,
  partition: Partition,
  signal?: AbortSignal,
  extended = false,
): Promise<PartitionDetails | undefined> {
  try {
    const query = { partition: partitionText(partition), extended: extended ? '' : undefined };
    const answer = await ask(http, tablePath(http, table), query, signal);
    const text = textOf(answer.body, 'Schema');
    return detailsOf(text === undefined || text === '' ? {} : parseJson(text, answer), partition, extended);
  } catch (error) {
    if (isAbsent(error) && /partition|object/i.test((error as MaxComputeError).code)) return undefined;
    throw error;
  }
}

/** @throws MaxComputeError kind `missing` where there is no such table */
export async function hasPartition(
  http: Http,
  table: string,
  partition: Partition,
  signal?: AbortSignal,
): Promise<boolean> {
  return (await getPartition(http, table, partition, signal)) !== undefined;
}

function detailsOf(json: Record<string, unknown>, partition: Partition, extended: boolean): PartitionDetails {
  return {
    partition: [...partition],
    createdAt: instant(json.createTime),
    ddlChangedAt: instant(json.lastDDLTime),
    changedAt: instant(json.lastModifiedTime),
    accessedAt: instant(json.lastAccessTime),
    rows: figure(json.partitionRecordNum),
    bytes: figure(json.partitionSize),
    extended: extended
      ? {
          isArchived: json.IsArchived === true,
          lifecycle: figure(json.LifeCycle),
          physicalBytes: figure(json.PhysicalSize),
          files: figure(json.FileNum),
        }
      : null,
  };
}
