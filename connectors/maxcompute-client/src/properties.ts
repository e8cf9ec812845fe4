import { readFile } from 'node:fs/promises';
import { badOption } from './credentials.ts';

/** `name = value` lines by section; those before any section under ''. Lines that begin with `#`, `;` or `!` say nothing. */
export type Sections = Map<string, Map<string, string>>;

export function parseProperties(text: string): Sections {
  const sections: Sections = new Map();
  let section = '';
  for (const line of text.split(/\r?\n/)) {
    const heading = /^\s*\[([^\]]*)\]\s*$/.exec(line);
    if (heading !== null) section = heading[1].trim();
    const pair = /^\s*([^\s=#;![][^=]*?)\s*=\s*(.*?)\s*$/.exec(line);
    if (pair === null) continue;
    const values = sections.get(section) ?? new Map<string, string>();
    sections.set(section, values.set(pair[1], pair[2]));
  }
  return sections;
}

/** A file's text; undefined where there is no such file. @throws MaxComputeError `BadOption` where it cannot be read */
export async function textOfFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw badOption('file', `${path} cannot be read: ${code}`);
  }
}
