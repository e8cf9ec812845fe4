import { badOption } from './credentials.ts';

/** `public`: from anywhere. `internal`: inside a VPC of the region, free of traffic fees. */
export type Network = 'public' | 'internal';

/** The service's and the tunnel's endpoint of a region such as `cn-hangzhou`. @throws MaxComputeError `BadOption` */
export function endpointsOf(region: string, network: Network = 'public'): { endpoint: string; tunnelEndpoint: string } {
  if (!/^[a-z]+(-[a-z0-9]+)+$/.test(region)) throw badOption('region', `${JSON.stringify(region)} is no region's id`);
  const domain = network === 'public' ? `${region}.maxcompute.aliyun.com` : `${region}-vpc.maxcompute.aliyun-inc.com`;
  return { endpoint: `https://service.${domain}/api`, tunnelEndpoint: `https://dt.${domain}` };
}
