import { join } from 'node:path';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { parseType } from '@sampan/maxcompute';
import { duckType, literal, quoted } from '../parquet.ts';
import { Refusal } from '../refusal.ts';
import type { Manifest, Storage } from '../storage.ts';
import { parseError, type Token } from './tokens.ts';

/** Words that stand for themselves; every other word is a name. */
const KEYWORDS = new Set(
  `select from where group by having order limit offset as and or not in is null like between case when then else end distinct all union except intersect
  join inner left right full outer cross on using asc desc nulls first last true false with values exists interval cast date datetime timestamp
  bigint int integer smallint tinyint double float boolean string decimal varchar char binary over partition rows unbounded preceding following current row`.split(
    /\s+/,
  ),
);

/** Functions that mean the same in MaxCompute and in DuckDB. Others are refused: a wrong answer would be worse than none. */
const FUNCTIONS = new Set(
  `count sum avg min max abs ceil floor round length lower upper trim ltrim rtrim concat coalesce nullif if substr substring replace greatest least
  cast year month day hour minute second row_number rank dense_rank lag lead sign sqrt exp ln pow power mod md5`.split(
    /\s+/,
  ),
);

/** How types are written in a CAST. */
const TYPES: { [word: string]: string } = { string: 'VARCHAR', datetime: 'TIMESTAMPTZ', binary: 'BLOB' };

export interface QueryResult {
  columns: { name: string; type: string }[];
  rows: (string | null)[][];
}

/** Runs a SELECT over committed data. `settle` turns it into something else that is run in the same connection. */
export async function runQuery(storage: Storage, duck: DuckDBInstance, tokens: readonly Token[]): Promise<QueryResult> {
  const sql = await translate(storage, tokens);
  const connection = await duck.connect();
  try {
    return await answered(connection, sql);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(
      400,
      'ODPS-0130071',
      `ODPS-0130071:Semantic analysis exception - ${(error as Error).message.split('\n')[0]}`,
    );
  } finally {
    connection.closeSync();
  }
}

async function answered(connection: DuckDBConnection, sql: string): Promise<QueryResult> {
  await connection.run("SET TimeZone = 'UTC'");
  const described = await connection.runAndReadAll(`DESCRIBE ${sql}`);
  const columns = described
    .getRowObjects()
    .map((row) => ({ name: String(row.column_name), type: String(row.column_type).toLowerCase() }));
  const shown = columns.map((_, index) => `CAST(c${index} AS VARCHAR)`).join(', ');
  const names = columns.map((_, index) => `c${index}`).join(', ');
  const reader = await connection.runAndReadAll(`SELECT ${shown} FROM (${sql}) AS q(${names})`);
  return { columns, rows: reader.getRows().map((row) => row.map((value) => (value === null ? null : String(value)))) };
}

/** The statement as DuckDB takes it, written anew token by token. */
export async function translate(storage: Storage, tokens: readonly Token[]): Promise<string> {
  const named = commonTables(tokens);
  const parts: string[] = [];
  for (let at = 0; at < tokens.length; at++) {
    const token = tokens[at];
    const after = tokens[at - 1];
    const inFrom = after?.kind === 'word' && (after.value === 'from' || after.value === 'join');
    if (inFrom && (token.kind === 'name' || (token.kind === 'word' && !KEYWORDS.has(token.value)))) {
      let name = token.value;
      while (tokens[at + 1]?.value === '.' && tokens[at + 1].kind === 'sign') name = tokens[(at += 2)]?.value ?? '';
      const alias = tokens[at + 1];
      const aliased =
        alias !== undefined &&
        (alias.kind === 'name' || (alias.kind === 'word' && (alias.value === 'as' || !KEYWORDS.has(alias.value))));
      parts.push(
        named.has(name.toLowerCase())
          ? quoted(name.toLowerCase())
          : `${tableSql(storage, await storage.require(name.toLowerCase()))}${aliased ? '' : ` AS ${quoted(name.toLowerCase())}`}`,
      );
      continue;
    }
    parts.push(word(token, tokens[at + 1]));
  }
  return parts.join(' ');
}

function commonTables(tokens: readonly Token[]): Set<string> {
  const names = new Set<string>();
  if (tokens[0]?.value !== 'with') return names;
  tokens.forEach((token, at) => {
    if (
      (token.kind === 'name' || token.kind === 'word') &&
      tokens[at + 1]?.value === 'as' &&
      tokens[at + 2]?.value === '('
    )
      names.add(token.value.toLowerCase());
  });
  return names;
}

function word(token: Token, next: Token | undefined): string {
  switch (token.kind) {
    case 'text':
      return literal(token.value);
    case 'name':
      return quoted(token.value.toLowerCase());
    case 'word': {
      const called = next?.kind === 'sign' && next.value === '(';
      if (called && !KEYWORDS.has(token.value) && !FUNCTIONS.has(token.value))
        throw parseError(token.at, `the emulator does not know the function ${token.value}`);
      return TYPES[token.value] ?? (KEYWORDS.has(token.value) || called ? token.value : quoted(token.value));
    }
    default:
      return token.value;
  }
}

/** A table's committed rows, partition columns last, as a sub-query. */
export function tableSql(storage: Storage, manifest: Manifest): string {
  const columns = manifest.columns.map((column) => quoted(column.name));
  const parts = manifest.partitions.flatMap((partition) => {
    if (partition.blocks.length === 0) return [];
    const files = partition.blocks.map((block) =>
      literal(join(storage.tablePath(manifest.name), 'blocks', block.file)),
    );
    const values =
      partition.spec === ''
        ? []
        : partition.spec
            .split(',')
            .map(
              (pair) => `${literal(pair.slice(pair.indexOf('=') + 1))} AS ${quoted(pair.slice(0, pair.indexOf('=')))}`,
            );
    return [
      `SELECT ${[...columns, ...values].join(', ')} FROM read_parquet([${files.join(', ')}], union_by_name = true)`,
    ];
  });
  if (parts.length > 0) return `(${parts.join(' UNION ALL ')})`;
  const nothing = [...manifest.columns, ...manifest.partitionColumns].map(
    (column) => `CAST(NULL AS ${duckType(parseType(column.type))}) AS ${quoted(column.name)}`,
  );
  return `(SELECT ${nothing.join(', ')} WHERE false)`;
}
