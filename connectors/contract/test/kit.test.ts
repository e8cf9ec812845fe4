import { describe, expect, it } from 'vitest';
import { type Cell, cellText, columnOf, type Field, type LogicalType, type Session } from '../src/index.ts';
import {
  BROKEN,
  configCases,
  createMemoryConnector,
  createMemoryStore,
  type KitTable,
  type MemoryStore,
  openBroken,
  openMemory,
  openMemoryLine,
  type SourceHarness,
  sessionCases,
  sourceCases,
  type TargetHarness,
  targetCases,
} from '../src/testing/index.ts';

type Table = KitTable & { type: LogicalType; cells: Cell[]; more?: Cell[] };

const INT: LogicalType = { kind: 'int64' };
const TEXT: LogicalType = { kind: 'utf8' };

const table = (kind: KitTable['kind'], type: LogicalType, cells: Cell[], more?: Cell[]): Table => ({
  kind,
  object: kind.replaceAll(' ', '_'),
  type,
  cells,
  ids: cells.map((value) => cellText(columnOf(type, [value]), type, 0) ?? '~'),
  ...(more === undefined ? {} : { more }),
});

const count = (rows: number) => Array.from({ length: rows }, (_, at) => BigInt(at));

const TABLES: Table[] = [
  table('no rows', INT, []),
  table('whole numbers', INT, count(1_234)),
  table('sparse and negative', INT, [-(2n ** 63n), -5n, 0n, 7n, 2n ** 63n - 1n]),
  table('text without regard to case', TEXT, ['a', 'A', 'b', 'B', '', 'ä']),
  table('decimal', { kind: 'decimal', precision: 6, scale: 2 }, ['-1.50', '0.00', '0.01', '99.99']),
  table('date', { kind: 'date' }, [-719_162, 0, 2_932_896]),
  table(
    'composite',
    INT,
    count(300),
    count(300).map((at) => at % 7n),
  ),
  table('NULLs', INT, [null, 1n, null, 2n, null]),
  table('duplicates', INT, [1n, 1n, 1n, 2n, 2n]),
  table('no key', INT, [1n, 2n, 3n, 3n]),
];

const field = (name: string, type: LogicalType): Field => ({
  name,
  type,
  native: '',
  nullable: true,
  generated: false,
});

/** A store with the tables of the source's cases; those of megabytes only where they are asked for. */
function filled(large: boolean): MemoryStore {
  const store = createMemoryStore();
  for (const { object, type, cells, more } of TABLES)
    store.objects.set(object, {
      fields: [field('id', type), ...(more === undefined ? [] : [field('b', INT)])],
      rows: cells.map((value, at) => [value, ...(more === undefined ? [] : [more[at]])]),
    });
  const wide = (object: string, rows: number, size: number) =>
    store.objects.set(object, {
      fields: [field('id', INT), field('v', TEXT)],
      rows: count(large ? rows : 1).map((id) => [id, String(id).padStart(size, 'x')]),
    });
  wide('many', 200_000, 250);
  wide('wide', 52, 1 << 20);
  return store;
}

type Change = (session: Session, store: MemoryStore) => Session;

function targetHarness(store: MemoryStore, broken?: (typeof BROKEN)[number]): TargetHarness {
  return {
    open: async () => (broken === undefined ? openMemory(store) : openBroken(broken, store)),
    line: () => openMemoryLine(store, broken?.change),
    read: async (object, type) =>
      (store.objects.get(object)?.rows ?? []).map(
        ([id, value]) => `${id}|${cellText(columnOf(type, [value]), type, 0) ?? '~'}`,
      ),
    refuses: {},
    staged: async () => [...store.staged].filter(([, run]) => run.slots.size > 0).map(([instance]) => instance),
    sockets: () => 0,
  };
}

function sourceHarness(store: MemoryStore, change: Change = (session) => session): SourceHarness {
  return {
    open: async () => change(openMemory(store), store),
    tables: TABLES,
    large: {
      many: { object: 'many', rows: 200_000, bytes: 50_000_000 + 200_000 * 12 },
      wide: { object: 'wide', rows: 52, bytes: 52 * 2 ** 20 },
    },
    taken: () => store.taken,
    sockets: () => 0,
  };
}

describe('the reference connector', () => {
  const store = filled(true);
  const cases = [
    ...targetCases(targetHarness(createMemoryStore())),
    ...sourceCases(sourceHarness(store)),
    ...sessionCases({ open: async () => openMemory(store), wrong: [], secrets: [] }),
    ...configCases(createMemoryConnector(store) as never, { name: 'a' }, ['name']),
  ];
  for (const { law, name, run } of cases) it(`law ${law}: ${name}`, run);
  it('is held to every law', () => {
    expect([...new Set(cases.map(({ law }) => law))].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('the kit can fail', () => {
  it('for each law', () => {
    expect([...new Set(BROKEN.map(({ law }) => law))].sort()).toEqual([1, 2, 3, 4, 5, 6, 7, 9]);
  });

  for (const broken of BROKEN) {
    it(`law ${broken.law}: a connector that ${broken.name} is found out`, async () => {
      const large = filled(broken.law === 6 || broken.law === 4);
      const cases = [
        ...targetCases(targetHarness(createMemoryStore(), broken)),
        ...sourceCases(sourceHarness(large, broken.change as Change)),
      ].filter((one) => one.law === broken.law && one.name.includes(broken.finds));
      expect(cases).not.toEqual([]);
      const results = await Promise.allSettled(cases.map((one) => one.run()));
      const failures = results.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
      // An error of the contract: what a sound connector has to do was refused.
      expect(failures.map((reason) => String(reason?.name ?? reason))).toContainEqual(
        expect.stringMatching(/^(Assertion|Connector)Error$/),
      );
    }, 60_000);
  }

  const options = createMemoryConnector(createMemoryStore());
  const wrong: [string, (given: { [name: string]: unknown }) => { name: string }][] = [
    ['takes options without what is needed', (given) => ({ name: String(given.name) })],
    [
      'does not name what is missing',
      (given) => {
        if (typeof given.name === 'string') return options.config.parse(given);
        throw Object.assign(new Error('Something is missing.'), {
          name: 'ConnectorError',
          kind: 'config',
          code: 'BAD',
          hint: 'Look.',
          retryAfterMs: null,
        });
      },
    ],
  ];
  for (const [name, parse] of wrong) {
    it(`law 8: a connector that ${name} is found out`, async () => {
      const config = {
        ...options.config,
        parse: (given: unknown) => parse((given ?? {}) as { [name: string]: unknown }),
      };
      const cases = configCases({ config } as never, { name: 'a' }, ['name']).filter((one) =>
        one.name.includes('needed'),
      );
      expect(cases).toHaveLength(1);
      await expect(cases[0].run()).rejects.toMatchObject({ name: 'AssertionError' });
    });
  }
});
