import { getTable, runSql, typeText } from '@sampan/maxcompute';
import { expect, it } from 'vitest';
import { useEmulator } from './fixture.ts';

const bench = useEmulator();
const sql = (statement: string) => runSql(bench.http, statement);

it('SHOW CREATE TABLE gives the statement that makes the same table again', async () => {
  await sql(
    `CREATE TABLE made (\`id\` BIGINT NOT NULL COMMENT 'it''s', s STRUCT<a:INT,\`odd name\`:ARRAY<STRING>>, d DECIMAL(10,2),
    PRIMARY KEY (id)) COMMENT 'a \\'quoted\\' \\\\ one' PARTITIONED BY (pt STRING COMMENT 'day', hh INT)
    TBLPROPERTIES ("transactional"="true") LIFECYCLE 7`.replace("'it''s'", `"it's"`),
  );
  const before = (await getTable(bench.http, 'made'))!;
  const { text } = await sql('SHOW CREATE TABLE made');
  await sql('DROP TABLE made');
  await sql(text);
  const after = (await getTable(bench.http, 'made'))!;
  const shape = ({ columns, partitionColumns, comment, lifecycle, primaryKey }: typeof before) => ({
    columns,
    partitionColumns,
    comment,
    lifecycle,
    primaryKey,
  });
  expect(shape(after)).toEqual(shape(before));
  expect(before.comment).toBe("a 'quoted' \\ one");
  expect(before.columns[0].comment).toBe("it's");
});

it('SHOW PARTITIONS and DESC tell of all, or of those that are named', async () => {
  await sql("CREATE TABLE parts (id BIGINT COMMENT 'which') COMMENT 'of sales' PARTITIONED BY (pt STRING, hh STRING)");
  await sql("INSERT INTO parts PARTITION (pt='a', hh='1') VALUES (1), (2)");
  await sql("ALTER TABLE parts ADD PARTITION (pt='a', hh='2') PARTITION (pt='b', hh='1')");
  expect((await sql('SHOW PARTITIONS parts')).text).toBe('pt=a/hh=1\npt=a/hh=2\npt=b/hh=1\n');
  expect((await sql("SHOW PARTITIONS parts PARTITION (pt='a')")).text).toBe('pt=a/hh=1\npt=a/hh=2\n');
  const { text } = await sql('DESC EXTENDED parts');
  for (const part of [
    'TableComment: of sales',
    '| id | bigint | true | which',
    'Partition Columns',
    '| pt | string',
    'RecordNum: 2',
  ])
    expect(text).toContain(part);
  expect((await sql("DESC parts PARTITION (pt='a', hh='1')")).text).toContain('PartitionRecordNum: 2');
  await expect(sql("DESC parts PARTITION (pt='z', hh='1')")).rejects.toThrow('pt=z');
  await expect(sql('DESC nowhere')).rejects.toMatchObject({ code: 'ODPS-0130131' });
});

it('CREATE TABLE LIKE takes the shape, CREATE TABLE AS the rows and the types that are sure', async () => {
  await sql(
    "CREATE TABLE source (id BIGINT NOT NULL, v VARCHAR(9), t TIMESTAMP, d DATETIME, a ARRAY<INT>) COMMENT 'c' PARTITIONED BY (pt STRING) LIFECYCLE 3",
  );
  await sql(
    "INSERT INTO source PARTITION (pt='x') VALUES (1, 'one', TIMESTAMP '2026-03-01 00:00:00.000001', DATETIME '2026-03-01 12:00:00', ARRAY(1))",
  );
  const shape = async (table: string) => {
    const { columns, partitionColumns, lifecycle } = (await getTable(bench.http, table))!;
    return {
      columns: columns.map(({ name, type }) => `${name} ${typeText(type)}`),
      keys: partitionColumns.length,
      lifecycle,
    };
  };
  await sql('CREATE TABLE alike LIKE source');
  expect(await shape('alike')).toEqual({ ...(await shape('source')), lifecycle: null });
  await sql(
    "CREATE TABLE taken LIFECYCLE 9 AS SELECT s.id, v, t, d, a, pt, COUNT(*) OVER () AS n FROM source s WHERE pt = 'x'",
  );
  expect(await shape('taken')).toEqual({
    columns: ['id BIGINT', 'v VARCHAR(9)', 't TIMESTAMP', 'd DATETIME', 'a ARRAY<INT>', 'pt STRING', 'n BIGINT'],
    keys: 0,
    lifecycle: 9,
  });
  expect((await sql('SELECT * FROM taken')).rows).toEqual([
    ['1', 'one', '2026-03-01 00:00:00.000001', '2026-03-01 12:00:00', '[1]', 'x', '1'],
  ]);
  await sql("CREATE TABLE whole AS SELECT * FROM source WHERE pt = 'x'");
  expect((await shape('whole')).columns.slice(0, 4)).toEqual([
    'id BIGINT',
    'v VARCHAR(9)',
    't TIMESTAMP',
    'd DATETIME',
  ]);
  await sql('CREATE TABLE none AS SELECT id FROM taken WHERE id > 5');
  expect((await sql('SELECT COUNT(*) FROM none')).rows).toEqual([['0']]);
  await sql('CREATE TABLE IF NOT EXISTS none AS SELECT 1 AS other');
  for (const [statement, why] of [
    ['CREATE TABLE none AS SELECT 1 AS x', /exists/],
    ["CREATE TABLE odd AS SELECT DATEADD(t, 1, 'dd') AS t FROM taken", /DATETIME or TIMESTAMP/],
    ['CREATE TABLE odd AS SELECT 1 AS x, 2 AS x', /x/],
    ['CREATE TABLE odd AS SELECT nope FROM taken', /nope/],
  ] as const)
    await expect(sql(statement), statement).rejects.toThrow(why);
  expect(await getTable(bench.http, 'odd')).toBeUndefined();
});

it('ALTER TABLE changes the comment of a column, lets it be NULL, and touches', async () => {
  await sql("CREATE TABLE changing (id BIGINT NOT NULL COMMENT 'old', v STRING) PARTITIONED BY (pt STRING)");
  await sql("ALTER TABLE changing CHANGE COLUMN id COMMENT 'new'");
  await sql("ALTER TABLE changing CHANGE COLUMN pt COMMENT 'day'");
  await sql('ALTER TABLE changing CHANGE COLUMN id NULL');
  await sql('ALTER TABLE changing TOUCH');
  const { columns, partitionColumns } = (await getTable(bench.http, 'changing'))!;
  expect([columns[0].comment, columns[0].nullable, partitionColumns[0].comment]).toEqual(['new', true, 'day']);
  for (const statement of [
    'ALTER TABLE changing CHANGE COLUMN id renamed BIGINT',
    "ALTER TABLE changing CHANGE COLUMN nope COMMENT 'x'",
    'ALTER TABLE changing DROP COLUMNS (v)',
  ])
    await expect(sql(statement), statement).rejects.toMatchObject({ code: 'ODPS-0130161' });
});
