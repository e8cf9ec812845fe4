import { expect, it } from 'vitest';
import { createTurns } from '../src/turns.ts';

it('lets so many work at once, of one owner fewer, in the order of asking', async () => {
  const turns = createTurns({ inAll: 3, ofOne: 2 });
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const ask = (name: string) =>
    turns.take(name[0]).then((end) => {
      begun.push(name);
      ends.set(name, end);
    });
  const end = async (name: string) => {
    ends.get(name)!();
    await new Promise((resolve) => setTimeout(resolve));
  };
  for (const name of ['a1', 'a2', 'a3', 'b1', 'b2', 'c1']) void ask(name);
  await new Promise((resolve) => setTimeout(resolve));
  expect(begun).toEqual(['a1', 'a2', 'b1']);
  await end('b1');
  // The third of a waits for its own; the next in line goes.
  expect(begun.slice(3)).toEqual(['b2']);
  await end('a1');
  await end('a1');
  expect(begun.slice(4)).toEqual(['a3']);
  await end('a2');
  expect(begun.slice(5)).toEqual(['c1']);
});
