import { type Control, startEventHub, tables } from '@sampan/control';
import { drizzle } from 'drizzle-orm/postgres-js';
import { graphql } from 'graphql';
import postgres from 'postgres';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openWorld, type World } from '../../server/control/test/world.ts';
import { createLoaders, schema } from '../src/index.ts';

const statements: string[] = [];
const undo: (() => Promise<unknown>)[] = [];
let world: World;
let control: Control;
let hub: Awaited<ReturnType<typeof startEventHub>>;

beforeAll(async () => {
  world = await openWorld();
  undo.push(() => world.close());
  const client = postgres(world.database.url, { max: 4, onnotice: () => {} });
  undo.push(() => client.end());
  const counted = (text: string) => void statements.push(text);
  control = {
    ...world.control,
    db: drizzle(client, { schema: tables, logger: { logQuery: counted } }) as unknown as Control['db'],
    sql: postgres(world.database.url, { max: 4, onnotice: () => {}, debug: (_, text) => counted(text) }),
  };
  undo.push(() => control.sql.end());
  hub = await startEventHub(control);
  undo.push(() => hub.stop());
  await control.db.insert(tables.memberships).values({
    workspaceId: world.workspaceId,
    userId: world.actor.userId,
    role: 'ADMIN',
  });
  for (let task = 0; task < 12; task++) await world.task({ period: 'DAY', at: '02:00:00', runOnOnline: true });
}, 120_000);
afterAll(async () => {
  for (const step of undo.reverse()) await step();
});

/** How many statements a query runs, the same for a short list and a long one. */
async function cost(query: (first: number) => string): Promise<number> {
  const counts: number[] = [];
  for (const first of [2, 12]) {
    const contextValue = { control, actor: world.actor, loaders: createLoaders(control, world.actor), hub };
    statements.length = 0;
    const answer = await graphql({ schema, source: query(first), contextValue });
    expect(answer.errors).toBeUndefined();
    expect(JSON.stringify(answer.data).match(/"id"/g)?.length).toBeGreaterThanOrEqual(first);
    counts.push(statements.length);
  }
  expect(counts[1], statements.join('\n')).toBe(counts[0]);
  return counts[1];
}

const TASK =
  'id name state version current { number by { name } mapping { target } } folder { id name path parent { name } }';
const INSTANCE =
  'id state scheduledAt progress { rowsRead } task { id name folder { name } } transitions { to reason } attempts { number } statements { sql } reconciliations { ok }';

it.each([
  [4, 'tasks', (first: number) => `{ tasks(first: ${first}) { nodes { id name state updatedAt } totalCount } }`],
  [
    15,
    'tasks with all around',
    (first: number) => `{ tasks(first: ${first}) { nodes { ${TASK} lastInstance { ${INSTANCE} } } totalCount } }`,
  ],
  [
    4,
    'instances',
    (first: number) => `{ instances(first: ${first}) { nodes { id state scheduledAt progress { rowsRead } } } }`,
  ],
  [
    12,
    'instances with all around',
    (first: number) => `{ instances(first: ${first}) { nodes { ${INSTANCE} } totalCount } }`,
  ],
])('at most %i statements list %s, however many they are', async (budget, _, query) => {
  expect(await cost(query)).toBeLessThanOrEqual(budget);
});
