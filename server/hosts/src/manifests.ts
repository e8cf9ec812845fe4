import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { basename, join, resolve, sep } from 'node:path';

/** A connector package as its manifest tells it: no code of it has run. */
export interface Manifest {
  /** Name of the package. */
  package: string;
  version: string;
  /** Absolute path of its module. */
  module: string;
  /** Why it cannot be used; null where nothing is known against it. */
  broken: string | null;
}

/** As somebody wrote it: anything may be anything. */
interface PackageJson {
  name?: unknown;
  version?: unknown;
  sampan?: { connector?: unknown; api?: unknown };
}

/**
 * Packages that carry a connector (`"sampan": { "connector": "./dist/index.js", "api": 1 }` in package.json): in the
 * `node_modules` folders given, and in each folder inside the plugin folders. A folder that is not there holds none.
 */
export function findManifests(where: { nodeModules: string[]; plugins: string[] }): Manifest[] {
  const unread = where.plugins.map(unreadable);
  const plugins = where.plugins.filter((_, at) => unread[at] === null).flatMap(children);
  const seen = new Set<string>();
  const found = [...where.nodeModules.flatMap(packageFolders), ...plugins].flatMap((folder) => {
    const real = existsSync(folder) ? realpathSync(folder) : folder;
    if (seen.has(real)) return [];
    seen.add(real);
    const manifest = readManifest(real, plugins.includes(folder));
    return manifest === null ? [] : [manifest];
  });
  return [...found, ...unread.filter((one) => one !== null)];
}

function children(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
    .map((entry) => resolve(folder, entry.name));
}

/** Why nothing can be loaded from a plugin folder, as a manifest; null where it can be read or is not there. */
function unreadable(folder: string): Manifest | null {
  try {
    children(folder);
    return null;
  } catch (error) {
    const broken = `the plugin folder cannot be read (${(error as NodeJS.ErrnoException).code})`;
    return { package: basename(folder), version: '', module: '', broken };
  }
}

/** Packages, scoped ones too. */
function packageFolders(nodeModules: string): string[] {
  return children(nodeModules).flatMap((folder) =>
    folder.split('/').at(-1)?.startsWith('@') ? children(folder) : [folder],
  );
}

/** Null for a package that has nothing to do with Sampan. A folder among the plugins that has no manifest is a mistake to tell. */
function readManifest(folder: string, plugin: boolean): Manifest | null {
  const file = join(folder, 'package.json');
  const name = folder.split('/').at(-1) ?? folder;
  const told = (broken: string): Manifest | null =>
    plugin ? { package: name, version: '', module: '', broken } : null;
  if (!existsSync(file)) return told('it has no package.json');
  let json: PackageJson | null;
  try {
    json = JSON.parse(readFileSync(file, 'utf8')) as PackageJson | null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return told(code === undefined ? 'its package.json is not JSON' : `its package.json cannot be read (${code})`);
  }
  const { connector, api } = json?.sampan ?? {};
  if (typeof connector !== 'string') return told('its package.json has no "sampan": { "connector": … }');
  const module = resolve(folder, connector);
  const found = {
    package: typeof json?.name === 'string' && json.name !== '' ? json.name : name,
    version: typeof json?.version === 'string' ? json.version : '0.0.0',
    module,
  };
  if (api !== 1)
    return { ...found, broken: `it is written for version ${String(api)} of the contract, this server has 1` };
  if (!module.startsWith(folder + sep)) return { ...found, broken: 'its module lies outside its folder' };
  return { ...found, broken: existsSync(module) ? null : `its module ${connector} is not there` };
}
