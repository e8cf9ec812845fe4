import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measured } from './bench-measure.ts';
import type { CopyAnswer, CopyOrder } from './copy-runner.ts';

/** The process of `copy-runner.ts`, warm after its first copy. */
export interface Copies {
  /** @throws Error with why the copy failed */
  run(order: CopyOrder): Promise<Measured>;
  stop(): void;
}

export function startCopies(): Copies {
  const child = fork(fileURLToPath(new URL('../dist/copy-runner.js', import.meta.url)));
  return {
    async run(order) {
      child.send(order);
      const [answer] = (await once(child, 'message')) as [CopyAnswer];
      if ('error' in answer) throw new Error(answer.error);
      return answer;
    },
    stop: () => child.disconnect(),
  };
}
