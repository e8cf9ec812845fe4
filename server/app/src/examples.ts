/** Shown in the playground when it opens: the main job, operation by operation. The tests run every one of them. */
export const EXAMPLES = `# The main job, MySQL to MaxCompute. Put your token into "Headers" below, choose an operation, fill in its variables.

query Connectors { connectors { name title roles writeModes broken } }

mutation CreateDataSource($input: CreateDataSourceInput!) {
  createDataSource(input: $input) {
    __typename
    ... on CreateDataSourceSuccess { dataSource { id name } }
    ... on ValidationError { issues { path code message hint } }
    ... on Error { code message hint }
  }
}

mutation TestConnection($id: ID!) {
  testConnection(input: { dataSourceId: $id }) {
    __typename
    ... on TestConnectionSuccess { check { ok steps { name ok message hint } } }
    ... on Error { code message hint }
  }
}

query Objects($id: ID!) {
  node(id: $id) { ... on DataSource { name objects(first: 100) { nodes { name kind rowEstimate } } } }
}

mutation CreateFolder($name: String!) {
  createFolder(input: { name: $name }) {
    __typename
    ... on CreateFolderSuccess { folder { id path } }
    ... on Error { code message hint }
  }
}

query SuggestMapping($input: SuggestMappingInput!) {
  suggestMapping(input: $input) { links { target column verdict reason } unmappedSource unmappedTarget }
}

query CheckTask($input: TaskDraftInput!) {
  checkTask(input: $input) { ok problems { path code message hint } ddl publish { way visible } nextRuns { scheduledAt } }
}

mutation CreateTask($task: TaskInput!) {
  createTask(input: { task: $task }) {
    __typename
    ... on CreateTaskSuccess { task { id name version } warnings { path message } }
    ... on ValidationError { issues { path code message hint } }
    ... on Error { code message hint }
  }
}

mutation OnlineTasks($ids: [ID!]!) {
  onlineTasks(input: { ids: $ids }) {
    __typename
    ... on OnlineTasksSuccess { outcomes { task { id state lastInstance { id state } } error { code message hint } } }
    ... on Error { code message hint }
  }
}

mutation RunTask($id: ID!) {
  runTask(input: { id: $id }) {
    __typename
    ... on RunTaskSuccess { instance { id state } }
    ... on Error { code message hint }
  }
}

subscription InstanceChanged($id: ID!) {
  instanceChanged(id: $id) {
    cursor
    transition { from to reason }
    instance { state phase progress { rowsRead rowsWritten rowsPerSecond } failure { code message hint } }
  }
}

query Instances { instances(first: 20) { nodes { id state scheduledAt task { name } progress { rowsWritten rowsDirty } } } }
`;
