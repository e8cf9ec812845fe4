export { visibleWorkspaces, requireRole, roleIn } from './access.ts';
export type { Change } from './audit.ts';
export { type TestConnection, testConnection } from './connection-checks.ts';
export type { Actor, ConnectorEntry, Control, Database, Keys } from './context.ts';
export * from './data-objects.ts';
export {
  createDataSource,
  type CreateDataSource,
  type DataSource,
  type DataSourceFilter,
  dataSourcesByIds,
  getDataSource,
  listDataSources,
} from './data-sources.ts';
export * from './definitions.ts';
export * from './errors.ts';
export { ancestors, childFolders, type CreateFolder, createFolder, type Folder, foldersByIds, getFolder, rootFolders } from './folders.ts';
export { type CheckedLink, type MappingRule, suggestMapping } from './mappings.ts';
export { failAbandonedOperations, operationsByIds, type WorkspaceOperation } from './operations.ts';
export { encodeCursor, decodeCursor, type Page, type PageArgs } from './paging.ts';
export * from './people.ts';
export { forgetRequests, once } from './requests.ts';
export * as tables from './tables/index.ts';
export type { ConnectionCheck } from './tables/data-sources.ts';
export * from './task-actions.ts';
export type { EndsCheck } from './task-checks.ts';
export * from './task-input.ts';
export * from './task-lists.ts';
export * from './tasks.ts';
export { readNow } from './clock.ts';
export { type EventHub, eventCursor, type InstanceEvent, startEventHub, type Transition, watchInstances } from './events.ts';
export * from './instances.ts';
export { nextOccurrences, businessDate } from './occurrences.ts';
export { startClaiming, startScheduler, type Running } from './scheduler.ts';
export { type ScheduleInput, scheduleInWords } from './schedules.ts';
export { startWorker, type Worker, type WorkerOptions } from './worker.ts';
export type { TaskKind, TaskState } from './tables/tasks.ts';
