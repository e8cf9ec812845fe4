import { BlockList, isIP } from 'node:net';
import type { NetworkPolicy } from './messages.ts';

const LOOPBACK = ['127.0.0.0/8', '::1/128', '0.0.0.0/8', '::/128'];

/** Forms of IPv6 that carry an address of IPv4, by the 16-bit group at which it begins. */
const CARRIERS: [network: string, at: number][] = [
  ['::/96', 6],
  ['::ffff:0:0/96', 6],
  ['::ffff:0:0:0/96', 6],
  ['64:ff9b::/96', 6],
  ['2002::/16', 1],
];

export const isLoopback = createBlockList(LOOPBACK);

/** Whether an address lies in a network that the policy denies, however it is written. */
export function createDenied({ deny, allowLoopback }: NetworkPolicy): (address: string) => boolean {
  return createBlockList([...deny, ...(allowLoopback ? [] : LOOPBACK)]);
}

function createBlockList(networks: readonly string[]): (address: string) => boolean {
  const blocked = listOf(networks);
  return (address) => {
    if (isIP(address) === 4) return blocked.check(address, 'ipv4');
    const carried = carriedIn(address);
    return blocked.check(address, 'ipv6') || (carried !== null && blocked.check(carried, 'ipv4'));
  };
}

function listOf(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address, prefix] = network.split('/');
    const six = isIP(address) === 6;
    list.addSubnet(address, Number(prefix ?? (six ? 128 : 32)), six ? 'ipv6' : 'ipv4');
  }
  return list;
}

const carriers = CARRIERS.map(([network, at]) => ({ list: listOf([network]), at }));

/** The IPv4 address that one of IPv6 leads to through a gateway or the kernel; null for the others. */
function carriedIn(address: string): string | null {
  const found = carriers.find(({ list }) => list.check(address, 'ipv6'));
  if (found === undefined) return null;
  const groups = groupsOf(address).slice(found.at, found.at + 2);
  return groups.flatMap((group) => [group >> 8, group & 0xff]).join('.');
}

/** The eight groups of an IPv6 address. */
function groupsOf(address: string): number[] {
  const plain = address.replace(/%.*$/, '').replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, ...bytes: string[]) => {
    const [a, b, c, d] = bytes.map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [front, back] = plain.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const zeros = back === undefined ? [] : new Array<string>(8 - front.length - back.length).fill('0');
  return [...front, ...zeros, ...(back ?? [])].map((group) => Number.parseInt(group, 16));
}
