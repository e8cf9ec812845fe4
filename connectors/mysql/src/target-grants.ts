import { ConnectorError, type Load } from '@sampan/connector';
import { textLiteral } from './sql.ts';
import type { Link } from './target-link.ts';

/** Staging tables and bookkeeping live in the target's database. RENAME needs ALTER and DROP, CREATE and INSERT. */
const IN_DATABASE = ['CREATE', 'ALTER', 'DROP', 'SELECT', 'INSERT', 'UPDATE', 'DELETE'];

/**
 * Privileges that the server says are missing, before anything is begun. Rights that come through a role are not
 * listed by information_schema: with an active role the statements themselves have to tell.
 *
 * @throws ConnectorError `PRIVILEGE_MISSING`
 */
export async function checkGrants(link: Link, load: Load): Promise<void> {
  const [who] = await link
    .rows('SELECT CURRENT_USER() AS account, CURRENT_ROLE() AS role', 'asking for the user')
    .catch(() => []);
  if (who === undefined || (who.role !== null && String(who.role).toUpperCase() !== 'NONE')) return;
  const account = String(who.account);
  const at = account.lastIndexOf('@');
  const grantee = textLiteral(`'${account.slice(0, at)}'@'${account.slice(at + 1)}'`);
  const held = await link.rows(
    `SELECT PRIVILEGE_TYPE AS p FROM information_schema.USER_PRIVILEGES WHERE GRANTEE = ${grantee}
     UNION ALL SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE GRANTEE = ${grantee} AND DATABASE() LIKE TABLE_SCHEMA`,
    'reading privileges',
  );
  const has = new Set(held.map((row) => String(row.p)));
  const lacking = IN_DATABASE.filter((privilege) => !has.has(privilege));
  if (lacking.length === 0) return;
  throw new ConnectorError({
    kind: 'auth',
    code: 'PRIVILEGE_MISSING',
    message: `User ${account} lacks ${lacking.join(', ')} on the database of "${load.object}".`,
    hint: `GRANT ${lacking.join(', ')} on the database to this user: staging tables live beside the target.`,
  });
}
