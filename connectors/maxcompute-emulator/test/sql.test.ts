import { getProject, getTable, listTables, runSql } from '@sampan/maxcompute';
import { beforeAll, describe, expect, it } from 'vitest';
import { client, count, raw, rowsOf, useEmulator } from './fixture.ts';

const bench = useEmulator({ sqlDelayMs: 30 });
const rows = (statement: string) => rowsOf(bench.http, statement);
const sql = (statement: string) => runSql(bench.http, statement);
const refused = (statement: string, code: string) => expect(sql(statement), statement).rejects.toMatchObject({ code });

describe('tables', () => {
  it('are created with all clauses, listed, described, changed and dropped', async () => {
    await sql(
      "CREATE TABLE IF NOT EXISTS demo.default.`T1` (`id` BIGINT NOT NULL COMMENT 'the ''id', name string, amount decimal(18,4), PRIMARY KEY (`id`)) COMMENT 'a; table' PARTITIONED BY (pt STRING COMMENT 'day') TBLPROPERTIES ('transactional'='true') LIFECYCLE 7;".replace(
        "''",
        "\\'",
      ),
    );
    const table = await getTable(bench.http, 't1');
    expect(table).toMatchObject({ name: 't1', comment: 'a; table', lifecycle: 7, primaryKey: ['id'] });
    expect(table?.columns.map((column) => [column.name, column.type, column.nullable, column.comment])).toEqual([
      ['id', { kind: 'bigint' }, false, "the 'id"],
      ['name', { kind: 'string' }, true, ''],
      ['amount', { kind: 'decimal', precision: 18, scale: 4 }, true, ''],
    ]);
    expect(table?.partitionColumns.map((column) => column.name)).toEqual(['pt']);
    await sql('CREATE TABLE t10 (a INT)');
    await sql('CREATE TABLE other (a INT)');
    const names: string[] = [];
    for await (const name of listTables(bench.http, 'T1')) names.push(name);
    expect(names).toEqual(['t1', 't10']);
    const page = await raw(bench.http, bench.emulator.endpoint, 'GET', '/projects/demo/tables', {
      maxitems: '2',
      expectmarker: 'true',
    });
    const marker = /<Marker>(.+?)<\/Marker>/.exec(page.body)?.[1] ?? '';
    expect(
      (await raw(bench.http, bench.emulator.endpoint, 'GET', '/projects/demo/tables', { maxitems: '2', marker })).body,
    ).toContain('<Marker></Marker>');
    await sql('ALTER TABLE t1 SET LIFECYCLE 30');
    await sql("ALTER TABLE t1 SET COMMENT 'new'");
    await sql('ALTER TABLE t1 RENAME TO t2');
    expect(await getTable(bench.http, 't2')).toMatchObject({ name: 't2', lifecycle: 30, comment: 'new' });
    await refused('CREATE TABLE t2 (a INT)', 'ODPS-0110061');
    await sql('DROP TABLE t2');
    expect(await getTable(bench.http, 't2')).toBeUndefined();
    await refused('DROP TABLE t2', 'ODPS-0130131');
    await sql('DROP TABLE IF EXISTS t2');
  });

  it('have partitions that are added, shown, truncated and dropped', async () => {
    await sql('CREATE TABLE days (id INT) PARTITIONED BY (pt STRING, hh STRING)');
    await sql("ALTER TABLE days ADD PARTITION (pt='1', hh='01')");
    await refused("ALTER TABLE days ADD PARTITION (pt='1', hh='01')", 'ODPS-0110061');
    await sql("ALTER TABLE days ADD IF NOT EXISTS PARTITION (pt='1', hh='01')");
    await refused("ALTER TABLE days ADD PARTITION (pt='1')", 'TaskFailed');
    await sql("INSERT INTO TABLE days PARTITION (pt='1', hh) SELECT 1, '01' UNION ALL SELECT 2, '02'");
    expect(await rows("SELECT id, hh FROM days WHERE pt = '1' ORDER BY id LIMIT 9")).toEqual([
      ['1', '01'],
      ['2', '02'],
    ]);
    await sql("INSERT OVERWRITE TABLE days PARTITION (pt, hh) VALUES (3, '1', '02')");
    await sql("TRUNCATE TABLE days PARTITION (pt='1', hh='01')");
    expect(await rows("SELECT id, hh FROM days WHERE pt = '1'")).toEqual([['3', '02']]);
    await refused('TRUNCATE TABLE days', 'ODPS-0130071');
    await sql("ALTER TABLE days DROP PARTITION (pt='1', hh='02')");
    await refused("ALTER TABLE days DROP PARTITION (pt='1', hh='02')", 'ODPS-0110061');
    await sql("ALTER TABLE days DROP IF EXISTS PARTITION (pt='1', hh='02')");
  });

  it('that are partitioned are not scanned whole by accident', async () => {
    await sql('CREATE TABLE scan (id INT) PARTITIONED BY (pt STRING)');
    await refused('SELECT COUNT(*) FROM scan', 'ODPS-0130071');
    await refused('SELECT id FROM scan WHERE id = 1', 'ODPS-0130071');
    expect(await rows("SELECT COUNT(*) FROM scan s WHERE s.pt >= '0'")).toEqual([['0']]);
    expect(await rows('SET odps.sql.allow.fullscan=true; SELECT COUNT(*) FROM scan')).toEqual([['0']]);
  });
});

