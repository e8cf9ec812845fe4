import assert from 'node:assert/strict';
import type { Connector } from '../connector.ts';
import { isConnectorError } from '../errors.ts';
import type { Json } from '../json.ts';
import type { KitCase } from './kit.ts';

/** What is declared is there, and opening reaches nothing. Each required option removed gives a `config` error that names it (law 8); an unknown one likewise. */
export function configCases(
  connector: Connector<never>,
  good: { [option: string]: Json },
  required: readonly string[],
): KitCase[] {
  const refusal = (options: unknown, option: string) => {
    try {
      connector.config.parse(options);
    } catch (error) {
      assert.ok(isConnectorError(error), `${option}: ${String(error)} is no ConnectorError`);
      assert.equal(error.kind, 'config');
      assert.ok(error.message.includes(option), `the message does not name "${option}": ${error.message}`);
      return;
    }
    assert.fail(`options without "${option}" were accepted`);
  };
  return [
    {
      law: 8,
      name: 'its session has the roles and write modes that it declares',
      run: async () => {
        const unreached = async () => assert.fail('it reached for the network while it was opened');
        const context = { dial: unreached, log: () => {}, statement: () => {} };
        const session = await connector.open(connector.config.parse(good), context);
        try {
          assert.equal(session.source !== undefined, connector.roles.includes('SOURCE'));
          assert.equal(session.target !== undefined, connector.roles.includes('TARGET'));
          assert.deepEqual(session.target?.traits.modes ?? [], connector.writeModes);
        } finally {
          await session[Symbol.asyncDispose]();
        }
      },
    },
    { law: 8, name: 'good options are accepted', run: async () => void connector.config.parse(good) },
    {
      law: 8,
      name: 'an unknown option is refused by name',
      run: async () => refusal({ ...good, nonsense: 1 }, 'nonsense'),
    },
    ...required.map(
      (option): KitCase => ({
        law: 8,
        name: `"${option}" is needed`,
        run: async () => {
          const { [option]: _left, ...rest } = good;
          refusal(rest, option);
        },
      }),
    ),
  ];
}
