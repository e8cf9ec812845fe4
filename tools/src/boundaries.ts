import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

/** Which of our packages each may import, and which of their entries. What is not listed is refused. */
export const ALLOWED: { [folder: string]: string[] } = {
  'connectors/contract': [],
  'connectors/maxcompute-client': [],
  'connectors/maxcompute-emulator': ['@sampan/maxcompute'],
  'connectors/mysql': ['@sampan/connector'],
  'connectors/maxcompute': ['@sampan/connector', '@sampan/maxcompute'],
  'server/engine': ['@sampan/connector'],
  'server/hosts': ['@sampan/connector', '@sampan/engine'],
  // Control knows the messages and types of hosts, never the engine nor the child that runs it.
  'server/control': ['@sampan/connector', '@sampan/hosts/pool', '@sampan/hosts/messages'],
  schema: ['@sampan/connector', '@sampan/control'],
  'server/app': [
    '@sampan/connector',
    '@sampan/control',
    '@sampan/schema',
    '@sampan/hosts/pool',
    '@sampan/hosts/messages',
    '@sampan/hosts/manifests',
  ],
  'clients/sdk': [],
};

/** May import anything, and nothing imports it. */
const FREE = 'tools';

export interface Violation {
  file: string;
  line: number;
  what: string;
}

const IMPORT =
  /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm;

export function importsOf(text: string): { specifier: string; line: number }[] {
  // Imports over several lines are joined first, line ends kept for counting.
  return [...text.matchAll(IMPORT)].map((match) => ({
    specifier: match[1] ?? match[2] ?? match[3],
    line: text.slice(0, (match.index ?? 0) + match[0].length).split('\n').length,
  }));
}

function sourcesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name));
}

/** Looks at every import of every package. @throws Error where there is nothing to look at: such a check would pass for ever */
export function checkBoundaries(root: string): Violation[] {
  const violations: Violation[] = [];
  const graph = new Map<string, string[]>();
  let looked = 0;
  for (const folder of [...Object.keys(ALLOWED), FREE]) {
    const base = join(root, folder);
    if (!existsSync(join(base, 'package.json'))) throw new Error(`There is no package in ${folder}.`);
    const declared = declaredIn(join(base, 'package.json'));
    for (const file of sourcesIn(join(base, 'src'))) {
      looked++;
      for (const { specifier, line } of importsOf(readFileSync(file, 'utf8'))) {
        const what = specifier.startsWith('.')
          ? relativeIssue(base, file, specifier, graph)
          : packageIssue(folder, specifier, declared);
        if (what !== null) violations.push({ file: relative(root, file), line, what });
      }
    }
  }
  if (looked === 0) throw new Error('No source file was found.');
  return [
    ...violations,
    ...cycles(graph).map((cycle) => ({
      file: relative(root, cycle[0]),
      line: 1,
      what: `imports go round: ${cycle.map((one) => relative(root, one)).join(' → ')}`,
    })),
  ];
}

function declaredIn(file: string): Set<string> {
  const json = JSON.parse(readFileSync(file, 'utf8')) as {
    name: string;
    dependencies?: object;
    optionalDependencies?: object;
  };
  return new Set([json.name, ...Object.keys(json.dependencies ?? {}), ...Object.keys(json.optionalDependencies ?? {})]);
}

function relativeIssue(base: string, file: string, specifier: string, graph: Map<string, string[]>): string | null {
  const target = resolve(dirname(file), specifier);
  if (!target.startsWith(`${join(base, 'src')}/`)) return `"${specifier}" leaves the package`;
  graph.set(file, [...(graph.get(file) ?? []), target]);
  return existsSync(target) ? null : `"${specifier}" is not there`;
}

function packageIssue(folder: string, specifier: string, declared: Set<string>): string | null {
  if (specifier.startsWith('node:')) return null;
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  if (!declared.has(name)) return `"${name}" is not among the dependencies of ${folder}/package.json`;
  if (folder === FREE || !specifier.startsWith('@sampan/')) return null;
  if (name === '@sampan/tools') return 'nothing may import tools';
  return ALLOWED[folder].some(
    (allowed) => allowed === specifier || (allowed === name && !allowed.startsWith('@sampan/hosts')),
  )
    ? null
    : `${folder} may not import ${specifier}`;
}

/** Rings of imports, each once. */
function cycles(graph: Map<string, string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const at = path.indexOf(file);
    if (at >= 0) {
      found.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const next of graph.get(file) ?? []) visit(next);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}
