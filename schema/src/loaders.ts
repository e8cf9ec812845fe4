import {
  type Actor,
  attemptsOf,
  type Control,
  childFolders,
  type DataSource,
  dataSourcesByIds,
  type Folder,
  foldersByIds,
  type Instance,
  instancesByIds,
  lastInstances,
  operationsByIds,
  reconciliationsOf,
  statementsOf,
  type Task,
  type TaskVersion,
  tasksByIds,
  transitionsOf,
  type User,
  usersByIds,
  versionsByNumbers,
  type Workspace,
  type WorkspaceOperation,
  workspacesByIds,
} from '@sampan/control';
import DataLoader from 'dataloader';
import { asNode, type NodeShape, type NodeType } from './node-ids.ts';

/** One loader for each relation, made for one request: a nested list costs one statement a level. */
export interface Loaders {
  node(type: NodeType, id: string): Promise<NodeShape | null>;
  workspace(id: string): Promise<Workspace>;
  user(id: string): Promise<User>;
  dataSource(id: string): Promise<DataSource | null>;
  folder(id: string): Promise<Folder | null>;
  childFolders(parentId: string): Promise<Folder[]>;
  task(id: string): Promise<Task | null>;
  version(taskId: string, number: number): Promise<TaskVersion>;
  instance(id: string): Promise<Instance | null>;
  lastInstance(taskId: string): Promise<Instance | null>;
  operation(id: string): Promise<WorkspaceOperation | null>;
  attempts(instanceId: string): Promise<Awaited<ReturnType<typeof attemptsOf>>>;
  transitions(instanceId: string): Promise<Awaited<ReturnType<typeof transitionsOf>>>;
  statements(instanceId: string): Promise<Awaited<ReturnType<typeof statementsOf>>>;
  reconciliations(instanceId: string): Promise<Awaited<ReturnType<typeof reconciliationsOf>>>;
}

/** Rows by id, in the order asked for. */
function byId<T extends { id: string }>(
  type: NodeType,
  find: (ids: readonly string[]) => Promise<T[]>,
): (id: string) => Promise<T | null> {
  const loader = new DataLoader<string, T | null>(async (ids) => {
    const found = new Map((await find(ids)).map((row) => [row.id, asNode(type, row)]));
    return ids.map((id) => found.get(id) ?? null);
  });
  return (id) => loader.load(id);
}

/** Lists by the instance they belong to. */
function listsOf<T extends { instanceId: string }>(
  find: (ids: readonly string[]) => Promise<T[]>,
): (id: string) => Promise<T[]> {
  const loader = new DataLoader<string, T[]>(async (ids) => {
    const rows = await find(ids);
    return ids.map((id) => rows.filter((row) => row.instanceId === id));
  });
  return (id) => loader.load(id);
}

async function must<T>(found: Promise<T | null>, what: string): Promise<T> {
  const row = await found;
  if (row === null) throw new Error(`${what} is gone although something names it`);
  return row;
}

export function createLoaders(control: Control, actor: Actor | null): Loaders {
  const none = async () => [];
  const as = <T>(find: (actor: Actor, ids: readonly string[]) => Promise<T[]>) =>
    actor === null ? none : (ids: readonly string[]) => find(actor, ids);
  const workspace = byId('Workspace', (ids) => workspacesByIds(control, ids));
  const user = byId('User', (ids) => usersByIds(control, ids));
  const dataSource = byId(
    'DataSource',
    as((who, ids) => dataSourcesByIds(control, who, ids)),
  );
  const folder = byId(
    'Folder',
    as((who, ids) => foldersByIds(control, who, ids)),
  );
  const task = byId(
    'Task',
    as((who, ids) => tasksByIds(control, who, ids)),
  );
  const instance = byId(
    'Instance',
    as((who, ids) => instancesByIds(control, who, ids)),
  );
  const operation = byId(
    'Operation',
    as((who, ids) => operationsByIds(control, who, ids)),
  );
  const children = new DataLoader<string, Folder[]>(async (ids) => {
    const rows = (await childFolders(control, ids)).map((row) => asNode('Folder', row));
    return ids.map((id) => rows.filter((row) => row.parentId === id));
  });
  const versions = new DataLoader<{ taskId: string; number: number }, TaskVersion, string>(
    async (wanted) => {
      const rows = await versionsByNumbers(control, wanted);
      return wanted.map(
        (one) =>
          rows.find((row) => row.taskId === one.taskId && row.number === one.number) ??
          new Error('that version is gone'),
      );
    },
    { cacheKeyFn: (one) => `${one.taskId}:${one.number}` },
  );
  const last = new DataLoader<string, Instance | null>(async (ids) => {
    const rows = await lastInstances(control, ids);
    return ids.map((id) => {
      const row = rows.find((one) => one.taskId === id);
      return row === undefined ? null : asNode('Instance', row);
    });
  });
  const nodes: { [type in NodeType]?: (id: string) => Promise<NodeShape | null> } = {
    DataSource: dataSource,
    Folder: folder,
    Task: task,
    Instance: instance,
    Operation: operation,
  };
  return {
    node: (type, id) => nodes[type]?.(id) ?? Promise.resolve(null),
    workspace: (id) => must(workspace(id), 'a workspace'),
    user: (id) => must(user(id), 'a user'),
    dataSource,
    folder,
    task,
    instance,
    operation,
    childFolders: (id) => children.load(id),
    version: (taskId, number) => versions.load({ taskId, number }),
    lastInstance: (id) => last.load(id),
    attempts: listsOf((ids) => attemptsOf(control, ids)),
    transitions: listsOf((ids) => transitionsOf(control, ids)),
    statements: listsOf((ids) => statementsOf(control, ids)),
    reconciliations: listsOf((ids) => reconciliationsOf(control, ids)),
  };
}
