import { createBatchBuilder } from '../batch-builder.ts';
import { ConnectorError } from '../errors.ts';
import type { Read, Source } from '../source.ts';
import { type MemoryStore, missing, objectOf, sizeOf } from './memory-store.ts';

const BATCH_ROWS = 100;

interface MemorySplit {
  object: string;
  columns: string[];
  from: number;
  to: number;
}

/** Splits are ranges of row numbers; a position is the number of the next row. */
export function memorySource(store: MemoryStore): Source {
  const placesOf = (object: string, columns: string[]) => {
    const { fields } = objectOf(store, object);
    return columns.map((name) => {
      const place = fields.findIndex((field) => field.name === name);
      if (place < 0) throw missing(`column "${name}" in "${object}"`);
      return place;
    });
  };
  return {
    async plan({ object, columns, where, splits: wanted }: Read) {
      if (where !== null) throw noConditions();
      const { fields, rows } = objectOf(store, object);
      const count = Math.max(1, Math.min(wanted ?? 1, rows.length));
      const bound = (at: number) => Math.floor((at * rows.length) / count);
      return {
        fields: placesOf(object, columns).map((place) => fields[place]),
        splits: Array.from({ length: count }, (_, number) => ({
          number,
          description: `rows ${bound(number)} to ${bound(number + 1)}`,
          rowEstimate: null,
          read: { object, columns, from: bound(number), to: bound(number + 1) },
        })),
        high: null,
        warnings: [],
      };
    },
    async *read(split, after, signal) {
      const { object, columns, from, to } = split.read as unknown as MemorySplit;
      const places = placesOf(object, columns);
      const { fields, rows } = objectOf(store, object);
      const wanted = places.map((place) => fields[place]);
      const builder = createBatchBuilder(wanted, { rows: BATCH_ROWS });
      for (let at = (after as number | null) ?? from; at < to && !signal.aborted; at++) {
        const row = places.map((place) => rows[at][place]);
        row.forEach((value, index) => {
          store.taken += sizeOf(value, wanted[index].type);
        });
        builder.add(row);
        if (builder.full) yield builder.take(at + 1);
      }
      if (builder.rows > 0 && !signal.aborted) yield builder.take(to);
    },
  };
}

const noConditions = () =>
  new ConnectorError({
    kind: 'config',
    code: 'NO_CONDITIONS',
    message: 'This source knows no conditions.',
    hint: 'Leave the row filter empty.',
  });
