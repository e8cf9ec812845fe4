import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { isConnectorError } from '@sampan/connector';
import type { ConnectorEntry } from '@sampan/control';
import { findManifests, type Manifest } from '@sampan/hosts/manifests';
import type { HostPool } from '@sampan/hosts/pool';

/** Folders named node_modules from here upwards: where the packages that this server came with lie. */
function ownNodeModules(): string[] {
  const found: string[] = [];
  for (let folder = dirname(createRequire(import.meta.url).resolve('@sampan/control')); ; folder = dirname(folder)) {
    const modules = join(folder, 'node_modules');
    if (existsSync(modules)) found.push(modules);
    if (dirname(folder) === folder) return found;
  }
}

/**
 * Connectors of this server, by name: built-in ones and plugins are found the same way. A broken one is listed with its
 * reason; of two with one name the first stands and the other is broken.
 */
export async function loadConnectors(hosts: HostPool, plugins: string[]): Promise<Map<string, ConnectorEntry>> {
  const manifests = findManifests({ nodeModules: ownNodeModules(), plugins });
  const entries = await Promise.all(manifests.map((manifest) => entryOf(hosts, manifest)));
  const connectors = new Map<string, ConnectorEntry>();
  const sound = entries.filter((entry) => entry.broken === null);
  // A broken one takes no name away from one that works.
  for (const entry of [...sound, ...entries.filter((one) => one.broken !== null)]) {
    if (!connectors.has(entry.name)) connectors.set(entry.name, entry);
    else
      connectors.set(`${entry.name} (${entry.module})`, {
        ...entry,
        broken: entry.broken ?? `another connector is called "${entry.name}" already`,
      });
  }
  return connectors;
}

async function entryOf(hosts: HostPool, manifest: Manifest): Promise<ConnectorEntry> {
  const listed = {
    name: manifest.package,
    title: manifest.package,
    version: manifest.version,
    module: manifest.module,
    schema: {},
    secrets: [],
    endpoint: [],
    roles: [],
    writeModes: [],
  };
  if (manifest.broken !== null) return { ...listed, broken: manifest.broken };
  try {
    const info = await hosts.ask('info', { module: manifest.module }, { timeoutMs: 20_000 });
    return { ...info, version: manifest.version, module: manifest.module, broken: null };
  } catch (error) {
    return { ...listed, broken: isConnectorError(error) ? error.message : String(error) };
  }
}
