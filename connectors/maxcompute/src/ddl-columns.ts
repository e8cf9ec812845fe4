import { ConnectorError } from '@sampan/connector';
import { type OdpsColumn, parseType, type Table } from '@sampan/maxcompute';

/**
 * What a `CREATE TABLE` will make: it may be the user's own, and the values are converted to its types before it has run.
 * Only its names, types and keys are read; the service judges the rest. @throws ConnectorError `BAD_DDL`
 */
export function tableOfDdl(ddl: string, object: string): Table {
  const text = withoutComments(ddl);
  const head = /^\s*CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?((?:`[^`]+`|\w+)(?:\s*\.\s*(?:`[^`]+`|\w+))*)\s*\(/i.exec(
    text,
  );
  if (head === null) throw bad('it does not begin with CREATE TABLE name ( columns )');
  const name = head[1].split('.').at(-1)!.trim().replaceAll('`', '').toLowerCase();
  if (name !== object.toLowerCase()) throw bad(`it creates "${name}", and the target is "${object}"`);
  const [inside, behind] = bracket(text, head[0].length);
  const table: Table = {
    name,
    comment: '',
    isView: false,
    columns: [],
    partitionColumns: [],
    primaryKey: [],
    lifecycle: null,
    rows: null,
    bytes: null,
  };
  for (const item of split(inside)) {
    const key = /^\s*PRIMARY\s+KEY\s*\(/i.exec(item);
    if (key === null) {
      table.columns.push(columnOf(item));
      if (/\bPRIMARY\s+KEY\b/i.test(withoutTexts(item))) table.primaryKey.push(nameOf(item));
    } else table.primaryKey = split(bracket(item, key[0].length)[0]).map(nameOf);
  }
  const partitioned = /\bPARTITIONED\s+BY\s*\(/i.exec(withoutTexts(behind));
  if (partitioned !== null) {
    const start = partitioned.index + partitioned[0].length;
    table.partitionColumns = split(bracket(behind, start)[0]).map(columnOf);
  }
  return table;
}

const NAME = /^\s*(?:`([^`]+)`|(\w+))\s*/;

function nameOf(item: string): string {
  const match = NAME.exec(item);
  if (match === null) throw bad(`"${item.trim().slice(0, 60)}" begins with no name`);
  return (match[1] ?? match[2]).toLowerCase();
}

function columnOf(item: string): OdpsColumn {
  const name = nameOf(item);
  const rest = item.slice(NAME.exec(item)![0].length);
  // The type ends at the first attribute that is not within its brackets.
  let depth = 0;
  let end = rest.length;
  for (const match of withoutTexts(rest).matchAll(/[<(]|[>)]|\b(?:COMMENT|NOT|NULL|DEFAULT|GENERATED|PRIMARY)\b/gi)) {
    if ('<('.includes(match[0])) depth++;
    else if ('>)'.includes(match[0])) depth--;
    else if (depth === 0) {
      end = match.index;
      break;
    }
  }
  const nullable = !/\bNOT\s+NULL\b/i.test(withoutTexts(rest.slice(end)));
  try {
    return { name, type: parseType(rest.slice(0, end).trim()), nullable, comment: '' };
  } catch (error) {
    throw bad(`the type of "${name}" cannot be read: ${(error as Error).message}`);
  }
}

/** What lies between the bracket that ends before `start` and its counterpart, and what stands behind that. */
function bracket(text: string, start: number): [string, string] {
  const plain = withoutTexts(text);
  let depth = 1;
  for (let at = start; at < plain.length; at++) {
    if (plain[at] === '(') depth++;
    else if (plain[at] === ')' && --depth === 0) return [text.slice(start, at), text.slice(at + 1)];
  }
  throw bad('a bracket is not closed');
}

/** At the commas that lie in no bracket. */
function split(text: string): string[] {
  const plain = withoutTexts(text);
  const parts: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < plain.length; at++) {
    if ('(<'.includes(plain[at])) depth++;
    else if (')>'.includes(plain[at])) depth--;
    else if (plain[at] === ',' && depth === 0) {
      parts.push(text.slice(from, at));
      from = at + 1;
    }
  }
  return [...parts, text.slice(from)];
}

const QUOTED = /'(?:\\[\s\S]|[^'\\])*'|"(?:\\[\s\S]|[^"\\])*"|`[^`]*`/g;

/** The same length, with blanks in place of all that is quoted. */
const withoutTexts = (text: string) => text.replace(QUOTED, (one) => ' '.repeat(one.length));

const withoutComments = (text: string) =>
  text.replace(new RegExp(`${QUOTED.source}|--[^\n]*`, 'g'), (one) => (one.startsWith('--') ? ' ' : one));

const bad = (what: string) =>
  new ConnectorError({
    kind: 'config',
    code: 'BAD_DDL',
    message: `The statement that creates the target cannot be used: ${what}.`,
    hint: 'Correct the statement, or leave it to Sampan.',
  });
