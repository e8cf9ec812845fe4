import { ConnectorError } from '@sampan/connector';

/** Pre- or post-SQL by where it runs. */
export interface Sorted {
  /** Data statements: in the publishing transaction, with the rows. */
  inside: string[];
  /** What would end a transaction: before the load, or after the commit; at least once. */
  outside: string[];
}

const INSIDE = new Set(['INSERT', 'UPDATE', 'DELETE', 'REPLACE', 'SELECT', 'WITH']);
/** Statements that would take the connection, its transaction or its locks out of Sampan's hands. */
const REFUSED = new Set(
  'BEGIN START COMMIT ROLLBACK SAVEPOINT RELEASE XA LOCK UNLOCK USE SET LOAD HANDLER PREPARE EXECUTE DEALLOCATE KILL SHUTDOWN RESET'.split(
    ' ',
  ),
);

/** The first word of a statement, comments left out; null where there is none or a comment hides code. */
function firstWord(sql: string): string | null {
  let rest = sql;
  for (;;) {
    rest = rest.replace(/^[\s(;]+/, '');
    if (rest.startsWith('/*!') || rest.startsWith('/*M!')) return null;
    const comment = /^(?:\/\*[\s\S]*?\*\/|#[^\n]*(?:\n|$)|--(?:[ \t][^\n]*)?(?:\n|$))/.exec(rest);
    if (comment === null) return /^[A-Za-z]+/.exec(rest)?.[0].toUpperCase() ?? null;
    rest = rest.slice(comment[0].length);
  }
}

/** @throws ConnectorError `STATEMENT_REFUSED` */
export function sortStatements(statements: readonly string[], what: string): Sorted {
  const sorted: Sorted = { inside: [], outside: [] };
  for (const [index, sql] of statements.entries()) {
    const word = firstWord(sql);
    if (word === null || REFUSED.has(word)) {
      throw new ConnectorError({
        kind: 'config',
        code: 'STATEMENT_REFUSED',
        message: `Statement ${index + 1} of ${what} ${word === null ? 'does not begin with a statement' : `begins with ${word}`}: it cannot run here.`,
        hint: 'Give one statement each, such as DELETE, UPDATE, CREATE TABLE or CALL; transactions are opened by Sampan.',
      });
    }
    (INSIDE.has(word) ? sorted.inside : sorted.outside).push(sql);
  }
  return sorted;
}
