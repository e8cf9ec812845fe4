import assert from 'node:assert/strict';
import type { Connector } from '../connector.ts';
import type { Json } from '../json.ts';
import { type KitCase, refused } from './kit.ts';

type Options = { [option: string]: Json };
interface Property {
  title?: string;
  description?: string;
  properties?: { [name: string]: Property };
}

/**
 * What is declared is there, and opening reaches nothing. Each required option removed gives a `config` error that names
 * it (law 8); an unknown one, and one of a wrong type, likewise. @param good options with all that is required
 */
export function configCases(connector: Connector<never>, good: Options, required: readonly string[]): KitCase[] {
  const { config } = connector;
  const refusal = async (what: string, options: unknown, option: string) => {
    const parse = async () => config.parse(options);
    await refused(what, parse(), ['config']);
    const error = await parse().catch((failure: Error) => failure);
    const { message } = error as Error;
    assert.ok(message.includes(option), `${what}: the message does not name "${option}": ${message}`);
  };
  const properties = (config.schema as Property).properties ?? {};
  const law8 = (name: string, run: () => Promise<void>): KitCase => ({ law: 8, name, run });
  return [
    law8('its session has the roles and write modes that it declares', async () => {
      const unreached = async () => assert.fail('it reached for the network while it was opened');
      const context = { dial: unreached, log: () => {}, statement: () => {} };
      const session = await connector.open(config.parse(good), context);
      try {
        assert.equal(session.source !== undefined, connector.roles.includes('SOURCE'));
        assert.equal(session.target !== undefined, connector.roles.includes('TARGET'));
        assert.deepEqual(session.target?.traits.modes ?? [], connector.writeModes);
      } finally {
        await session[Symbol.asyncDispose]();
      }
    }),
    law8('good options are accepted', async () => void config.parse(good)),
    law8('no options at all are refused', async () => {
      for (const none of [undefined, null, 'text', []])
        await refused(`options ${String(none)}`, (async () => config.parse(none))(), ['config']);
    }),
    law8('an unknown option is refused by name', () => refusal('unknown', { ...good, nonsense: 1 }, 'nonsense')),
    ...required.map((option) =>
      law8(`"${option}" is needed`, async () => {
        const { [option]: _left, ...rest } = good;
        await refusal('left out', rest, option);
      }),
    ),
    ...Object.keys(properties).map((option) =>
      law8(`"${option}" of a wrong type is refused by name`, () =>
        refusal('wrong type', { ...good, [option]: [['wrong']] }, option),
      ),
    ),
    law8('secrets and endpoint name options of the schema, which all have a title and a description', async () => {
      for (const path of [...config.secrets, ...config.endpoint])
        assert.ok(propertyAt(properties, path), `the schema has no option "${path}"`);
      for (const [name, { title, description }] of Object.entries(properties))
        assert.ok(title && description, `option "${name}" has no title, or no description`);
    }),
  ];
}

function propertyAt(properties: { [name: string]: Property }, path: string): Property | undefined {
  const [first, ...rest] = path.split('.');
  const found = properties[first];
  return rest.length === 0 ? found : propertyAt(found?.properties ?? {}, rest.join('.'));
}
