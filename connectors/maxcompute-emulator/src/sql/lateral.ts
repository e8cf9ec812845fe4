import { ParseFailure } from './tokens.ts';

/** What `explode` and `posexplode` give for a row, column by column. @throws ParseFailure */
export function lateralRows(name: string, at: number, args: string[], columns: number): string[] {
  const [of] = args;
  if (args.length === 1 && name === 'explode' && columns === 1) return [`unnest(odps_list(${of}))`];
  if (args.length === 1 && name === 'explode' && columns === 2)
    return [`unnest(map_keys(${of}))`, `unnest(map_values(${of}))`];
  if (args.length === 1 && name === 'posexplode' && columns === 2)
    return [`unnest(range(len(odps_list(${of}))))`, `unnest(${of})`];
  throw new ParseFailure(
    at,
    `the emulator knows LATERAL VIEW with explode and posexplode only, not ${name} into ${columns}`,
  );
}
