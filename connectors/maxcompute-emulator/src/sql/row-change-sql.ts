import { parseType } from '@sampan/maxcompute';
import { quoted } from '../duck.ts';
import { partsOfKey } from '../schemas.ts';
import { bytesName, nanosName } from '../side-columns.ts';
import type { Manifest } from '../storage.ts';
import { assignedSql } from './assign.ts';
import type { Expr, Select } from './ast.ts';
import type { Assignment, MergeClause, RowChange } from './row-change-parser.ts';
import { ParseFailure } from './tokens.ts';
import { conditionSql, exprSql, type Surroundings, sourceSql } from './translate.ts';

/** The table whose rows are changed, as DuckDB has it meanwhile, and its columns that say what became of a row. */
export const TARGET = '__target';
/** The file a row came from; NULL where it is new. */
export const BLOCK = '__block';
export const TOUCHED = '__touched';

const everything: Select = {
  kind: 'select',
  distinct: false,
  items: [{ value: { kind: 'star', table: null }, alias: null }],
  from: null,
  where: null,
  groupBy: [],
  having: null,
  orderBy: [],
};

/**
 * The change as DuckDB takes it, over `TARGET`. `twice`: the rows that a MERGE would change more than once;
 * `types`: fails where its condition compares a string with a number.
 * @throws ParseFailure, Refusal
 */
export function changeSql(
  manifest: Manifest,
  statement: RowChange,
  around: Surroundings,
): { change: string; twice: string | null; types: string | null } {
  const expr = (one: Expr) => exprSql(one, around);
  const target = `${TARGET} AS ${quoted(statement.alias ?? partsOfKey(manifest.name).table)}`;
  if (statement.kind !== 'merge') {
    const where = statement.where === null ? '' : ` WHERE ${expr(statement.where)}`;
    const change =
      statement.kind === 'delete'
        ? `DELETE FROM ${target}${where}`
        : `UPDATE ${target} SET ${settings(manifest, statement.set, expr)}${where}`;
    return { change, twice: null, types: null };
  }
  const from = sourceSql(statement.source, around, { ...everything, from: statement.source, where: statement.on });
  const { sql: on, pairs } = conditionSql(statement.on, around);
  const clauses = statement.clauses.map((clause) => clauseSql(manifest, clause, expr));
  const matched = statement.clauses.filter((clause) => clause.action !== 'insert');
  const whether = matched.map(({ condition }) => (condition === null ? 'true' : expr(condition))).join(' OR ');
  const name = quoted(statement.alias ?? partsOfKey(manifest.name).table);
  return {
    change: `MERGE INTO ${target} USING ${from} ON ${on} ${clauses.join(' ')}`,
    types: pairs.length === 0 ? null : `SELECT ${pairs.join(' AND ')} FROM ${target} CROSS JOIN ${from} LIMIT 1`,
    twice:
      matched.length === 0
        ? null
        : `SELECT 1 FROM ${target} JOIN ${from} ON ${on} WHERE ${whether} GROUP BY ${name}.rowid HAVING count(*) > 1`,
  };
}

/** Primary keys and partition keys say which row it is: these do not change. */
function settings(manifest: Manifest, set: readonly Assignment[], expr: (one: Expr) => string): string {
  const fixed = [...manifest.primaryKey, ...manifest.partitionColumns.map((column) => column.name)];
  const parts = set.flatMap(({ column, value, at }, place) => {
    if (!manifest.columns.some((one) => one.name === column)) {
      if (!fixed.includes(column)) throw new ParseFailure(at, `column ${column} cannot be resolved`);
    }
    if (fixed.includes(column)) throw new ParseFailure(at, `column ${column} is part of a key and cannot be updated`);
    if (set.findIndex((one) => one.column === column) !== place)
      throw new ParseFailure(at, `column ${column} is set twice`);
    return [
      `${quoted(column)} = ${assigned(manifest, column, expr(value))}`,
      ...sidesOf(manifest, column).map((side) => `${quoted(side)} = NULL`),
    ];
  });
  return [...parts, `${TOUCHED} = true`].join(', ');
}

/** What lies beside a column's values goes with them. */
function sidesOf(manifest: Manifest, column: string): string[] {
  const blocks = manifest.partitions.flatMap((one) => one.blocks);
  return [
    ...(blocks.some((block) => block.nanos.includes(column)) ? [nanosName(column)] : []),
    ...(blocks.some((block) => block.raw?.includes(column)) ? [bytesName(column)] : []),
  ];
}

function assigned(manifest: Manifest, name: string, sql: string): string {
  const column = [...manifest.columns, ...manifest.partitionColumns].find((one) => one.name === name);
  return column === undefined ? sql : assignedSql(parseType(column.type), sql);
}

function clauseSql(manifest: Manifest, clause: MergeClause, expr: (one: Expr) => string): string {
  const and = clause.condition === null ? '' : ` AND ${expr(clause.condition)}`;
  switch (clause.action) {
    case 'update':
      return `WHEN MATCHED${and} THEN UPDATE SET ${settings(manifest, clause.set, expr)}`;
    case 'delete':
      return `WHEN MATCHED${and} THEN DELETE`;
    default: {
      const all = [...manifest.columns, ...manifest.partitionColumns].map((column) => column.name);
      const names = clause.columns ?? all;
      const strange = names.find((name, at) => !all.includes(name) || names.indexOf(name) !== at);
      if (strange !== undefined)
        throw new ParseFailure(clause.at, `column ${strange} cannot be resolved, or is named twice`);
      if (names.length !== clause.values.length)
        throw new ParseFailure(clause.at, `${clause.values.length} values, ${names.length} are needed`);
      const values = clause.values.map((value, at) => assigned(manifest, names[at], expr(value)));
      return `WHEN NOT MATCHED${and} THEN INSERT (${names.map(quoted).join(', ')}) VALUES (${values.join(', ')})`;
    }
  }
}
