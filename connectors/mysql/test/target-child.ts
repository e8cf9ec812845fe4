/** A process that loads until it is killed: `port user password database instance attempt rows`. Each line it prints is a batch done. */
import { batchOf, field, lease, loadOf, signal, targetOf } from './target-support.ts';

const [port, user, password, database, instance, attempt, rows] = process.argv.slice(2);
const target = targetOf({ port: Number(port), user, password }, database);
const held = lease(instance, Number(attempt));
const fields = [field('id', { kind: 'int64' }, false), field('name', { kind: 'utf8', maxChars: 20 })];
const { handle } = await target.begin(loadOf('killed', fields), held, null, signal());
await using writer = await target.writer(handle, { split: 0 }, held, signal());
for (let from = 0; from < Number(rows); from += 100) {
  const cells = Array.from({ length: 100 }, (_, i): [bigint, string] => [BigInt(from + i), `row ${from + i}`]);
  await writer.write(batchOf(fields, cells, { last: from + 99 }));
  process.stdout.write(`${from}\n`);
}
await writer.seal();
