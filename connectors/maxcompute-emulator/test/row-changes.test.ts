import { createClient, createDownload, getTable, readRows, runSql } from '@sampan/maxcompute';
import { describe, expect, it } from 'vitest';
import { ids, independent, rowsOf, texts, useEmulator } from './fixture.ts';

const bench = useEmulator();
const sql = (text: string) => runSql(bench.http, text);
const rows = (text: string) => rowsOf(bench.http, text);
const refused = (statement: string, code: string, message: RegExp) =>
  expect(sql(statement), statement).rejects.toMatchObject({ code, message });
const DELTA = 'TBLPROPERTIES ("transactional"="true")';
const all = (name: string) => rows(`SELECT * FROM ${name} ORDER BY id LIMIT 1000`);

async function created(name: string, ...values: string[]) {
  await sql(`CREATE TABLE ${name} (id BIGINT NOT NULL, name STRING, n INT, PRIMARY KEY (id)) ${DELTA}`);
  for (const one of values) await sql(`INSERT INTO ${name} VALUES ${one}`);
}

describe('Delta tables', () => {
  it('are told as such, with keys that are NOT NULL and a number of buckets', async () => {
    await created('told');
    expect(await getTable(bench.http, 'told')).toMatchObject({ primaryKey: ['id'] });
    const create = (key: string, properties: string) =>
      `CREATE TABLE bad (id BIGINT, a STRING NOT NULL, PRIMARY KEY (${key})) ${properties}`;
    await refused(create('id', DELTA), 'ODPS-0130071', /id of the primary key must be NOT NULL/);
    await refused(create('zz', DELTA), 'ODPS-0130071', /zz/);
    await refused(create('a, a', DELTA), 'ODPS-0130071', /named twice/);
    await refused(create('a', ''), 'ODPS-0130071', /transactional/);
    const buckets = (n: string) => `TBLPROPERTIES ("transactional"="true", "write.bucket.num"="${n}")`;
    for (const n of ['0', '4097', 'x']) await refused(create('a', buckets(n)), 'ODPS-0130071', /write\.bucket\.num/);
    await refused('ALTER TABLE told SET TBLPROPERTIES ("transactional"="false")', 'ODPS-0130071', /created/);
  });

  it('hold one row for each key, whatever is inserted', async () => {
    await created('unique_rows', "(1L, 'a', 1), (2L, 'b', 2), (1L, 'c', 3)", "(2L, 'd', 4), (3L, 'e', 5)");
    expect(await all('unique_rows')).toEqual([
      ['1', 'c', '3'],
      ['2', 'd', '4'],
      ['3', 'e', '5'],
    ]);
    await sql('INSERT INTO unique_rows SELECT id + 1, name, n FROM unique_rows');
    expect((await all('unique_rows')).map(([id, name]) => `${id}${name}`)).toEqual(['1c', '2c', '3d', '4e']);
    await sql("INSERT OVERWRITE TABLE unique_rows VALUES (9L, 'x', 1), (9L, 'y', 2)");
    expect(await all('unique_rows')).toEqual([['9', 'y', '2']]);
    await refused('INSERT INTO unique_rows (name) VALUES (NULL)', 'ODPS-0130071', /NOT NULL/);
  });

  it('hold one row for each key of a partition', async () => {
    await sql(
      `CREATE TABLE by_day (id BIGINT NOT NULL, name STRING, PRIMARY KEY (id)) PARTITIONED BY (pt STRING) ${DELTA}`,
    );
    await sql("INSERT INTO by_day PARTITION (pt) VALUES (1L, 'a', 'x'), (1L, 'b', 'y'), (1L, 'c', 'x')");
    await sql("INSERT INTO by_day PARTITION (pt='y') VALUES (1L, 'd'), (2L, 'e')");
    expect(await rows("SELECT pt, id, name FROM by_day WHERE pt > '' ORDER BY pt, id LIMIT 9")).toEqual([
      ['x', '1', 'c'],
      ['y', '1', 'd'],
      ['y', '2', 'e'],
    ]);
  });

  it('keep what two statements change at the same time', async () => {
    await created('crowd');
    const statements = Array.from(
      { length: 6 },
      (_, at) => `INSERT INTO crowd VALUES (${at}L, 'n${at}', ${at}), (99L, 'x', ${at})`,
    );
    await Promise.all(statements.map(sql));
    expect((await all('crowd')).map(([id]) => id)).toEqual(['0', '1', '2', '3', '4', '5', '99']);
    await Promise.all([0, 1, 2, 3].map((at) => sql(`UPDATE crowd SET n = n + 100 WHERE id = ${at} OR id = 99`)));
    const now = new Map((await all('crowd')).map(([id, , n]) => [id, Number(n)]));
    expect([now.get('0'), now.get('3'), now.get('4')]).toEqual([100, 103, 4]);
    expect(now.get('99')).toBeGreaterThanOrEqual(400);
  });
});

