export { requireRole, roleIn, visibleWorkspaces } from './access.ts';
export type { Change } from './audit.ts';
export { readNow } from './clock.ts';
export { type TestConnection, testConnection } from './connection-checks.ts';
export type { Actor, ConnectorEntry, Control, Database, Keys } from './context.ts';
export * from './data-objects.ts';
export {
  type CreateDataSource,
  createDataSource,
  type DataSource,
  type DataSourceFilter,
  dataSourcesByIds,
  getDataSource,
  listDataSources,
} from './data-sources.ts';
export { isDatabaseFault } from './database-errors.ts';
export * from './definitions.ts';
export * from './errors.ts';
export {
  type EventHub,
  eventCursor,
  type InstanceEvent,
  startEventHub,
  type Transition,
  watchInstances,
} from './events.ts';
export {
  ancestors,
  type CreateFolder,
  childFolders,
  createFolder,
  type Folder,
  foldersByIds,
  getFolder,
  rootFolders,
} from './folders.ts';
export * from './instance-actions.ts';
export * from './instances.ts';
export { type CheckedLink, type MappingRule, suggestMapping } from './mappings.ts';
export { businessDate, nextOccurrences } from './occurrences.ts';
export { failAbandonedOperations, operationsByIds, type WorkspaceOperation } from './operations.ts';
export { decodeCursor, encodeCursor, type Page, type PageArgs } from './paging.ts';
export * from './people.ts';
export { forgetRequests, once } from './requests.ts';
export { type Running, startClaiming, startScheduler } from './scheduler.ts';
export { type ScheduleInput, scheduleInWords } from './schedules.ts';
export type { ConnectionCheck, OperationState } from './tables/data-sources.ts';
export * as tables from './tables/index.ts';
export type { InstanceState, Partition, Trigger } from './tables/instances.ts';
export type { TaskKind, TaskState } from './tables/tasks.ts';
export * from './task-actions.ts';
export type { EndsCheck } from './task-checks.ts';
export * from './task-input.ts';
export * from './task-lists.ts';
export * from './tasks.ts';
export { startWorker, type Worker, type WorkerOptions } from './worker.ts';