describe('queries', () => {
  beforeAll(async () => {
    await sql('CREATE TABLE sales (id BIGINT, shop STRING, price DECIMAL(10,2), at DATETIME, note STRING)');
    await sql(
      "INSERT INTO sales VALUES (1, 'a', 1.10, DATETIME '2026-03-01 12:00:00', 'x%y'), (2, 'a', 2.20, NULL, NULL), (3, 'b', 3.30, '2026-03-02 00:00:00', 'x_y')",
    );
    await sql('CREATE TABLE shops (shop STRING, town STRING)');
    await sql("INSERT INTO shops (town, shop) VALUES ('Ulm', 'a'), ('Bonn', 'c')");
  });

  it('give what they say', async () => {
    expect(
      await rows(
        'SELECT shop, COUNT(1) AS n, SUM(price), MIN(id), MAX(id), AVG(id) FROM sales GROUP BY shop HAVING COUNT(1) > 0 ORDER BY shop DESC LIMIT 5',
      ),
    ).toEqual([
      ['b', '1', '3.30', '3', '3', '3.0'],
      ['a', '2', '3.30', '1', '2', '1.5'],
    ]);
    expect(
      await rows(
        'SELECT s.id, h.town FROM sales s LEFT OUTER JOIN demo.shops h ON s.shop = h.shop ORDER BY s.id LIMIT 9',
      ),
    ).toEqual([
      ['1', 'Ulm'],
      ['2', 'Ulm'],
      ['3', null],
    ]);
    expect(await rows('WITH t AS (SELECT id FROM sales WHERE id IN (1, 3)) SELECT COUNT(*) FROM t')).toEqual([['2']]);
    expect(await rows('SELECT id FROM sales WHERE shop IN (SELECT shop FROM shops) AND NOT id = 1')).toEqual([['2']]);
    expect(
      await rows(
        "SELECT id, CASE WHEN price BETWEEN 2 AND 3 THEN 'mid' ELSE 'other' END c FROM sales ORDER BY id LIMIT 1, 1",
      ),
    ).toEqual([['2', 'mid']]);
    expect(
      await rows('SELECT id, ROW_NUMBER() OVER (PARTITION BY shop ORDER BY id DESC) FROM sales ORDER BY id LIMIT 9'),
    ).toEqual([
      ['1', '2'],
      ['2', '1'],
      ['3', '1'],
    ]);
    expect(await rows('SELECT DISTINCT shop FROM sales UNION SELECT shop FROM shops ORDER BY shop LIMIT 9')).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ]);
  });

  it('mean what MaxCompute means where DuckDB means something else', async () => {
    expect(await rows('SELECT note FROM sales ORDER BY note LIMIT 1')).toEqual([[null]]);
    expect(
      await rows(
        "SELECT CONCAT('a', NULL), 7 / 2, 7 DIV 2, 1 / 0, CAST(1.9 AS BIGINT), CAST(-1.9 AS INT), CEIL(1.2), SUBSTR('hello', 2, 3)",
      ),
    ).toEqual([[null, '3.5', '3', null, '1', '-1', '2', 'ell']]);
    expect(await rows(String.raw`SELECT id FROM sales WHERE note LIKE 'x\_y'`)).toEqual([['3']]);
    expect(await rows('SELECT at, CAST(at AS STRING) FROM sales WHERE id = 1')).toEqual([
      ['2026-03-01 12:00:00', '2026-03-01 12:00:00'],
    ]);
    expect(await rows('SET odps.sql.timezone=Asia/Shanghai; SELECT at FROM sales WHERE id = 1')).toEqual([
      ['2026-03-01 20:00:00'],
    ]);
    expect(await rows(String.raw`SELECT 'it\'s', "a \"b\"", 'x\\y', NULL, '' -- a comment`)).toEqual([
      ["it's", 'a "b"', 'x\\y', null, ''],
    ]);
  });

  it('that are not understood are refused, never answered wrongly', async () => {
    for (const statement of [
      'MERGE INTO a USING b ON 1 = 1',
      "SELECT read_text('/etc/passwd')",
      "SELECT * FROM read_parquet('x')",
      "SELECT * FROM '/etc/passwd'",
      'SELECT getdate()',
      'SELECT greatest(1, NULL)',
      'SELECT 1 FROM sales; DROP TABLE sales',
      "SELECT 'open",
      'SELECT 1 +',
      'CREATE TABLE bad (a WIDGET)',
      'CREATE TABLE bad (a ARRAY<WIDGET>)',
      'CREATE TABLE bad (a INT DEFAULT 5)',
      'SELECT COUNT(DISTINCT id, shop) FROM sales',
      'COPY sales TO x',
      '',
    ]) {
      await refused(statement, 'ODPS-0130161');
    }
    for (const statement of [
      'SELECT nope FROM sales',
      'INSERT INTO sales SELECT 1',
      'INSERT INTO sales (id, nope) VALUES (1, 2)',
      "INSERT INTO sales (id) VALUES ('x')",
      'CREATE TABLE bad (a INT, A STRING)',
    ]) {
      await refused(statement, 'ODPS-0130071');
    }
    await refused('SELECT * FROM nowhere', 'ODPS-0130131');
    await refused('SELECT * FROM other_project.sales', 'ODPS-0420111');
    await expect(sql('SELECT id\nFROM sales WHERE ?')).rejects.toThrow('[2,18]');
    expect(await count(bench.http, 'sales')).toBe(3);
  });
});