describe('UPDATE', () => {
  it('changes the rows that a condition names, with sub-queries and aliases', async () => {
    await created('up', "(1L, 'a', 1), (2L, 'b', 2)", "(3L, 'c', 3)", "(4L, 'd', NULL)");
    await sql("UPDATE up SET name = concat(name, '!'), n = n * 10 WHERE id >= 2 AND n IS NOT NULL");
    await sql("UPDATE up AS u SET u.name = 'low' WHERE u.id IN (SELECT MIN(id) FROM up)");
    await sql('UPDATE up SET n = NULL WHERE id = 77');
    expect(await all('up')).toEqual([
      ['1', 'low', '1'],
      ['2', 'b!', '20'],
      ['3', 'c!', '30'],
      ['4', 'd', null],
    ]);
    await sql('UPDATE up SET n = 0');
    expect((await all('up')).map(([, , n]) => n)).toEqual(['0', '0', '0', '0']);
  });

  it('refuses keys, NULL where there must be none, and what it cannot resolve', async () => {
    await sql(
      `CREATE TABLE up2 (id BIGINT NOT NULL PRIMARY KEY, must STRING NOT NULL) PARTITIONED BY (pt STRING) ${DELTA}`,
    );
    await sql("INSERT INTO up2 PARTITION (pt='a') VALUES (1L, 'x')");
    await refused('UPDATE up2 SET id = 3', 'ODPS-0130161', /\[1,16\].*part of a key/);
    await refused("UPDATE up2 SET pt = 'b'", 'ODPS-0130161', /part of a key/);
    await refused('UPDATE up2 SET zz = 3', 'ODPS-0130161', /zz/);
    await refused("UPDATE up2 SET must = 'a', must = 'b'", 'ODPS-0130161', /twice/);
    await refused('UPDATE up2 SET must = NULL', 'ODPS-0130071', /NOT NULL/);
    await refused('UPDATE up2 SET must = other', 'ODPS-0130071', /other/);
    await refused('UPDATE nowhere SET a = 1', 'ODPS-0130131', /nowhere/);
    expect(await rows("SELECT * FROM up2 WHERE pt = 'a'")).toEqual([['1', 'x', 'a']]);
  });

  it('works on a transactional table without a key, and on no ordinary one', async () => {
    await sql(`CREATE TABLE keyless (id BIGINT, name STRING) ${DELTA}`);
    await sql("INSERT INTO keyless VALUES (1L, 'a'), (1L, 'a'), (2L, 'b')");
    await sql("UPDATE keyless SET name = 'z' WHERE id = 1");
    await sql('DELETE FROM keyless WHERE id = 2');
    expect(await all('keyless')).toEqual([
      ['1', 'z'],
      ['1', 'z'],
    ]);
    await sql('CREATE TABLE plain (id BIGINT)');
    for (const statement of [
      'UPDATE plain SET id = 1',
      'DELETE FROM plain',
      'MERGE INTO plain AS t USING plain AS s ON t.id = s.id WHEN MATCHED THEN DELETE',
    ])
      await refused(statement, 'ODPS-0130071', /plain is not transactional/);
  });

  it('keeps the nanoseconds of the columns that it does not set', async () => {
    await sql(`CREATE TABLE fine (id BIGINT NOT NULL PRIMARY KEY, t TIMESTAMP, u TIMESTAMP, name STRING) ${DELTA}`);
    const { table } = createClient({
      endpoint: bench.emulator.endpoint,
      project: 'demo',
      accessId: 'demo',
      accessKey: 'demo',
    });
    const upsert = await table('fine').upsert();
    const stamps = { length: 2, values: BigInt64Array.of(5n, 6n), subMicros: Uint16Array.of(7, 8) };
    await upsert.write([ids(1n, 2n), stamps, stamps, texts(['a', 'b'])], 2);
    await upsert.commit();
    await sql("UPDATE fine SET name = 'c', u = TIMESTAMP '1970-01-02 00:00:00' WHERE id = 2");
    expect((await independent(bench.folder, 'fine', 'id, t__nanos, u__nanos, name')).sort()).toEqual([
      ['1', 7, 7, 'a'],
      ['2', 8, null, 'c'],
    ]);
  });
});

