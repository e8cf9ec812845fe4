import { createInterface } from 'node:readline/promises';

export interface SourceUrl {
  host: string;
  port: number;
  user: string;
  database: string;
}

/** `mysql://user@host[:port]/database`. A password inside it is refused: command lines are for everybody to see. */
export function parseSource(text: string): SourceUrl {
  const place = parseServer(text);
  if (place.database === '') throw new Error('Name the database: mysql://user@host:3306/database.');
  return place;
}

/** The same, with or without a database: that is empty then. */
export function parseServer(text: string): SourceUrl {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    // The text is not repeated: it may hold a password.
    throw new Error('That is not the address of a MySQL server: write mysql://user@host:3306/database.');
  }
  if (url.password !== '')
    throw new Error(
      'Leave the password out of the address, where other users of this machine can read it: put it into MYSQL_PWD, or type it when asked.',
    );
  const database = decodeURIComponent(url.pathname.slice(1));
  if (url.protocol !== 'mysql:' || url.username === '' || url.hostname === '')
    throw new Error('Write the source as mysql://user@host:3306/database.');
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 3306 : Number(url.port),
    user: decodeURIComponent(url.username),
    database,
  };
}

/** Asks on the terminal; empty where there is none. */
export async function askPassword(prompt: string): Promise<string> {
  if (!process.stdin.isTTY) return '';
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const typed = terminal.question(prompt);
    // What is typed is not shown.
    (terminal as unknown as { _writeToOutput(text: string): void })._writeToOutput = () => {};
    return await typed;
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
