import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join, resolve } from 'node:path';

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

interface PackageJson {
  name?: string;
  version?: string;
  sampan?: { connector?: string; api?: number };
}

/**
 * Packages that carry a connector (`"sampan": { "connector": "./dist/index.js", "api": 1 }` in package.json): in the
 * `node_modules` folders given, and in each folder inside the plugin folders. A folder that is not there holds none.
 */
export function findManifests(where: { nodeModules: string[]; plugins: string[] }): Manifest[] {
  const folders = [...where.nodeModules.flatMap(packageFolders), ...where.plugins.flatMap(children)];
  const seen = new Set<string>();
  return folders.flatMap((folder) => {
    const real = existsSync(folder) ? realpathSync(folder) : folder;
    if (seen.has(real)) return [];
    seen.add(real);
    const manifest = readManifest(
      real,
      where.plugins.some((plugin) => folder.startsWith(resolve(plugin))),
    );
    return manifest === null ? [] : [manifest];
  });
}

function children(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => (entry.isDirectory() || entry.isSymbolicLink()) && !entry.name.startsWith('.'))
    .map((entry) => resolve(folder, entry.name));
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
  let json: PackageJson;
  try {
    json = JSON.parse(readFileSync(file, 'utf8')) as PackageJson;
  } catch {
    return told('its package.json is not JSON');
  }
  if (json.sampan?.connector === undefined) return told('its package.json has no "sampan": { "connector": … }');
  const module = resolve(folder, json.sampan.connector);
  const found = { package: json.name ?? name, version: json.version ?? '0.0.0', module };
  if (json.sampan.api !== 1)
    return {
      ...found,
      broken: `it is written for version ${String(json.sampan.api)} of the contract, this server has 1`,
    };
  if (!module.startsWith(folder)) return { ...found, broken: 'its module lies outside its folder' };
  return { ...found, broken: existsSync(module) ? null : `its module ${json.sampan.connector} is not there` };
}
