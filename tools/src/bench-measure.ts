export interface Measured {
  rowsPerSecond: number;
  /** Processor seconds of the measured process for a million rows. */
  cpuPerMRow: number;
  rssMb: number;
}

/** One line of the table of targets. */
export interface BenchRow extends Measured {
  id: string;
  name: string;
  peer: string;
  peerRowsPerSecond: number;
  peerCpuPerMRow: number;
  ratio: number;
  target: number;
  met: boolean;
}

/** @throws Error where other than `rows` came */
export async function measured(rows: number, work: () => Promise<number>): Promise<Measured> {
  const cpu = process.cpuUsage();
  const began = performance.now();
  const read = await work();
  if (read !== rows) throw new Error(`${read} of ${rows} rows were read`);
  const seconds = (performance.now() - began) / 1_000;
  const used = process.cpuUsage(cpu);
  return {
    rowsPerSecond: Math.round(rows / seconds),
    cpuPerMRow: (used.user + used.system) / rows,
    rssMb: Math.round(process.memoryUsage.rss() / 1_048_576),
  };
}

export const median = (all: Measured[]) => [...all].sort((a, b) => a.rowsPerSecond - b.rowsPerSecond)[all.length >> 1];

export const ratioOf = (own: Measured, peer: Measured) =>
  Math.round((own.rowsPerSecond / peer.rowsPerSecond) * 100) / 100;
