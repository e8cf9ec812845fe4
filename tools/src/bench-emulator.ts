import { commitUpload, createUpload, Http, runSql, writeBlock } from '@sampan/maxcompute';
import { BATCH, COLUMNS, columnsOf, TABLE } from './bench-columns.ts';
import { ALONE, type BenchRow, type Measured, median } from './bench-measure.ts';
import { makeFolder } from './servers.ts';
import { type EmulatorProcess, startEmulatorProcess } from './start-emulator.ts';

const TARGET = 300_000;
const DEMO = { project: 'demo', accessId: 'demo', accessKey: 'demo' };

/**
 * What the emulator takes: records of the table of the benchmarks, decoded, checked, made a Parquet file, synced and
 * committed. Rows a second are those of one core: per second of its process's own time, whoever else uses the machine.
 */
export async function benchEmulator(wanted: number, runs: number): Promise<BenchRow[]> {
  // The first warms up.
  const own = await emulatorTakes(Math.ceil(wanted / BATCH) * BATCH, runs, true);
  const met = own.rowsPerSecond >= TARGET;
  return [{ id: 'emulator', name: 'records → emulator, on one core', ...own, ...ALONE, target: TARGET, met }];
}

/** The median of so many uploads, each instead of the one before it, into an emulator of their own. */
export async function emulatorTakes(rows: number, runs: number, warm = false): Promise<Measured> {
  const folder = await makeFolder('bench-emulator');
  const emulator = await startEmulatorProcess(folder.path);
  const http = new Http({ endpoint: emulator.endpoint, ...DEMO });
  try {
    const columns = COLUMNS.map(({ name, type }) => `${name} ${type}`).join(', ');
    await runSql(http, `CREATE TABLE ${TABLE.table} (${columns})`);
    const found: Measured[] = [];
    for (let run = warm ? -1 : 0; run < runs; run++) {
      const one = await taken(emulator, http, rows);
      if (run >= 0) found.push(one);
    }
    return median(found);
  } finally {
    http.close();
    await emulator.stop();
    await folder.remove();
  }
}

async function taken(emulator: EmulatorProcess, http: Http, rows: number): Promise<Measured> {
  const columns = columnsOf();
  const before = await emulator.usage();
  const target = { ...TABLE, overwrite: true };
  const session = await createUpload(http, target);
  const block = await writeBlock(http, target, session, 0);
  for (let written = 0; written < rows; written += BATCH) await block.write(columns, BATCH);
  await block.finish();
  await commitUpload(http, target, session.id, [0]);
  const after = await emulator.usage();
  const seconds = after.cpuSeconds - before.cpuSeconds;
  return {
    rowsPerSecond: Math.round(rows / seconds),
    cpuPerMRow: (seconds * 1e6) / rows,
    rssMb: after.rssMb,
  };
}
