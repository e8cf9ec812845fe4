import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs';

const POLICY = '/usr/sbin/policy-rc.d';

/** Installs Debian packages as root, without starting the services they bring. @throws Error with what to run instead */
export function aptInstall(packages: string[]): void {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) {
    throw new Error(`Missing: ${packages.join(', ')}. Install with: sudo apt-get install ${packages.join(' ')}`);
  }
  process.stderr.write(`Installing ${packages.join(', ')} with apt-get (their services are not started)…\n`);
  // Debian's packages ask this file whether a service may be started; 101 means no.
  const ours = !existsSync(POLICY);
  if (ours) {
    writeFileSync(POLICY, '#!/bin/sh\nexit 101\n');
    chmodSync(POLICY, 0o755);
  }
  const quiet = {
    stdio: ['ignore', 2, 2] as ['ignore', number, number],
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  };
  try {
    execFileSync('apt-get', ['update', '-qq'], quiet);
    execFileSync('apt-get', ['install', '-y', '-qq', '--no-install-recommends', ...packages], quiet);
  } finally {
    if (ours) rmSync(POLICY, { force: true });
  }
}