describe('instances', () => {
  const submit = (query: string, guid = '') =>
    raw(
      bench.http,
      bench.emulator.endpoint,
      'POST',
      '/projects/demo/instances',
      {},
      `<Instance><Job>${guid && `<Guid>${guid}</Guid>`}<Tasks><SQL><Name>t</Name><Query><![CDATA[${query}]]></Query></SQL></Tasks></Job></Instance>`,
      { 'content-type': 'application/xml' },
    );
  const show = async (location: unknown, query: { [name: string]: string } = {}) =>
    (
      await raw(
        bench.http,
        bench.emulator.endpoint,
        'GET',
        new URL(String(location)).pathname.replace('/api', ''),
        query,
      )
    ).body;
  const ended = async (location: unknown) => {
    let status = '';
    while (!status.includes('Terminated')) status = await show(location, { taskstatus: '' });
    return status;
  };

  it('run once for a Guid, are Running first, and give Base64', async () => {
    await sql('CREATE TABLE once (id INT)');
    const [first, second] = [
      await submit('INSERT INTO once VALUES (1)', 'g1'),
      await submit('INSERT INTO once VALUES (1)', 'g1'),
    ];
    expect([first.status, first.body]).toEqual([201, '']);
    expect(second.headers.location).toBe(first.headers.location);
    expect(await show(first.headers.location)).toContain('<Status>Running</Status>');
    expect(await ended(first.headers.location)).toContain('<Status>Success</Status>');
    const { headers } = await submit("SELECT id, 'x' AS b FROM once");
    await ended(headers.location);
    const result = await show(headers.location, { result: '' });
    expect(Buffer.from(/CDATA\[([\w+/=]+)\]\]><\/Result>/.exec(result)?.[1] ?? '', 'base64').toString()).toBe(
      '"id","b"\n"1","x"\n',
    );
  });

  it('that are stopped change nothing', async () => {
    const { headers } = await submit('INSERT INTO once VALUES (2)');
    const path = new URL(String(headers.location)).pathname.replace('/api', '');
    const stop = () =>
      raw(bench.http, bench.emulator.endpoint, 'PUT', path, {}, '<Instance><Status>Terminated</Status></Instance>', {
        'content-type': 'application/xml',
      });
    expect((await stop()).status).toBe(200);
    expect(await ended(headers.location)).toContain('<Status>Cancelled</Status>');
    expect((await stop()).body).toContain('InvalidStateSetting');
    expect(await count(bench.http, 'once')).toBe(1);
  });
});

