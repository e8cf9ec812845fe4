/** Hints of a statement: those of the job, and `SET name=value;` lines in front of it. */
export type Settings = ReadonlyMap<string, string>;

const SET_LINE = /^\s*set\s+([\w.]+)\s*=\s*([^;]*);/i;

/** Takes the SET lines off. */
export function splitSettings(text: string, given: Settings): { sql: string; settings: Settings } {
  const settings = new Map(given);
  let sql = text;
  for (let match = SET_LINE.exec(sql); match !== null; match = SET_LINE.exec(sql)) {
    settings.set(match[1].toLowerCase(), match[2].trim());
    sql = sql.slice(match[0].length);
  }
  return { sql, settings };
}

/** The zone that DATETIME is printed and read in. */
export const zoneOf = (settings: Settings) => settings.get('odps.sql.timezone') ?? 'UTC';
