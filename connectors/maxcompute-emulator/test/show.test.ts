import { getTable, runSql } from '@sampan/maxcompute';
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
