import { type Client, createClient } from '@sampan/sdk';

/** The parts of answers that the demo reads. */
interface Failure {
  __typename: string;
  message?: string;
  hint?: string | null;
  issues?: { path: string[]; message: string; hint: string | null }[];
}

export interface InstanceState {
  id: string;
  state: string;
  phase: string | null;
  durationMs: number | null;
  failure: { message: string; hint: string | null } | null;
  progress: { rowsRead: string; rowsWritten: string; rowsDirty: string; rowsPerSecond: number | null };
}

export type Progress = (table: string, state: InstanceState) => void;

/** The main job, over the API alone. */
export interface DemoApi {
  connect(kind: 'mysql' | 'maxcompute', name: string, options: object, secrets: object): Promise<string>;
  createFolder(name: string): Promise<string>;
  objects(dataSourceId: string): Promise<string[]>;
  /** Creates a task that maps every column, brings it online, and follows its instance to the end. */
  copy(init: {
    folderId: string;
    source: string;
    target: string;
    table: string;
    /** Its name in the target. */
    object: string;
    onProgress: Progress;
  }): Promise<InstanceState>;
  close(): Promise<void>;
}

const ERRORS = '... on ValidationError { issues { path message hint } } ... on Error { message hint }';
const INSTANCE =
  'id state phase durationMs failure { message hint } progress { rowsRead rowsWritten rowsDirty rowsPerSecond }';
const ENDED = new Set(['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'CANCELLED']);

function refused(answer: Failure, doing: string): Error {
  const issues = (answer.issues ?? []).map(
    (one) => `${one.path.join('.')}: ${one.message}${one.hint === null ? '' : ` ${one.hint}`}`,
  );
  return new Error(
    [`${doing}: ${answer.message ?? answer.__typename}`, ...issues, ...(answer.hint ? [answer.hint] : [])].join('\n  '),
  );
}

export function openDemoApi(url: string, token: string): DemoApi {
  const client = createClient({ url, token });
  return {
    connect: (kind, name, options, secrets) => connect(client, kind, name, options, secrets),
    async createFolder(name) {
      const { createFolder } = await client.request<{ createFolder: Failure & { folder?: { id: string } } }>(
        `mutation ($name: String!) { createFolder(input: { name: $name }) { __typename ... on CreateFolderSuccess { folder { id } } ${ERRORS} } }`,
        { name },
      );
      if (createFolder.folder === undefined) throw refused(createFolder, 'Creating a folder');
      return createFolder.folder.id;
    },
    async objects(id) {
      type Page = { nodes: { name: string; kind: string }[]; pageInfo: { hasNextPage: boolean; endCursor: string } };
      const tables: string[] = [];
      for (let after: string | null = null, more = true; more; ) {
        const { node }: { node: { objects: Page } } = await client.request(
          'query ($id: ID!, $after: String) { node(id: $id) { ... on DataSource { objects(first: 200, after: $after) { nodes { name kind } pageInfo { hasNextPage endCursor } } } } }',
          { id, after },
        );
        tables.push(...node.objects.nodes.filter((one) => one.kind === 'TABLE').map((one) => one.name));
        ({ hasNextPage: more, endCursor: after } = node.objects.pageInfo);
      }
      return tables;
    },
    copy: (init) => copy(client, init),
    close: () => client.close(),
  };
}

async function connect(
  client: Client,
  connector: string,
  name: string,
  options: object,
  secrets: object,
): Promise<string> {
  const { createDataSource } = await client.request<{ createDataSource: Failure & { dataSource?: { id: string } } }>(
    `mutation ($input: CreateDataSourceInput!) { createDataSource(input: $input) { __typename ... on CreateDataSourceSuccess { dataSource { id } } ${ERRORS} } }`,
    { input: { connector, name, options, secrets } },
  );
  if (createDataSource.dataSource === undefined) throw refused(createDataSource, `Registering ${name}`);
  const { id } = createDataSource.dataSource;
  type Steps = { name: string; ok: boolean; message: string; hint: string | null }[];
  const { testConnection } = await client.request<{
    testConnection: Failure & { check?: { ok: boolean; steps: Steps } };
  }>(
    `mutation ($id: ID!) { testConnection(input: { dataSourceId: $id }) { __typename ... on TestConnectionSuccess { check { ok steps { name ok message hint } } } ${ERRORS} } }`,
    { id },
  );
  const failed = testConnection.check?.steps.find((step) => !step.ok);
  if (testConnection.check === undefined) throw refused(testConnection, `Testing ${name}`);
  if (failed !== undefined) throw new Error(`Testing ${name}: ${failed.message} ${failed.hint ?? ''}`);
  return id;
}

async function copy(
  client: Client,
  init: { folderId: string; source: string; target: string; table: string; object: string; onProgress: Progress },
): Promise<InstanceState> {
  const source = { dataSourceId: init.source, objects: [init.table] };
  const target = { dataSourceId: init.target, object: init.object, create: true, writeMode: 'OVERWRITE' };
  const { suggestMapping } = await client.request<{ suggestMapping: { links: { target: string; column: string }[] } }>(
    'query ($input: SuggestMappingInput!) { suggestMapping(input: $input) { links { target column } } }',
    { input: { source, target, rule: 'SAME_NAME' } },
  );
  const mapping = suggestMapping.links.map(({ target: to, column }) => ({ target: to, column }));
  const task = {
    folderId: init.folderId,
    name: init.table,
    kind: 'FULL',
    source,
    target,
    mapping,
    schedule: { type: 'ONCE', timeZone: 'UTC' },
  };
  const { createTask } = await client.request<{ createTask: Failure & { task?: { id: string } } }>(
    `mutation ($task: TaskInput!) { createTask(input: { task: $task }) { __typename ... on CreateTaskSuccess { task { id } } ${ERRORS} } }`,
    { task },
  );
  if (createTask.task === undefined) throw refused(createTask, `Creating the task ${init.table}`);
  type Outcome = { task: { lastInstance: { id: string } } | null; error: Failure | null };
  const { onlineTasks } = await client.request<{ onlineTasks: { outcomes: Outcome[] } }>(
    `mutation ($ids: [ID!]!) { onlineTasks(input: { ids: $ids }) { ... on OnlineTasksSuccess { outcomes { task { lastInstance { id } } error { __typename ${ERRORS} } } } } }`,
    { ids: [createTask.task.id] },
  );
  const [{ task: online, error }] = onlineTasks.outcomes;
  if (online === null) throw refused(error as Failure, `Bringing ${init.table} online`);
  return follow(client, online.lastInstance.id, (state) => init.onProgress(init.table, state));
}

async function follow(client: Client, id: string, tell: (state: InstanceState) => void): Promise<InstanceState> {
  for await (const { instanceChanged } of client.subscribe<{ instanceChanged: { instance: InstanceState } }>(
    `subscription ($id: ID!) { instanceChanged(id: $id) { instance { ${INSTANCE} } } }`,
    { id },
  )) {
    tell(instanceChanged.instance);
    if (ENDED.has(instanceChanged.instance.state)) break;
  }
  // An event shows the instance as it was then; its last counts may have come after it.
  const { node } = await client.request<{ node: InstanceState }>(
    `query ($id: ID!) { node(id: $id) { ... on Instance { ${INSTANCE} } } }`,
    { id },
  );
  return node;
}
