import { ConnectorError, type Json, type PartitionValue } from '@sampan/connector';
import type { UploadTarget } from '@sampan/maxcompute';

/** All that later calls need, in any process. */
export interface Handle {
  /** Where the upload session writes: the target, or a staging table. */
  table: string;
  partition: PartitionValue[];
  overwrite: boolean;
  session: string;
  /** When the session was opened, in milliseconds since 1970. */
  openedAt: number;
  /** Columns of the batches, in their order, as `table` calls them. */
  columns: string[];
  postSql: string[];
  /** ERROR_IF_NOT_EMPTY. */
  mustBeEmpty: boolean;
  /** MIRROR: the share of the rows there that may go; null for other modes. */
  maxDeleteShare: number | null;
  /** Where the partitions come with the rows, or a Delta table is replaced: what the staging table is published into. */
  dynamic: Dynamic | null;
  /** UPSERT: the session is an upsert session. */
  upsert: boolean;
  /** UPSERT: the source says that no two rows have the same key, and none can come to be equal on the way. */
  uniqueKeys: boolean;
}

export interface Dynamic {
  table: string;
  fixed: PartitionValue[];
  /** Partition keys that come with the rows. */
  keys: string[];
  /** The primary key of a Delta table, which no two of the rows may share; empty for ordinary tables. */
  primaryKey: string[];
  replace: boolean;
}

/** @throws ConnectorError kind `bug` for a handle of another connector */
export function asHandle(json: Json): Handle {
  const handle = json as unknown as Partial<Handle> | null;
  if (typeof handle?.table === 'string' && typeof handle.session === 'string' && Array.isArray(handle.columns))
    return handle as Handle;
  throw new ConnectorError({
    kind: 'bug',
    code: 'BAD_HANDLE',
    message: 'The stored handle of this instance is not one of this connector.',
    hint: 'Run the task anew.',
  });
}

export const uploadOf = ({ table, partition, overwrite }: Handle): UploadTarget => ({ table, partition, overwrite });

/** What the load publishes into, whatever the session writes to. */
export const placeOf = (handle: Handle): { table: string; partition: PartitionValue[] } =>
  handle.dynamic === null ? handle : { table: handle.dynamic.table, partition: handle.dynamic.fixed };
