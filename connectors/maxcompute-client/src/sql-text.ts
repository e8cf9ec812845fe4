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
