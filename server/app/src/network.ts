import { isIP } from 'node:net';
import type { NetworkPolicy } from '@sampan/hosts/messages';
import type { Config } from './config.ts';
import { StartError } from './start-error.ts';

/** Link-local addresses: metadata services of clouds answer there. */
const ALWAYS = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254/128', '100.100.100.200/32'];

/**
 * Networks that data sources may not reach. Loopback is allowed only while the server itself listens there and so is
 * not open to others.
 */
export function networkPolicy(config: Config, databaseUrl: string): NetworkPolicy {
  for (const network of config.netDeny) {
    const [address, prefix, ...rest] = network.split('/');
    const most = isIP(address) === 6 ? 128 : 32;
    if (
      isIP(address) === 0 ||
      rest.length > 0 ||
      (prefix !== undefined && !(Number(prefix) >= 0 && Number(prefix) <= most))
    ) {
      throw new StartError(
        'BAD_SETTING',
        `SAMPAN_NET_DENY: "${network}" is not a network.`,
        'Write networks as 10.0.0.0/8 or fd00::/8, separated by commas.',
      );
    }
  }
  const allowLoopback = config.host === 'localhost' || config.host === '::1' || config.host.startsWith('127.');
  const { hostname, port } = new URL(databaseUrl);
  const database = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 5_432) };
  return { deny: [...ALWAYS, ...config.netDeny], allowLoopback, database };
}
