import { describe, expect, it } from 'vitest';
import type { Session } from '../src/index.ts';
import {
  BROKEN,
  configCases,
  createMemoryConnector,
  createMemoryStore,
  type MemoryStore,
  openMemory,
  sourceCases,
  targetCases,
} from '../src/testing/index.ts';

const read = (store: MemoryStore) => async (object: string) =>
  (store.objects.get(object)?.rows ?? []).map(([id, value]) => `${id}|${value ?? '~'}`);

function harness(open: (store: MemoryStore) => Session) {
  const store = createMemoryStore();
  return { open: async () => open(store), read: read(store) };
}

describe('the reference connector', () => {
  const store = createMemoryStore();
  const fields = [{ name: 'id', type: { kind: 'int64' as const }, native: '', nullable: false, generated: false }];
  store.objects.set('none', { fields, rows: [] });
  store.objects.set('some', { fields, rows: Array.from({ length: 1_234 }, (_, at) => [BigInt(at)]) });
  const tables = [
    { name: 'no rows', object: 'none', ids: [] },
    { name: 'rows', object: 'some', ids: Array.from({ length: 1_234 }, (_, at) => String(at)) },
  ];
  const cases = [
    ...targetCases(harness(openMemory)),
    ...sourceCases({ open: async () => openMemory(store), tables }),
    ...configCases(createMemoryConnector(store) as never, { name: 'a' }, ['name']),
  ];
  for (const { law, name, run } of cases) it(`law ${law}: ${name}`, run);
});

describe('the kit can fail', () => {
  for (const broken of BROKEN) {
    it(`law ${broken.law}: a connector that ${broken.name} is found out`, async () => {
      const cases = targetCases(harness(broken.open)).filter((one) => one.law === broken.law);
      const results = await Promise.allSettled(cases.map((one) => one.run()));
      expect(
        results.some(
          (result) => result.status === 'rejected' && /Assertion/.test(String(result.reason?.name ?? result.reason)),
        ),
      ).toBe(true);
    }, 20_000);
  }
});
