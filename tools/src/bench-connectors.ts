import { connect } from 'node:net';
import { pathToFileURL } from 'node:url';
import type { Connector, Json, OpenContext, Session } from '@sampan/connector';
import { findManifests } from '@sampan/hosts/manifests';
import type { MysqlServer } from './mysql-server.ts';

/** Opens a connector as a host does, in this process. */
export async function openConnector(name: string, options: { [key: string]: Json }): Promise<Session> {
  const nodeModules = [new URL('../../node_modules', import.meta.url).pathname];
  const manifest = findManifests({ nodeModules, plugins: [] }).find((one) => one.package === name);
  if (manifest === undefined) throw new Error(`${name} is not among the connectors here.`);
  const connector = ((await import(pathToFileURL(manifest.module).href)) as { default: Connector }).default;
  const context: OpenContext = {
    dial: (address) =>
      new Promise((resolve, reject) => {
        const socket = connect(address as never, () => resolve(socket));
        socket.once('error', reject);
      }),
    log: () => {},
    statement: () => {},
  };
  return connector.open(connector.config.parse(options), context);
}

/** What the MySQL connector needs to read the benchmarks' database. */
export const mysqlOptions = ({ host, port, user, password }: MysqlServer): { [key: string]: Json } => ({
  host,
  port,
  user,
  password,
  database: 'bench',
  ssl: { mode: 'DISABLED' },
});
