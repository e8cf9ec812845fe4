import type { CheckResult } from '@sampan/connector';
import {
  type ConnectionCheck,
  type ConnectorEntry,
  createDataSource,
  type DataSource,
  getObject,
  listDataSources,
  listObjects,
  previewObject,
  refreshMetadata,
  testConnection,
  type WorkspaceOperation,
} from '@sampan/control';

import { builder } from './builder.ts';
import { connect, connectionType, workspaceOf } from './connections.ts';
import { DataObjectConnection, DataObjectType, PreviewType } from './data-objects.ts';
import { mutation } from './mutations.ts';
import { asNode, idOf, idOrNull } from './node-ids.ts';
import { Node } from './nodes.ts';
import { OperationType } from './operations.ts';

export const WriteMode = builder.enumType('WriteMode', {
  description:
    'How rows meet what the target holds: kept beside it (APPEND, 写入前保留), in its place (OVERWRITE, 写入前清理), by key (UPSERT), as a mirror (MIRROR), or only into nothing.',
  values: ['APPEND', 'OVERWRITE', 'UPSERT', 'MIRROR', 'ERROR_IF_NOT_EMPTY'] as const,
});
const ConnectorRole = builder.enumType('ConnectorRole', {
  description: 'Which end of a run it can be.',
  values: ['SOURCE', 'TARGET'] as const,
});
const Use = builder.enumType('Use', {
  description: 'What tasks may do with a data source.',
  values: ['READ', 'WRITE'] as const,
});
export const ConnectorType = builder.objectRef<ConnectorEntry>('Connector').implement({
  description: 'A plugin that reads or writes one kind of system (连接器).',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique on the server.' }),
    title: t.exposeString('title', { description: 'For people.' }),
    version: t.exposeString('version', { description: 'Of its package.' }),
    configSchema: t.field({ type: 'JSON', description: 'JSON Schema of its options.', resolve: (one) => one.schema }),
    roles: t.field({ type: [ConnectorRole], description: 'Which ends it can be.', resolve: (one) => one.roles }),
    writeModes: t.field({
      type: [WriteMode],
      description: 'Modes it writes in.',
      resolve: (one) => one.writeModes as 'APPEND'[],
    }),
    broken: t.exposeString('broken', { nullable: true, description: 'Why it cannot be used; null where it can.' }),
  }),
});

const CheckStepType = builder.objectRef<CheckResult>('CheckStep').implement({
  description: 'One step of a connection test. Steps behind a failed one are not taken.',
  fields: (t) => ({
    name: t.string({ description: 'dns, tcp, tls, login, privileges, version or clock.', resolve: (one) => one.step }),
    ok: t.exposeBoolean('ok', { description: 'Whether it passed.' }),
    millis: t.exposeFloat('millis', { nullable: true, description: 'How long it took.' }),
    message: t.exposeString('message', { description: 'What was found.' }),
    hint: t.exposeString('hint', { nullable: true, description: 'What to do next.' }),
  }),
});

const ConnectionCheckType = builder.objectRef<ConnectionCheck>('ConnectionCheck').implement({
  description: 'A connection test (测试连接).',
  fields: (t) => ({
    ok: t.exposeBoolean('ok', { description: 'All steps passed.' }),
    at: t.field({ type: 'DateTime', description: 'When.', resolve: (one) => new Date(one.at) }),
    steps: t.field({ type: [CheckStepType], description: 'In order.', resolve: (one) => one.steps }),
  }),
});

export const DataSourceType = builder.objectRef<DataSource>('DataSource');

DataSourceType.implement({
  description: 'A registered connection (数据源). Its secrets are never told.',
  interfaces: [Node],
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Unique in its workspace.' }),
    description: t.exposeString('description', { description: 'For people.' }),
    connector: t.field({
      type: ConnectorType,
      description: 'What opens it.',
      resolve: (one, _args, context) => connectorOf(context.control.connectors, one.connector),
    }),
    revision: t.exposeInt('revision', { description: 'Grows with each change.' }),
    options: t.field({
      type: 'JSON',
      description: 'Without secrets, defaults filled in.',
      resolve: (one) => one.options,
    }),
    secretNames: t.exposeStringList('secretNames', { description: 'Secrets that are set.' }),
    allowCustomSql: t.exposeBoolean('allowCustomSql', { description: 'Tasks may carry SQL of their own.' }),
    use: t.field({ type: [Use], description: 'What tasks may do with it.', resolve: (one) => one.use }),
    lastCheck: t.field({
      type: ConnectionCheckType,
      nullable: true,
      description: 'The last test of it as saved.',
      resolve: (one) => one.lastCheck,
    }),
    objects: t.field({
      type: DataObjectConnection,
      description: 'The cached catalogue by name; read from the system where there is none yet.',
      args: {
        search: t.arg.string({ description: 'Part of the name.' }),
        first: t.arg.int({ description: 'At most 500; 50 where absent.' }),
        after: t.arg.string({ description: 'Behind this cursor.' }),
      },
      resolve: (one, args, context) => connect(context, () => listObjects(context.control, one, args)) as never,
    }),
    object: t.field({
      type: DataObjectType,
      nullable: true,
      description: 'One object with its columns; null where there is none of that name.',
      args: { name: t.arg.string({ required: true, description: 'As objects lists it.' }) },
      resolve: (one, args, context) => getObject(context.control, one, args.name),
    }),
    preview: t.field({
      type: PreviewType,
      nullable: true,
      description: 'Reads the first rows now. Not for viewers.',
      args: {
        object: t.arg.string({ required: true, description: 'As objects lists it.' }),
        first: t.arg.int({ defaultValue: 20, description: 'Rows, at most 500.' }),
      },
      resolve: (one, args, context) =>
        previewObject(context.control, context.actor!, one, args.object, args.first ?? 20),
    }),
  }),
});
const DataSourceConnection = connectionType('DataSource', DataSourceType as never);

