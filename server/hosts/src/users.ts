import { spawnSync } from 'node:child_process';
import { realpathSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** A thousand numbers that no distribution gives to anybody: below those of Debian's and systemd's own. */
const FIRST = 58_000;
const COUNT = 1_000;
const OTHERS_READ = 0o004;
const OTHERS_PASS = 0o001;

/** Under which user a host works. */
export interface HostUsers {
  /**
   * A number for that workspace alone (those beyond the thousandth share); null: as the server itself, which is not root,
   * or whose modules nobody else could read.
   */
  userFor(workspace: string, modules: readonly string[]): number | null;
}

/**
 * A server that runs as root gives each workspace a user without rights. Any other cannot: its hosts run as itself.
 * @param tell is told once for each reason why hosts run as root
 */
export function createHostUsers(tell: (why: string) => void): HostUsers {
  const told = new Set<string>();
  const say = (why: string) => {
    if (!told.has(why)) tell(why);
    told.add(why);
    return null;
  };
  if (process.getuid?.() !== 0) return { userFor: () => null };
  if (!mayChangeUser())
    return { userFor: () => say('Connectors run as root: this root may not change its user (no CAP_SETUID).') };
  const users = new Map<string, number>();
  return {
    userFor(workspace, modules) {
      const hidden = modules.find((module) => !readableByOthers(module));
      if (hidden !== undefined)
        return say(
          `A connector runs as root: no other user can read ${hidden}. Open it and the folders above to others.`,
        );
      const user = users.get(workspace) ?? FIRST + (users.size % COUNT);
      users.set(workspace, user);
      return user;
    },
  };
}

/** In a container root may be without that right. What cannot be executed has got past it. */
function mayChangeUser(): boolean {
  const { error } = spawnSync('/bin/true', { uid: FIRST, gid: FIRST, stdio: 'ignore' });
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === undefined || code === 'EACCES' || code === 'ENOENT';
}

/** Whether somebody who is neither owner nor in the group can read a file, and pass the folders above it. */
export function readableByOthers(file: string): boolean {
  try {
    const path = realpathSync(file);
    if ((statSync(path).mode & OTHERS_READ) === 0) return false;
    for (let folder = dirname(path); ; folder = dirname(folder)) {
      if ((statSync(folder).mode & OTHERS_PASS) === 0) return false;
      if (dirname(folder) === folder) return true;
    }
  } catch {
    // What is not there is refused when it is loaded.
    return true;
  }
}

/** Gives up root for good, in a host, before any code of a connector is loaded. */
export function becomeUser(user: number): void {
  if (process.getuid?.() === user) return;
  try {
    process.setgroups?.([]);
  } catch {
    // Where groups cannot be set at all, there are none to lose.
  }
  process.setgid?.(user);
  process.setuid?.(user);
}
