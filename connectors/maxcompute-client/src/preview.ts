import { ArrowDecoder } from './arrow-decoder.ts';
import { formOf } from './arrow-stream.ts';
import { MaxComputeError } from './errors.ts';
import { type Http, toldBy } from './http.ts';
import { networkError } from './network-error.ts';
import { type Partition, partitionSpec } from './partition.ts';
import { resourceOf } from './resource.ts';
import type { RowOptions } from './row-values.ts';
import { type Row, rowsOf } from './rows.ts';
import { getTable } from './tables.ts';
import { TUNNEL_HEADERS } from './tunnel.ts';
import { tunnelEndpoint } from './tunnel-endpoint.ts';
import type { OdpsColumn, OdpsType } from './types.ts';

export interface PreviewOptions extends RowOptions {
  /** At most so many (default: as many as the service gives, 10,000 by its own limit). */
  rows?: number | undefined;
  partition?: Partition | undefined;
  columns?: readonly string[] | undefined;
  /** Packs what is inside of the stream; `zstd` needs Node.js 22.15 or later. */
  compression?: 'lz4' | 'zstd' | undefined;
  signal?: AbortSignal | undefined;
}

const NAMES = { lz4: 'LZ4_FRAME', zstd: 'ZSTD' };

/**
 * The first rows of a table or partition, at once: no session, no slot, no SQL. Keys of partitions are among the columns
 * where the service sends them. @throws MaxComputeError kind `missing` where there is no such table; RowError
 */
export async function* previewRows(http: Http, name: string, options: PreviewOptions = {}): AsyncGenerator<Row> {
  const { rows, partition = [], columns, compression, signal } = options;
  const table = await getTable(http, name, signal);
  if (table === undefined) throw noSuchTable(name);
  const { project, schema = 'default', quota } = http.options;
  const known = [...table.columns, ...table.partitionColumns];
  const wanted = columns === undefined ? undefined : new Set(columns.map((one) => columnOf(known, one).name));
  const response = await http.stream({
    method: 'GET',
    base: await tunnelEndpoint(http, signal),
    resource: `${resourceOf('projects', project, 'schemas', schema, 'tables', table.name)}/preview`,
    query: {
      limit: rows === undefined ? '-1' : String(rows),
      partition: partition.length === 0 ? undefined : partitionSpec(partition),
      // In the order of the table, as the official clients ask for them.
      columns: wanted && known.flatMap(({ name: one }) => (wanted.has(one) ? [one] : [])).join(','),
      quotaName: quota,
      curr_project: project,
    },
    headers: {
      ...TUNNEL_HEADERS,
      'content-length': '0',
      'accept-encoding': compression === undefined ? 'identity' : NAMES[compression],
    },
    repeatable: true,
    signal,
  });
  const sent: { columns: OdpsColumn[]; forms: OdpsType[] } = { columns: [], forms: [] };
  const decoder = new ArrowDecoder([], {}, (fields) => {
    sent.columns = fields.map((field) => columnOf(known, field.name));
    sent.forms = sent.columns.map(({ type }, at) => formOf(type, fields[at]));
    return sent.forms;
  });
  let before = 0;
  try {
    for await (const chunk of response) {
      for (const batch of decoder.push(chunk as Buffer)) {
        yield* rowsOf(sent.columns, batch, before, options, sent.forms);
        before += batch.rows;
      }
    }
    for (const batch of decoder.end()) yield* rowsOf(sent.columns, batch, before, options, sent.forms);
  } catch (error) {
    throw toldBy(networkError(error as Error), response.headers);
  } finally {
    response.destroy();
  }
}

function columnOf(columns: readonly OdpsColumn[], name: string): OdpsColumn {
  const found = columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  if (found !== undefined) return found;
  throw new MaxComputeError({
    code: 'InvalidColumnSpec',
    kind: 'missing',
    message: `There is no column "${name}".`,
    hint: `There are ${columns.map((column) => column.name).join(', ')}.`,
  });
}

function noSuchTable(name: string): MaxComputeError {
  return new MaxComputeError({
    code: 'NoSuchTable',
    kind: 'missing',
    message: `There is no table "${name}".`,
    hint: 'Check the table name.',
  });
}
