import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { ALLOWED, checkBoundaries, importsOf } from '../src/boundaries.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const made: string[] = [];

/** A tree of empty packages with the real manifests, and the files given. */
function tree(files: { [path: string]: string }): string {
  const folder = mkdtempSync(join(tmpdir(), 'boundaries-'));
  made.push(folder);
  for (const name of [...Object.keys(ALLOWED), 'tools']) {
    mkdirSync(join(folder, name, 'src'), { recursive: true });
    cpSync(join(root, name, 'package.json'), join(folder, name, 'package.json'));
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true });
});

describe('boundaries', () => {
  it('hold in this repository', () => expect(checkBoundaries(root)).toEqual([]));

  const refused: [string, string, string][] = [
    ['control imports the engine', 'server/control/src/a.ts', "import { runAttempt } from '@sampan/engine';"],
    ['control imports the child', 'server/control/src/a.ts', "import '@sampan/hosts/child';"],
    ['the engine imports control', 'server/engine/src/a.ts', "import type { Control } from '@sampan/control';"],
    ['the contract imports anything', 'connectors/contract/src/a.ts', "import { z } from 'zod';"],
    ['the server names a connector', 'server/app/src/a.ts', "import mysql from '@sampan/connector-mysql';"],
    ['a client imports the server', 'clients/sdk/src/a.ts', "export { schema } from '@sampan/schema';"],
    ['something imports tools', 'schema/src/a.ts', "import '@sampan/tools/servers';"],
    ['an import leaves its package', 'schema/src/a.ts', "import { x } from '../../server/app/src/config.ts';"],
    ['an import at run time', 'server/engine/src/a.ts', "const c = await import('@sampan/control');"],
    ['an undeclared package', 'server/engine/src/a.ts', "import pino from 'pino';"],
  ];
  for (const [name, file, text] of refused) {
    it(`are refused where ${name}`, () =>
      expect(checkBoundaries(tree({ [file]: `${text}\n` }))).toMatchObject([{ file, line: 1 }]));
  }

  it('find a ring', () => {
    const found = checkBoundaries(
      tree({ 'schema/src/a.ts': "import { b } from './b.ts';\n", 'schema/src/b.ts': "import { a } from './a.ts';\n" }),
    );
    expect(found.map((one) => one.what)).toEqual([expect.stringContaining('go round')]);
  });

  it('are no check where nothing is looked at', () =>
    expect(() => checkBoundaries(tree({}))).toThrow(/No source file/));

  it('read imports over several lines', () => {
    expect(
      importsOf("import {\n  a,\n  b,\n} from 'x';\n// import 'no';\nexport * from \"y\";\n").map(
        (one) => one.specifier,
      ),
    ).toEqual(['x', 'y']);
    expect(readdirSync(root)).toContain('tools');
  });
});
