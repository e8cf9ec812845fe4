import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Measured } from './bench-measure.ts';

/** A process of its own for what is measured: its time and memory are nobody else's. Warm after its first order. */
export interface BenchChild<Order> {
  /** @throws Error with why it failed there */
  run(order: Order): Promise<Measured>;
  stop(): void;
}

type Answer = Measured | { error: string };

/** Starts a program of this folder that calls `answerOrders`. */
export function startChild<Order extends object>(program: string): BenchChild<Order> {
  const child = fork(fileURLToPath(new URL(`../dist/${program}.js`, import.meta.url)));
  const ended = once(child, 'exit');
  return {
    async run(order) {
      child.send(order);
      const [answer] = (await Promise.race([once(child, 'message'), ended])) as [Answer | number | null];
      if (typeof answer !== 'object' || answer === null) throw new Error(`${program} ended before it answered.`);
      if ('error' in answer) throw new Error(answer.error);
      return answer;
    },
    stop: () => child.disconnect(),
  };
}

/** In such a program: does each order, and tells what came of it. */
export function answerOrders<Order>(work: (order: Order) => Promise<Measured>): void {
  process.on('message', (order: Order) => {
    work(order).then(
      (found) => process.send?.(found satisfies Answer),
      (error: Error) => process.send?.({ error: error.message } satisfies Answer),
    );
  });
  process.once('disconnect', () => process.exit());
}