function connectorOf(connectors: Map<string, ConnectorEntry>, name: string): ConnectorEntry {
  return (
    connectors.get(name) ?? {
      name,
      title: name,
      version: '',
      module: '',
      schema: {},
      secrets: [],
      endpoint: [],
      roles: [],
      writeModes: [],
      broken: 'it is not installed',
    }
  );
}

const DataSourceFilter = builder.inputType('DataSourceFilter', {
  description: 'Which data sources.',
  fields: (t) => ({
    search: t.string({ description: 'Part of the name.' }),
    connector: t.string({ description: 'Name of the connector.' }),
  }),
});

builder.queryFields((t) => ({
  connectors: t.field({
    type: [ConnectorType],
    description: 'All connectors, broken ones with their reason.',
    resolve: (_root, _args, context) => [...context.control.connectors.values()],
  }),
  dataSources: t.field({
    type: DataSourceConnection,
    description: 'Data sources of a workspace by name.',
    args: {
      workspace: t.arg.id({ description: 'Absent: the default one.' }),
      filter: t.arg({ type: DataSourceFilter, description: 'Which.' }),
      first: t.arg.int({ description: 'At most 500; 50 where absent.' }),
      after: t.arg.string({ description: 'Behind this cursor.' }),
      last: t.arg.int({ description: 'The last ones instead.' }),
      before: t.arg.string({ description: 'In front of this cursor.' }),
    },
    resolve: async (_root, args, context) => {
      const workspaceId = await workspaceOf(context, args.workspace);
      return connect(context, () =>
        listDataSources(context.control, context.actor!, workspaceId, args.filter ?? {}, args),
      ) as never;
    },
  }),
}));

mutation('createDataSource', {
  description: 'Registers a connection. Its options are checked, nothing is connected.',
  input: builder.inputType('CreateDataSourceInput', {
    description: 'A new data source.',
    fields: (t) => ({
      workspace: t.id({ description: 'Absent: the default one.' }),
      connector: t.string({ required: true, description: 'Name of the connector.' }),
      name: t.string({ required: true, description: 'Unique in the workspace.' }),
      description: t.string({ description: 'For people.' }),
      options: t.field({
        type: 'JSON',
        required: true,
        description: "As the connector's configSchema says, without secrets.",
      }),
      secrets: t.field({ type: 'JSON', description: 'Secrets by option name; write-only.' }),
      allowCustomSql: t.boolean({ defaultValue: true, description: 'Tasks may carry SQL of their own.' }),
      use: t.field({ type: [Use], description: 'Absent: both.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['validation', 'conflict', 'notFound', 'forbidden'],
  fields: (t) => ({
    dataSource: t.field({
      type: DataSourceType,
      description: 'As saved.',
      resolve: (one: { dataSource: DataSource }) => one.dataSource,
    }),
  }),
  resolve: async (input, context) => {
    const workspaceId = await workspaceOf(context, input.workspace);
    const row = await createDataSource(context.control, context.actor!, {
      ...input,
      workspaceId,
      options: input.options as never,
      secrets: input.secrets as never,
    });
    return { dataSource: asNode('DataSource', row) };
  },
});

mutation('testConnection', {
  description: 'Tests a saved data source, or options that are not saved yet (测试连接).',
  input: builder.inputType('TestConnectionInput', {
    description: 'What to test.',
    fields: (t) => ({
      dataSourceId: t.id({ description: 'A saved one.' }),
      workspace: t.id({ description: 'Absent: the default one.' }),
      connector: t.string({ description: 'For options not saved yet.' }),
      options: t.field({ type: 'JSON', description: 'In place of the saved ones.' }),
      secrets: t.field({ type: 'JSON', description: 'In place of the saved ones.' }),
    }),
  }),
  errors: ['validation', 'notFound', 'forbidden'],
  fields: (t) => ({
    check: t.field({
      type: ConnectionCheckType,
      description: 'A refused connection is a check that is not ok.',
      resolve: (one: { check: ConnectionCheck }) => one.check,
    }),
  }),
  resolve: async (input, context) => {
    const workspaceId = await workspaceOf(context, input.workspace);
    const wanted = {
      ...input,
      dataSourceId: idOrNull('DataSource', input.dataSourceId),
      workspaceId,
      options: input.options as never,
      secrets: input.secrets as never,
    };
    return { check: await testConnection(context.control, context.actor!, wanted) };
  },
});

mutation('refreshMetadata', {
  description: 'Reads the catalogue again (同步 Meta); the answer is an operation to ask after.',
  input: builder.inputType('RefreshMetadataInput', {
    description: 'What to read again.',
    fields: (t) => ({
      dataSourceId: t.id({ required: true, description: 'Of which data source.' }),
      objects: t.stringList({ description: 'With columns and keys; absent: the list of all objects.' }),
      requestId: t.string({ description: 'The same id acts once.' }),
    }),
  }),
  errors: ['notFound', 'forbidden'],
  fields: (t) => ({
    operation: t.field({
      type: OperationType,
      description: 'The work under way.',
      resolve: (one: { operation: WorkspaceOperation }) => one.operation,
    }),
  }),
  resolve: async (input, context) => {
    const dataSourceId = idOf('DataSource', input.dataSourceId);
    return {
      operation: asNode(
        'Operation',
        await refreshMetadata(context.control, context.actor!, { dataSourceId, objects: input.objects ?? null }),
      ),
    };
  },
});
