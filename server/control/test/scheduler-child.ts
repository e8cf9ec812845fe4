/**
 * A scheduler, and a worker without hosts, in a process of its own until it is killed: `database-url name`. What it claims
 * it ends as succeeded a moment later. Prints `ready`, then the number of instances ended, a line each round.
 */
import { eq } from 'drizzle-orm';
import { openDatabase } from '../../app/src/database.ts';
import { startScheduler } from '../src/scheduler.ts';
import { instances } from '../src/tables/instances.ts';
import { moveInstances } from '../src/transitions.ts';
import { claimAs, controlOn } from './world.ts';

const [url, worker] = process.argv.slice(2);
const database = await openDatabase({ databaseUrl: url, data: '' });
const control = controlOn(database);
await startScheduler(control, url);
process.stdout.write('ready\n');

let ended = 0;
for (;;) {
  const claimed = await claimAs(control, worker, { most: 200 });
  await new Promise((resolve) => setTimeout(resolve, 100));
  if (claimed.length === 0) continue;
  const ids = claimed.map((one) => one.id);
  const done = { from: ['RUNNING'], to: 'SUCCEEDED', by: worker, reason: 'x', set: { endedAt: new Date() } } as const;
  const moved = await control.db.transaction((tx) =>
    moveInstances(tx, ids, { ...done, from: ['RUNNING'], where: eq(instances.owner, worker) }),
  );
  ended += moved.length;
  process.stdout.write(`${ended}\n`);
}
