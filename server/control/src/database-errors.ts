/** The name of the unique index that a write ran into, or null for any other error. */
export function uniqueViolation(error: unknown): string | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, constraint_name: name } = at as { code?: string; constraint_name?: string };
    if (code === '23505') return name ?? '';
  }
  return null;
}

// Deadlocks (40…) too: the other one has gone on, so the same again works.
const FAULTS = /^(08|40001|40P01|57P|53|CONNECTION_|CONNECT_TIMEOUT|ECONN|EPIPE|ETIMEDOUT)/;

/** True where the database is away or overloaded for the moment: the same again may work. */
export function isDatabaseFault(error: unknown): boolean {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    if (FAULTS.test(String((at as { code?: unknown }).code ?? ''))) return true;
  }
  return false;
}
