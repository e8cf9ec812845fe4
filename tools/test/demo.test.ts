import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runDemo } from '../src/demo.ts';

const options = { rows: 20_000, exit: true, json: false, from: null, tables: null };

/** The largest Parquet file below a folder. */
function largestFile(folder: string): string {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.parquet'));
  return files.map((name) => join(folder, name)).sort((a, b) => readFileSync(b).length - readFileSync(a).length)[0];
}

describe('the demo', () => {
  it('copies over the API, and every value is equal', async () => {
    const { code, report } = await runDemo(options);
    expect(report).toMatchObject({ rows: 20_000, verified: true, mismatches: 0, instances: 1 });
    expect(code).toBe(0);
  }, 120_000);

  it('sees one flipped bit', async () => {
    const { code, report } = await runDemo(
      { ...options, rows: 2_000 },
      {
        async beforeVerify(data) {
          const file = largestFile(data);
          const bytes = readFileSync(file);
          // In the middle of the values of the first page: behind the file's magic and the page's header.
          bytes[200] ^= 1;
          writeFileSync(file, bytes);
        },
      },
    );
    expect(report.verified).toBe(false);
    expect(report.mismatches).toBeGreaterThan(0);
    expect(code).toBe(1);
  }, 120_000);
});
