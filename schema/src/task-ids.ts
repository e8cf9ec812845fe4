import { idOf, idOrNull } from './node-ids.ts';

interface Ends {
  id?: string | null | undefined;
  folderId?: string | null | undefined;
  source?: { dataSourceId: string } | null | undefined;
  target?: { dataSourceId: string } | null | undefined;
}

/** A task input with the global ids in it turned into ids of rows. */
export function taskOf<T extends Ends>(input: T): T {
  const end = <E extends { dataSourceId: string }>(one: E | null | undefined) =>
    one == null ? one : { ...one, dataSourceId: idOf('DataSource', one.dataSourceId) };
  return {
    ...input,
    id: idOrNull('Task', input.id),
    folderId: idOrNull('Folder', input.folderId),
    source: end(input.source),
    target: end(input.target),
  };
}
