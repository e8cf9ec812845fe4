/** A name as MySQL quotes it. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A text literal that means the same under every sql_mode and character set of the session. */
export function textLiteral(text: string): string {
  return `CONVERT(X'${Buffer.from(text, 'utf8').toString('hex')}' USING utf8mb4)`;
}

/** A literal of the session's own character set: cheaper to read than `textLiteral`, and an index serves it. */
export function indexLiteral(text: string): string {
  return text === '' ? "''" : `_utf8mb4 X'${Buffer.from(text, 'utf8').toString('hex')}'`;
}

export function binaryLiteral(hex: string): string {
  return hex === '' ? "''" : `X'${hex}'`;
}