describe('DELETE', () => {
  it('removes rows, also of partitions, and all of them', async () => {
    await sql(`CREATE TABLE del (id BIGINT NOT NULL PRIMARY KEY) PARTITIONED BY (pt STRING) ${DELTA}`);
    await sql("INSERT INTO del PARTITION (pt) VALUES (1L, 'a'), (2L, 'a'), (1L, 'b'), (2L, 'b')");
    await sql("DELETE FROM del WHERE pt = 'a' AND id = 1");
    await sql("DELETE FROM demo.del AS d WHERE d.id = 2 AND EXISTS (SELECT 1 FROM del e WHERE e.pt = 'b')");
    expect(await rows("SELECT id, pt FROM del WHERE pt > ''")).toEqual([['1', 'b']]);
    await sql('DELETE FROM del');
    expect(await rows("SELECT COUNT(*) FROM del WHERE pt > ''")).toEqual([['0']]);
    expect((await getTable(bench.http, 'del'))?.rows).toBe(0);
    await sql("INSERT INTO del PARTITION (pt='a') VALUES (7L)");
    expect(await rows("SELECT id FROM del WHERE pt = 'a'")).toEqual([['7']]);
  });

  it('leaves those undisturbed who are reading', async () => {
    await created('read_on', "(1L, 'a', 1), (2L, 'b', 2)");
    const of = { table: 'read_on', partition: [] };
    const session = await createDownload(bench.http, of);
    await sql('DELETE FROM read_on WHERE id = 1');
    let seen = 0;
    for await (const batch of readRows(bench.http, of, session, 0, session.rows)) seen += batch.rows;
    expect(seen).toBe(2);
    expect(await all('read_on')).toEqual([['2', 'b', '2']]);
  });
});

describe('MERGE INTO', () => {
  it('updates, deletes and inserts in one step; the first WHEN that holds counts', async () => {
    await created('goal', "(1L, 'a', 1), (2L, 'b', 2), (3L, 'c', 3), (4L, 'd', 4)");
    await sql('CREATE TABLE news (id BIGINT, name STRING, n INT)');
    await sql("INSERT INTO news VALUES (2L, 'B', 20), (3L, NULL, -1), (5L, 'e', 5), (6L, 'f', -6)");
    await sql(`MERGE INTO goal AS t USING (SELECT * FROM news) AS s ON s.id = t.id
      WHEN MATCHED AND s.n < 0 THEN DELETE
      WHEN MATCHED THEN UPDATE SET t.name = s.name, n = t.n + s.n
      WHEN NOT MATCHED AND s.n > 0 THEN INSERT VALUES (s.id, s.name, s.n)`);
    expect(await all('goal')).toEqual([
      ['1', 'a', '1'],
      ['2', 'B', '22'],
      ['4', 'd', '4'],
      ['5', 'e', '5'],
    ]);
    await sql(
      "MERGE INTO goal t USING news s ON t.id = s.id AND s.n > 0 WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, 'new')",
    );
    expect((await all('goal')).map((row) => row.join())).toEqual([
      '1,a,1',
      '2,B,22',
      '3,new,',
      '4,d,4',
      '5,e,5',
      '6,new,',
    ]);
  });

  it('puts new rows into their partitions, and never a key there twice', async () => {
    await sql(`CREATE TABLE goal2 (id BIGINT NOT NULL PRIMARY KEY, name STRING) PARTITIONED BY (pt STRING) ${DELTA}`);
    await sql("INSERT INTO goal2 PARTITION (pt) VALUES (1L, 'a', 'x'), (1L, 'b', 'y')");
    await sql(
      "MERGE INTO goal2 t USING (SELECT 1L AS id, 'n' AS name UNION ALL SELECT 2L, 'm') s ON t.id = s.id + 100 WHEN NOT MATCHED THEN INSERT VALUES (s.id, s.name, 'x')",
    );
    expect(await rows("SELECT pt, id, name FROM goal2 WHERE pt > '' ORDER BY pt, id LIMIT 9")).toEqual([
      ['x', '1', 'n'],
      ['x', '2', 'm'],
      ['y', '1', 'b'],
    ]);
  });

  it('refuses a row that is matched twice, and what does not fit together', async () => {
    await created('goal3', "(1L, 'a', 1)");
    await sql('CREATE TABLE twice (id BIGINT)');
    await sql('INSERT INTO twice VALUES (1L), (1L)');
    const merge = (rest: string) => `MERGE INTO goal3 t USING twice s ON t.id = s.id ${rest}`;
    await refused(merge("WHEN MATCHED THEN UPDATE SET name = 'x'"), 'ODPS-0130071', /several rows/);
    await refused(merge('WHEN MATCHED THEN UPDATE SET id = 5'), 'ODPS-0130161', /part of a key/);
    await refused(merge('WHEN NOT MATCHED THEN DELETE'), 'ODPS-0130161', /INSERT/);
    await refused(merge('WHEN NOT MATCHED THEN INSERT VALUES (s.id)'), 'ODPS-0130161', /3 are needed/);
    await refused(merge('WHEN NOT MATCHED THEN INSERT (id, zz) VALUES (1, 2)'), 'ODPS-0130161', /zz/);
    await refused(merge(''), 'ODPS-0130161', /when/);
    expect(await all('goal3')).toEqual([['1', 'a', '1']]);
  });
});
