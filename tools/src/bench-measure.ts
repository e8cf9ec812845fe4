export interface Measured {
  rowsPerSecond: number;
  /** Processor seconds of the measured process for a million rows. */
  cpuPerMRow: number;
  /** The most that the process ever had. */
  rssMb: number;
}

/** One line of the table of targets. What stands alone has no peer, and its target is a figure instead of a ratio. */
export interface BenchRow extends Measured {
  id: string;
  name: string;
  peer: string | null;
  peerRowsPerSecond: number | null;
  peerCpuPerMRow: number | null;
  ratio: number | null;
  target: number;
  met: boolean;
}

export const ALONE = { peer: null, peerRowsPerSecond: null, peerCpuPerMRow: null, ratio: null };

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
    rssMb: Math.round(process.resourceUsage().maxRSS / 1_024),
  };
}

export const median = (all: Measured[]) => [...all].sort((a, b) => a.rowsPerSecond - b.rowsPerSecond)[all.length >> 1];

export const ratioOf = (own: Measured, peer: Measured) =>
  Math.round((own.rowsPerSecond / peer.rowsPerSecond) * 100) / 100;
