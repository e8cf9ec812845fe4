import { type Host, startHost } from './host.ts';

/** A process is thrown away after so many calls: what a connector leaks goes with it. */
const MOST_USES = 20;
const KEPT_MS = 60_000;
/** Each takes some 35 MB. */
const MOST_KEPT = 3;

/** A host that was handed out; `used` ones have run the code of their key's connector before. */
export interface Taken {
  host: Host;
  used: boolean;
  /** Back for the next call with this key; killed at the end of its uses, or where something was wrong. */
  giveBack(sound: boolean): void;
}

/** Processes kept for the next call, so that it need not wait for one to start. */
export interface WarmHosts {
  /** @param key who may share a process: the same workspace and the same connector */
  take(key: string): Taken;
}

interface Kept {
  host: Host;
  uses: number;
  timer: NodeJS.Timeout;
}

/**
 * One spare process that has run no connector's code, for anybody's first call, and some that wait for the next call of
 * the same key. @param watch is told of each process that is started
 */
export function createWarmHosts(memoryMb: number, watch: (host: Host) => void): WarmHosts {
  const kept = new Map<string, Kept>();
  let spare: Host | null = null;
  const start = () => {
    const host = startHost('ask', memoryMb);
    watch(host);
    return host;
  };
  const refill = () => {
    if (spare?.alive()) return;
    try {
      spare = start();
      spare.idle(true);
    } catch {
      // It saves the next call some time; without it that one starts its own, or says why it cannot.
      spare = null;
    }
  };
  const drop = (key: string, one: Kept) => {
    clearTimeout(one.timer);
    if (kept.get(key) === one) kept.delete(key);
    one.host.kill('done');
  };
  const keep = (key: string, host: Host, uses: number) => {
    const before = kept.get(key);
    if (before !== undefined) drop(key, before);
    const one: Kept = { host, uses, timer: setTimeout(() => drop(key, one), KEPT_MS) };
    one.timer.unref();
    kept.set(key, one);
    host.idle(true);
    if (kept.size > MOST_KEPT) drop(...(kept.entries().next().value as [string, Kept]));
  };
  const unused = () => {
    const one = spare?.alive() ? spare : start();
    spare = null;
    return one;
  };
  return {
    take(key) {
      const found = kept.get(key);
      kept.delete(key);
      clearTimeout(found?.timer);
      const used = found?.host.alive() === true;
      const host = used ? (found as Kept).host : unused();
      const uses = (used ? (found as Kept).uses : 0) + 1;
      host.idle(false);
      return {
        host,
        used,
        giveBack(sound) {
          if (sound && uses < MOST_USES && host.alive()) keep(key, host, uses);
          else host.kill('done');
          refill();
        },
      };
    },
  };
}
