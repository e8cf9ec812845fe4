import { ConnectorError } from '@sampan/connector';
import { crc32c } from '@sampan/maxcompute';

const GOOD = /^[A-Za-z_][A-Za-z0-9_]{0,127}$/;

/** Letters, digits and `_`, not a digit first, at most 128 bytes. */
const cleaned = (name: string) =>
  name
    .replace(/[^A-Za-z0-9_]/gu, '_')
    .replace(/^(?=\d|$)/, '_')
    .slice(0, 128)
    .toLowerCase();

/**
 * The name of the column for each name wanted: lower case, `_` for what MaxCompute does not allow, and a number behind it
 * where that would be the name of another. The number comes from the name itself, not from its place, so that a mapping
 * that is changed later never moves a value to another column. Names that differ in letter case only come out equal.
 */
export function columnNames(wanted: readonly string[]): string[] {
  const times = new Map<string, number>();
  for (const name of wanted) times.set(cleaned(name), (times.get(cleaned(name)) ?? 0) + 1);
  return wanted.map((name) =>
    GOOD.test(name) || times.get(cleaned(name)) === 1 ? cleaned(name) : numbered(cleaned(name), name),
  );
}

/** Two links into one column: one of the values would be lost. @throws ConnectorError `DUPLICATE_COLUMN` */
export function refuseTwice(names: readonly string[]): void {
  const twice = names.findIndex((name, at) => names.indexOf(name) !== at);
  if (twice < 0) return;
  throw new ConnectorError({
    kind: 'config',
    code: 'DUPLICATE_COLUMN',
    message: `Two links lead to the column "${names[twice]}".`,
    hint: 'Names of MaxCompute have no letter case. Give each link a column of its own in the mapping.',
  });
}

const numbered = (base: string, name: string) =>
  `${base.slice(0, 122)}_${String(crc32c(Buffer.from(name)) % 100_000).padStart(5, '0')}`;

/** A table's name. It is never changed: two objects would become one. @throws ConnectorError naming a good one */
export function tableName(name: string): string {
  if (GOOD.test(name)) return name.toLowerCase();
  throw new ConnectorError({
    kind: 'config',
    code: 'BAD_NAME',
    message: `"${name}" is not a name MaxCompute allows for a table.`,
    hint: `Call the target "${cleaned(name)}", for instance.`,
  });
}
