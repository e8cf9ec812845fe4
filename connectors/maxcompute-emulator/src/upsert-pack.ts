import { randomBytes } from 'node:crypto';
import { bucketsOf, type ColumnData, parseType } from '@sampan/maxcompute';
import { type BlockSink, takeBlock } from './block-body.ts';
import { BlockFile } from './block-file.ts';
import { Refusal } from './refusal.ts';
import type { Request } from './request.ts';
import type { Block, ColumnDefinition, Manifest, Storage } from './storage.ts';
import type { UpsertSession } from './upsert-sessions.ts';

/** In a pack's file, beside the table's columns: 85 puts the row there, 68 takes it away. */
export const OPERATION = '__operation';
export const UPSERT = 85;
const DELETE = 68;

const column = (name: string, type: string): ColumnDefinition => ({ name, type, comment: '', nullable: true });
/** What every record carries behind the table's columns. */
const META = [
  column('__version', 'BIGINT'),
  column('__app_version', 'BIGINT'),
  { ...column(OPERATION, 'TINYINT'), nullable: false },
  column('__key_cols', 'ARRAY<BIGINT>'),
  column('__value_cols', 'ARRAY<BIGINT>'),
];

/** Checks a pack to its last byte and has it reach the disk, as a file that nothing names yet. @throws Refusal */
export async function takePack(
  storage: Storage,
  session: UpsertSession,
  manifest: Manifest,
  request: Request,
  bucket: number,
): Promise<{ pack: Block; discard(): Promise<void> }> {
  const columns = manifest.columns.slice(0, session.width);
  const kept = columns.map((one) => ({ ...one, nullable: !manifest.primaryKey.includes(one.name) }));
  const file = `${randomBytes(12).toString('hex')}.parquet`;
  const target = await BlockFile.create(storage.blockPath(manifest.name, file), [...kept, META[2]]);
  const keys = manifest.primaryKey.map((name) => {
    const place = columns.findIndex((one) => one.name === name);
    return { place, type: parseType(columns[place].type) };
  });
  const append = async (all: readonly ColumnData[], rows: number) => {
    const operations = all[columns.length + 2];
    checkMeta(operations, all[columns.length + 4], rows);
    columns.forEach((one, place) => {
      if (!one.nullable) refuseNulls(one.name, all[place], operations, rows);
    });
    const from = target.rows;
    await target.append([...all.slice(0, columns.length), operations], rows);
    const given = keys.map(({ place, type }) => ({ type, column: all[place] }));
    // The service looks a key up in its own bucket only: in another one the row would be there twice.
    const own = bucketsOf(given, rows, session.buckets, 'default');
    const stray = own.findIndex((one) => one !== bucket);
    if (stray >= 0)
      throw new Refusal(
        400,
        'InvalidArgument',
        `Record ${from + stray} belongs into bucket ${own[stray]} by its key, and came into bucket ${bucket}.`,
      );
  };
  try {
    const sink: BlockSink = {
      append,
      finish: () => target.finish(),
      get rows() {
        return target.rows;
      },
    };
    const pack = { file, width: session.width, ...(await takeBlock(request, sink, [...kept, ...META])) };
    const broken = manifest.primaryKey.find((name) => pack.raw.includes(name));
    if (broken !== undefined)
      throw new Refusal(400, 'InvalidData', `Column ${broken} is part of the key, and a record has no UTF-8 there.`);
    const told = request.query.get('record_count');
    if (told !== undefined && told !== String(pack.rows))
      throw new Refusal(400, 'InvalidArgument', `The pack holds ${pack.rows} records, record_count says ${told}.`);
    return { pack, discard: () => target.discard() };
  } catch (error) {
    await target.discard();
    throw error;
  }
}

const has = ({ validity }: ColumnData, row: number) =>
  validity === undefined || (validity[row >> 3] & (1 << (row & 7))) !== 0;

function checkMeta(operations: ColumnData, valueColumns: ColumnData, rows: number): void {
  for (let row = 0; row < rows; row++) {
    const operation = has(operations, row) ? Number(operations.values![row]) : null;
    if (operation !== UPSERT && operation !== DELETE)
      throw new Refusal(
        400,
        'InvalidData',
        `A record's ${OPERATION} is ${operation}: ${UPSERT} or ${DELETE} is needed.`,
      );
    const only = valueColumns.items![row] as unknown[] | null;
    if (only !== null && only.length > 0)
      throw new Refusal(400, 'InvalidArgument', 'The emulator does not know updates of some columns of a row.');
  }
}

function refuseNulls(name: string, values: ColumnData, operations: ColumnData, rows: number): void {
  for (let row = 0; values.validity !== undefined && row < rows; row++)
    if (!has(values, row) && Number(operations.values![row]) === UPSERT)
      throw new Refusal(400, 'InvalidData', `Column ${name} is NOT NULL, and a record has no value for it.`);
}
