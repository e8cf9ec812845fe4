import { startChild } from './bench-child.ts';
import { BATCH, COLUMNS } from './bench-columns.ts';
import { emulatorTakes } from './bench-emulator.ts';
import { ALONE, type BenchRow, type Measured } from './bench-measure.ts';
import type { ClientOrder } from './client-runner.ts';
import { startReplay } from './start-replay.ts';

/** The most that memory may differ between the two sizes, as a ratio. */
const MOST = 1.1;
const TIMES = 10;

/** The memory of client and emulator at `wanted` rows and at ten times as many; a fresh process for each. */
export async function benchMemory(wanted: number): Promise<BenchRow[]> {
  const few = Math.ceil(wanted / BATCH) * BATCH;
  const sizes = [few, few * TIMES];
  const found: BenchRow[] = [];
  for (const what of ['upload', 'download'] as const)
    found.push(rowOf(`client, ${what} of records`, sizes, await inTurn(sizes, (rows) => clientDoes(what, rows))));
  found.push(rowOf('emulator, upload of records', sizes, await inTurn(sizes, (rows) => emulatorTakes(rows, 1))));
  return found;
}

async function inTurn(sizes: readonly number[], work: (rows: number) => Promise<Measured>): Promise<Measured[]> {
  const all: Measured[] = [];
  for (const rows of sizes) all.push(await work(rows));
  return all;
}

async function clientDoes(what: ClientOrder['what'], rows: number): Promise<Measured> {
  const replay = await startReplay(COLUMNS, what === 'upload' ? 0 : rows);
  const child = startChild<ClientOrder>('client-runner');
  try {
    return await child.run({ what, url: replay.url, rows });
  } finally {
    child.stop();
    replay.stop();
  }
}

function rowOf(name: string, sizes: readonly number[], [few, many]: Measured[]): BenchRow {
  const ratio = Math.round((many.rssMb / few.rssMb) * 100) / 100;
  return {
    ...many,
    ...ALONE,
    id: 'memory',
    name: `${name}: ${few.rssMb} MB at ${sizes[0]} rows, ${many.rssMb} MB at ${sizes[1]}`,
    ratio,
    target: MOST,
    met: ratio <= MOST,
  };
}
