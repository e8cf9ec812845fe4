/** A name as MaxCompute SQL quotes it. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

const ESCAPES: { [character: string]: string } = {
  '\\': '\\\\',
  "'": "\\'",
  '\n': '\\n',
  '\r': '\\r',
  '\0': '\\0',
};

/** A string literal: backslashes and quotes are escaped. */
export function quoteText(text: string): string {
  return `'${text.replace(/[\\'\n\r\0]/g, (one) => ESCAPES[one])}'`;
}

const SET = /^(?:\s|--[^\n]*(?:\n|$))*set\s+([\w.]+)\s*=\s*([^;]*);/i;

/** Statements `SET name=value;` in front, which a console keeps to itself, taken out of the text: hints of the submission. */
export function withoutSettings(text: string): { sql: string; settings: { [name: string]: string } } {
  const settings: { [name: string]: string } = {};
  let sql = text;
  for (let match = SET.exec(sql); match !== null; match = SET.exec(sql)) {
    settings[match[1]] = match[2].trim();
    sql = sql.slice(match[0].length);
  }
  return { sql: sql === text ? text : sql.trimStart(), settings };
}
