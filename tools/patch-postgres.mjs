// Mends the `postgres` package where a connection is lost in the middle of a transaction. As it comes from the registry,
// 3.4.9 throws out of a timer then, which ends the process; leaves the connection without writes for good; and runs what
// is left of the transaction on the next connection, outside of any transaction. Run after each installation, and before
// each command of this repository; what is mended already is left as it is.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = '3.4.9';

const CHANGES = {
  'connection.js': [
    // A write that was put off until after the close would find no socket, and later ones would wait for it.
    ['    incomings = null\n    clearImmediate(nextWriteTimer)\n', '    chunk = nextWriteTimer = null\n'],
    // A closed connection takes no statement.
    [
      '  function execute(q) {\n',
      "    if (!socket)\n      return queryError(q, Errors.connection('CONNECTION_CLOSED', options)), true\n\n",
    ],
    // Cut off while it asks for the types of arrays: whoever waits for the connection is told, this question needs nobody.
    [
      '      order by b.oid\n    `], [], execute)\n',
      '',
      '      order by b.oid\n    `], [], execute).catch(() => [])\n',
    ],
  ],
  'index.js': [
    // A transaction ends with its connection, whatever the connection is used for next.
    ['    let savepoints = 0\n      , connection\n', '      , lost = null\n'],
    [
      '        q.catch(e => uncaughtError || (uncaughtError = e))\n',
      '        if (lost)\n          return q.reject(lost)\n',
    ],
    [
      '        new Promise((_, reject) => connection.onclose = reject)\n',
      '',
      '        new Promise((_, reject) => connection.onclose = e => reject(lost = e))\n',
    ],
  ],
};

/** Answers the files that were changed. @throws Error where the package is not the one that the changes are for */
export function patchPostgres(root = fileURLToPath(new URL('..', import.meta.url))) {
  const folder = join(root, 'node_modules/postgres');
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  if (version !== VERSION) throw new Error(`postgres is ${version}, and tools/patch-postgres.mjs is for ${VERSION}.`);
  return Object.entries(CHANGES).flatMap(([file, changes]) => {
    const path = join(folder, 'src', file);
    const before = readFileSync(path, 'utf8');
    const after = changes.reduce((text, change) => changed(text, file, ...change), before);
    if (after !== before) writeFileSync(path, after);
    return after === before ? [] : [path];
  });
}

/** Adds a text behind another, or puts one in its place. */
function changed(text, file, found, added, instead = found + added) {
  if (text.includes(instead)) return text;
  if (text.split(found).length !== 2)
    throw new Error(`postgres/src/${file} is not as tools/patch-postgres.mjs knows it.`);
  return text.replace(found, () => instead);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) patchPostgres();
