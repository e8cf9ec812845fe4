import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { literal } from '../duck.ts';
import { Refusal } from '../refusal.ts';
import { type Settings, zoneOf } from './settings.ts';

// Division by zero is NULL.
const PREPARED = ['SET ieee_floating_point_ops = false'];

/** A connection that reads values as MaxCompute does, in the zone of the statement. DuckDB's errors become the service's. */
export async function withConnection<T>(
  duck: DuckDBInstance,
  settings: Settings,
  signal: AbortSignal,
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const connection = await duck.connect();
  const stop = () => connection.interrupt();
  signal.addEventListener('abort', stop);
  try {
    for (const sql of [...PREPARED, `SET TimeZone = ${literal(zoneOf(settings))}`]) await connection.run(sql);
    signal.throwIfAborted();
    return await work(connection);
  } catch (error) {
    if (error instanceof Refusal || signal.aborted || !/^\w[\w ]* Error: /.test((error as Error).message)) throw error;
    throw new Refusal(
      400,
      'ODPS-0130071',
      `ODPS-0130071:Semantic analysis exception - ${(error as Error).message.split('\n')[0]}`,
    );
  } finally {
    signal.removeEventListener('abort', stop);
    connection.closeSync();
  }
}
