import { type Field, type Key, typeText } from '@sampan/connector';
import type { DataObject } from '@sampan/control';

import { builder } from './builder.ts';
import { connectionType } from './connections.ts';

const ObjectKind = builder.enumType('ObjectKind', {
  description: 'What an object is.',
  values: ['TABLE', 'VIEW', 'FILES', 'COLLECTION'] as const,
});

export const ColumnType = builder.objectRef<Field>('Column').implement({
  description: 'A column of an object.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As the system spells it.' }),
    nativeType: t.string({ description: "The type in the system's own words.", resolve: (one) => one.native }),
    type: t.string({
      description: 'The logical type: int64, decimal(20,0), utf8(255), datetime(6) …',
      resolve: (one) => typeText(one.type),
    }),
    nullable: t.exposeBoolean('nullable', { description: 'It takes NULL.' }),
    generated: t.exposeBoolean('generated', { description: 'The system computes it; it cannot be written.' }),
    comment: t.string({
      nullable: true,
      description: "The system's comment on it.",
      resolve: (one) => one.comment ?? null,
    }),
  }),
});

const KeyType = builder.objectRef<Key>('Key').implement({
  description: 'A key or index of an object.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Of the index.' }),
    columns: t.exposeStringList('columns', { description: 'In its order.' }),
    unique: t.exposeBoolean('unique', { description: 'No two rows have the same.' }),
    primary: t.exposeBoolean('primary', { description: 'The primary key.' }),
  }),
});

export const DataObjectType = builder.objectRef<DataObject>('DataObject').implement({
  description: 'A table or view of a data source (数据对象). Columns and keys are read when asked for the first time.',
  fields: (t) => ({
    name: t.exposeString('name', { description: 'As the system spells it.' }),
    kind: t.field({ type: ObjectKind, description: 'What it is.', resolve: (one) => one.kind }),
    columns: t.field({
      type: [ColumnType],
      description: 'In their order; empty until refreshMetadata or object() read them.',
      resolve: (one) => one.schema?.fields ?? [],
    }),
    keys: t.field({
      type: [KeyType],
      description: 'Keys and unique indexes.',
      resolve: (one) => one.schema?.keys ?? [],
    }),
    partitionColumns: t.field({
      type: [ColumnType],
      description: 'Columns that name its partitions.',
      resolve: (one) => one.schema?.partitionFields ?? [],
    }),
    rowEstimate: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'Rows, as the system estimates.',
      resolve: (one) => one.rowEstimate,
    }),
    byteEstimate: t.field({
      type: 'BigInt',
      nullable: true,
      description: 'Bytes, as the system estimates.',
      resolve: (one) => one.byteEstimate,
    }),
    comment: t.exposeString('comment', { nullable: true, description: "The system's comment on it." }),
    refreshedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When this was read.',
      resolve: (one) => one.refreshedAt,
    }),
  }),
});
export const DataObjectConnection = connectionType('DataObject', DataObjectType as never);

export const PreviewType = builder.objectRef<{ fields: Field[]; rows: (string | null)[][] }>('Preview').implement({
  description: 'The first rows of an object, read now.',
  fields: (t) => ({
    columns: t.field({ type: [ColumnType], description: 'In order.', resolve: (one) => one.fields }),
    rows: t.field({
      type: t.listRef(t.listRef('String', { nullable: true })),
      description: 'Values as exact text; null for NULL.',
      resolve: (one) => one.rows as never,
    }),
  }),
});