describe('access', () => {
  it('is refused to a wrong key, id, project, clock, each by its code', async () => {
    const { endpoint } = bench.emulator;
    await expect(getProject(client(endpoint, { accessKey: 'wrong' }))).rejects.toMatchObject({
      code: 'ODPS-0410042',
      status: 401,
    });
    await expect(getProject(client(endpoint, { accessId: 'nobody' }))).rejects.toMatchObject({
      code: 'ODPS-0410051',
      status: 401,
    });
    await expect(getProject(client(endpoint, { project: 'other' }))).rejects.toMatchObject({
      code: 'NoSuchProject',
      status: 404,
    });
    expect(await getProject(client(endpoint, { region: 'cn-hangzhou' }))).toMatchObject({ name: 'demo' });
    await expect(getProject(client(endpoint, { region: 'cn-hangzhou', accessKey: 'wrong' }))).rejects.toMatchObject({
      code: 'ODPS-0410042',
    });
    const unsigned = await fetch(`${bench.emulator.url}/projects/demo`);
    expect([unsigned.status, unsigned.headers.get('x-odps-request-id')]).toEqual([
      401,
      expect.stringMatching(/^\w{20,}$/),
    ]);
    for (const [path, status] of [
      ['/tenants', 404],
      ['/projects/demo/nothing', 404],
      ['/projects/demo/tables/sales/streams', 404],
      ['/projects/demo/tables/sales/nothing', 501],
    ] as const) {
      expect((await raw(bench.http, endpoint, 'GET', path, {})).status, path).toBe(status);
    }
    expect((await raw(bench.http, bench.emulator.url, 'GET', '/projects/demo/tunnel', { service: '' })).body).toBe(
      new URL(endpoint).host,
    );
  });

  it('shows people what is there', async () => {
    const page = await (await fetch(bench.emulator.url)).text();
    expect(page).toContain('<td class="s">sales</td><td class="n">3</td>');
    const found = await (await fetch(`${bench.emulator.url}/?find=%3Cscript%3E`)).text();
    expect(found).toContain('None with this name.');
    expect(found).not.toContain('<script>');
    expect((await fetch(`${bench.emulator.url}/__faults`)).status).not.toBe(200);
  });
});
