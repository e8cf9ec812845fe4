/**
 * What the JSON type of MySQL would change without a word: it keeps the last of two keys of one name, and numbers as
 * 64-bit integers or doubles. (MariaDB keeps the text as it is.) Text that is no JSON is the server's to refuse.
 * @returns why the value cannot be written, or null
 */
export function jsonFault(text: string): string | null {
  const objects: (Set<string> | null)[] = [];
  PARTS.lastIndex = 0;
  for (let part = PARTS.exec(text); part !== null; part = PARTS.exec(text)) {
    const [found, quoted, colon, number] = part;
    if (quoted !== undefined) {
      const keys = objects.at(-1);
      if (colon === undefined || keys === null || keys === undefined) continue;
      const key = quoted.includes('\\') ? decoded(quoted) : quoted;
      if (keys.has(key)) return `the key ${quoted.slice(0, 100)} comes twice in an object`;
      keys.add(key);
    } else if (number !== undefined) {
      if (!isKept(number)) return `MySQL's JSON type cannot keep the number ${number.slice(0, 100)}`;
    } else if (found === '{') objects.push(new Set());
    else if (found === '[') objects.push(null);
    else objects.pop();
  }
  return null;
}

/** Texts, keys with their colon, numbers, and what opens and closes objects and lists. */
const PARTS = /("(?:[^"\\]|\\.)*")(\s*:)?|(-?\d[\d.eE+-]*)|[{}[\]]/gs;

const LEAST = -(2n ** 63n);
const MOST = 2n ** 64n - 1n;

function isKept(number: string): boolean {
  if (/^-?\d+$/.test(number)) {
    if (number.length < 16) return number !== '-0';
    const value = BigInt(number);
    return value >= LEAST && value <= MOST;
  }
  const value = Number(number);
  return Number.isFinite(value) && plain(String(value)) === plain(number);
}

/** Sign, digits and exponent of a decimal number: the same for `1.50e2` and `150`. */
function plain(number: string): string {
  const [, sign, whole, fraction = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(number) ?? [];
  if (whole === undefined) return number;
  const digits = `${whole}${fraction}`.replace(/^0+/, '');
  const significant = digits.replace(/0+$/, '');
  const scale = Number(exponent) - fraction.length + (digits.length - significant.length);
  return significant === '' ? '0' : `${sign}${significant}e${scale}`;
}

function decoded(quoted: string): string {
  try {
    return JSON.stringify(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}
