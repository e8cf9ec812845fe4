import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { benchChecksum } from './bench-checksum.ts';
import { benchEmulator } from './bench-emulator.ts';
import type { BenchRow } from './bench-measure.ts';
import { benchMemory } from './bench-memory.ts';
import { benchP2a } from './bench-p2a.ts';
import { benchP5 } from './bench-p5.ts';

/** What targets.md asks for and nobody measures here yet. */
const NOT_HERE = ['P1', 'P2b', 'P3', 'P4', 'P7', 'P8', 'P9', 'P10'];
/** `emulator`, `memory` and `checksum` are what is asked of MaxCompute besides. */
const HERE = ['P2a', 'P5', 'P6', 'emulator', 'memory', 'checksum'];
/** Without `--only`: those that take minutes are asked for by name. */
const USUAL = ['P2a', 'P5', 'P6', 'emulator'];

function told(row: BenchRow): string {
  const own = `${row.rowsPerSecond} rows/s, ${row.cpuPerMRow.toFixed(2)} CPU s per M rows, ${row.rssMb} MB`;
  const peer = `${row.peer}: ${row.peerRowsPerSecond} rows/s, ${row.peerCpuPerMRow?.toFixed(2)} CPU s per M rows; ratio ${row.ratio}`;
  const target = `target ${row.target}${row.met ? '' : ', missed'}`;
  return `${row.id} ${row.name}: ${own}${row.peer === null ? '' : `; ${peer}`} (${target})\n`;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      rows: { type: 'string', default: '1000000' },
      runs: { type: 'string', default: '3' },
      only: { type: 'string', default: USUAL.join(',') },
      json: { type: 'boolean', default: false },
      enforce: { type: 'boolean', default: false },
    },
  });
  const only = values.only.split(',');
  const unknown = only.find((one) => !HERE.includes(one));
  if (unknown !== undefined) throw new Error(`${unknown} is not here yet: --only ${HERE.join(',')}.`);
  const [wanted, runs] = [Number(values.rows), Number(values.runs)];
  const rows: BenchRow[] = [];
  const missing = [...NOT_HERE, ...HERE.filter((one) => !only.includes(one))];
  const versions: { [name: string]: string } = { node: process.version };
  if (only.includes('P2a') || only.includes('P6')) {
    const found = await benchP2a(wanted, runs);
    rows.push(...found.rows.filter((row) => only.includes(row.id)));
    versions.server = found.server;
  }
  if (only.includes('P5')) {
    const found = await benchP5(wanted, runs);
    rows.push(...found.rows);
    missing.push(...found.missing);
    Object.assign(versions, found.versions);
  }
  if (only.includes('emulator')) rows.push(...(await benchEmulator(wanted, runs)));
  if (only.includes('memory')) rows.push(...(await benchMemory(wanted)));
  if (only.includes('checksum')) {
    const found = await benchChecksum(wanted);
    rows.push(...found.rows);
    versions.server = found.server;
  }
  process.stderr.write(
    `${Object.entries(versions)
      .map((one) => one.join(' '))
      .join(', ')}\n`,
  );
  for (const row of rows) process.stderr.write(told(row));
  for (const one of missing.filter((text) => text.includes(':'))) process.stderr.write(`missing ${one}\n`);
  if (values.json) {
    const machine = { cpus: cpus().length, model: cpus()[0].model };
    process.stdout.write(`${JSON.stringify({ machine, versions, rows, missing })}\n`);
  }
  process.exitCode = values.enforce && rows.some((row) => !row.met) ? 1 : 0;
}

main().then(
  () => process.exit(),
  (error: Error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  },
);
