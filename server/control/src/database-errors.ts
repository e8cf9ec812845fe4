/** The name of the unique index that a write ran into, or null for any other error. */
export function uniqueViolation(error: unknown): string | null {
  for (let at: unknown = error; at instanceof Error; at = at.cause) {
    const { code, constraint_name: name } = at as { code?: string; constraint_name?: string };
    if (code === '23505') return name ?? '';
  }
  return null;
}
