import assert from 'node:assert/strict';
import type { CheckResult, Session } from '../connector.ts';
import type { FailureKind } from '../errors.ts';
import { calm, type KitCase, noSecret, refused, using } from './kit.ts';

export interface SessionHarness {
  open(): Promise<Session>;
  /** Sessions that the system must refuse, and as what. Empty where it cannot refuse any. */
  wrong: { name: string; kinds: FailureKind[]; open(): Promise<Session> }[];
  /** Secrets in the options of all these sessions: no error and no check may tell one. */
  secrets: string[];
}

/** Law 7 for what a session does by itself, and the connection test. */
export function sessionCases(harness: SessionHarness): KitCase[] {
  const { secrets } = harness;
  return [
    {
      law: 7,
      name: 'the connection test of a good session passes step by step',
      run: () =>
        using(harness.open(), async (session) => {
          const results = await checked(session);
          assert.ok(results.length > 0, 'nothing was checked');
          for (const result of results) assert.ok(result.ok, `${result.step}: ${result.message}`);
          noSecret('the connection test', results, secrets);
        }),
    },
    {
      law: 7,
      name: 'describing what is not there is refused, and tells no secret',
      run: () =>
        using(harness.open(), (session) =>
          refused('describe', session.describe('kit_not_there', calm()), ['missing'], secrets),
        ),
    },
    ...harness.wrong.flatMap(({ name, kinds, open }): KitCase[] => [
      {
        law: 7,
        name: `${name}: refused as ${kinds.join(' or ')}, with a hint and no secret`,
        run: () =>
          using(open(), async (session) => {
            await refused('describe', session.describe('kit_not_there', calm()), kinds, secrets);
            await refused('objects', drain(session.objects({ search: null }, calm())), kinds, secrets);
          }),
      },
      {
        law: 7,
        name: `${name}: the connection test ends with the step that failed, and says what to do`,
        run: () =>
          using(open(), async (session) => {
            const results = await checked(session);
            const last = results.at(-1);
            assert.equal(last?.ok, false, `the last step passed: ${last?.step}`);
            assert.ok(last?.hint, `${last?.step} has no hint: ${last?.message}`);
            for (const result of results.slice(0, -1)) assert.ok(result.ok, `it went on behind ${result.step}`);
            noSecret('the connection test', results, secrets);
          }),
      },
    ]),
  ];
}

async function checked(session: Session): Promise<CheckResult[]> {
  const results: CheckResult[] = [];
  for await (const result of session.check(calm())) results.push(result);
  return results;
}

async function drain(items: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of items);
}
