import { describe, expect, it } from 'vitest';
import {
  alterTableSql,
  attributeOf,
  createSchemaSql,
  createTableSql,
  dropSchemaSql,
  dropTableSql,
  elements,
  escapeXml,
  getPartition,
  type OdpsType,
  parseType,
  textOf,
  truncateTableSql,
  tunnelEndpoint,
  typeText,
  unescapeXml,
} from '../src/index.ts';
import { inTurn, json, service } from './service.ts';

const all = async <T>(list: AsyncGenerator<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const one of list) found.push(one);
  return found;
};

const schema = {
  tableName: 't',
  comment: 'about <t>',
  lifecycle: -1,
  recordNum: 5,
  size: 100,
  columns: [
    { name: 'id', type: 'BIGINT', isNullable: false },
    { name: 'v', type: 'vector<3>', comment: 'new' },
  ],
  partitionKeys: [{ name: 'pt', type: 'string' }],
  Reserved: '{"Transactional":"true","PrimaryKey":["id"]}',
};

describe('a table', () => {
  it.each([
    ['CDATA', `<![CDATA[${JSON.stringify(schema)}]]>`],
    ['escaped', escapeXml(JSON.stringify(schema))],
  ])('is described (%s)', async (_, text) => {
    const { client, got } = await service(
      json(200, `<Table><Name>t</Name><Schema format="Json">${text}</Schema></Table>`),
    );
    expect(await client.table('T').get()).toMatchObject({
      name: 't',
      type: 'MANAGED_TABLE',
      isTransactional: true,
      extended: null,
      comment: 'about <t>',
      isView: false,
      columns: [
        { name: 'id', type: { kind: 'bigint' }, comment: '', nullable: false },
        { name: 'v', type: { kind: 'unknown', text: 'vector<3>' }, comment: 'new', nullable: true },
      ],
      partitionColumns: [{ name: 'pt', type: { kind: 'string' }, comment: '', nullable: true }],
      primaryKey: ['id'],
      lifecycle: null,
      rows: 5,
      bytes: 100,
    });
    expect(got[0].path).toBe('/api/projects/proj/tables/t');
  });

  it('that is not there is undefined, and a project that is not there an error', async () => {
    const absent = '<Error><Code>NoSuchObject</Code><Message>ODPS-0130131:Table not found</Message></Error>';
    const { client } = await service(
      inTurn(json(404, absent), json(404, ''), json(404, absent.replace('0130131', '0420111'))),
    );
    expect(await client.table('t').get()).toBeUndefined();
    expect(await client.table('t').exists()).toBe(false);
    await expect(client.table('t').get()).rejects.toMatchObject({ kind: 'missing' });
  });

  it('is described in full: times, clustering, a view, files where they are asked for', async () => {
    const more = {
      ...schema,
      owner: 'ALIYUN$me',
      createTime: 1_700_000_000,
      lastModifiedTime: 1_700_000_060,
      lastAccessTime: 0,
      lifecycle: 30,
      PhysicalSize: 300,
      FileNum: 3,
      IsArchived: false,
      location: 'oss://x',
      columns: [{ name: 'id', type: 'bigint', defaultValue: '7' }],
      Reserved: JSON.stringify({
        ClusterType: 'hash',
        BucketNum: 16,
        ClusterCols: ['id'],
        SortCols: [{ name: 'id', order: 'asc' }],
      }),
    };
    const xml = `<Table><Name>t</Name><Schema><![CDATA[${JSON.stringify(more)}]]></Schema><Owner>me</Owner><SchemaName>default</SchemaName><Type>EXTERNAL_TABLE</Type></Table>`;
    const view = JSON.stringify({ tableName: 'v', isVirtualView: true, viewText: 'SELECT 1', columns: [] });
    const { client, got } = await service(
      inTurn(json(200, xml), json(200, `<Table><Name>v</Name><Schema>${escapeXml(view)}</Schema></Table>`)),
    );
    expect(await client.table('t').getExtended()).toMatchObject({
      type: 'EXTERNAL_TABLE',
      owner: 'me',
      schema: 'default',
      lifecycle: 30,
      createdAt: new Date(1_700_000_000_000),
      changedAt: new Date(1_700_000_060_000),
      accessedAt: null,
      columns: [{ name: 'id', defaultValue: '7' }],
      clustering: { type: 'hash', buckets: 16, columns: ['id'], sortColumns: ['id'] },
      extended: { physicalBytes: 300, files: 3, isArchived: false, location: 'oss://x' },
    });
    expect(got[0].query.has('extended')).toBe(true);
    expect(await client.table('v').get()).toMatchObject({ type: 'VIRTUAL_VIEW', isView: true, viewText: 'SELECT 1' });
  });

  it('comes with a hundred others in one request', async () => {
    const bodies: string[] = [];
    const { client, got } = await service(async (one, response) => {
      const body = (await one.body()).toString();
      bodies.push(body);
      const found = elements(body, 'Table').map(({ content }) => textOf(content, 'Name') as string);
      const rows = found.map(
        (name) =>
          `<Table><Name>${name}</Name><Schema>${escapeXml(JSON.stringify({ ...schema, tableName: name }))}</Schema></Table>`,
      );
      response.end(`<Tables>${rows.join('')}<Table><Name>gone</Name></Table></Tables>`);
    });
    const names = Array.from({ length: 150 }, (_, at) => `T${at}`);
    const found = await all(client.getTables(names));
    expect(found.map((one) => one.name)).toEqual(names.map((name) => name.toLowerCase()));
    expect(got.map((one) => [one.method, one.query.has('query')])).toEqual([
      ['POST', true],
      ['POST', true],
    ]);
    expect(bodies.map((body) => elements(body, 'Table').length)).toEqual([100, 50]);
    expect(textOf(bodies[0], 'Project')).toBe('proj');
  });

  it('whose description cannot be read is an error', async () => {
    const { client } = await service(
      json(200, '<Table><Schema>{broken</Schema></Table>', { 'x-odps-request-id': 'R3' }),
    );
    await expect(client.table('t').get()).rejects.toMatchObject({ code: 'UnreadableAnswer', requestId: 'R3' });
  });
});

describe('lists', () => {
  it('of tables are read page by page', async () => {
    const page = (marker: string, ...names: string[]) =>
      json(
        200,
        `<Tables><Marker>${marker}</Marker>${names.map((name) => `<Table><Name>${name}</Name></Table>`).join('')}</Tables>`,
      );
    const { client, got } = await service(inTurn(page('m&amp;1', 'a', 'b'), page('', 'c')));
    expect(await all(client.tables('x'))).toEqual(['a', 'b', 'c']);
    expect(got.map((one) => [one.query.get('marker'), one.query.get('name')])).toEqual([
      [undefined, 'x'],
      ['m&1', 'x'],
    ]);
  });

  it('of tables are filtered by the service', async () => {
    const { client, got } = await service(
      json(200, '<Tables><Marker/><Table><Name>v</Name><Owner>me</Owner><Type>VIRTUAL_VIEW</Type></Table></Tables>'),
    );
    expect(await all(client.findTables({ prefix: 'x', owner: 'me', type: 'VIRTUAL_VIEW' }))).toEqual([
      { name: 'v', owner: 'me', type: 'VIRTUAL_VIEW' },
    ]);
    expect(Object.fromEntries(got[0].query)).toMatchObject({ name: 'x', owner: 'me', type: 'VIRTUAL_VIEW' });
  });

  it('of projects are read page by page', async () => {
    const page = (marker: string, name: string) =>
      json(
        200,
        `<Projects><Marker>${marker}</Marker><Project><Name>${name}</Name><Owner>o</Owner></Project></Projects>`,
      );
    const { client, got } = await service(inTurn(page('m', 'a'), page('', 'b')));
    expect((await all(client.projects({ prefix: 'x' }))).map((one) => [one.name, one.owner])).toEqual([
      ['a', 'o'],
      ['b', 'o'],
    ]);
    expect(got.map((one) => [one.path, one.query.get('name'), one.query.get('marker')])).toEqual([
      ['/api/projects', 'x', undefined],
      ['/api/projects', 'x', 'm'],
    ]);
  });

  it('of schemas are read, or asked for by SQL where the service has no request for them', async () => {
    const list =
      '<Schemas><Marker/><Schema><Name>s</Name><Owner>o</Owner><CreateTime>Thu, 10 Dec 2015 12:57:57 GMT</CreateTime></Schema></Schemas>';
    const direct = await service(json(200, list));
    expect(await all(direct.client.schemas())).toMatchObject([
      { name: 's', owner: 'o', createdAt: new Date('2015-12-10T12:57:57Z') },
    ]);
    const { client } = await service((one, response) => {
      if (one.path.endsWith('/schemas'))
        return json(405, '<Error><Code>MethodNotAllowed</Code><Message>m</Message></Error>')(one, response);
      if (one.method === 'POST') return json(201, '', { location: 'http://h/projects/p/instances/i1' })(one, response);
      const task = `<Task><Name>t</Name><Status>Success</Status><Result Format="text">default\nother\n</Result></Task>`;
      return json(200, `<Instance><Status>Terminated</Status><Tasks>${task}</Tasks></Instance>`)(one, response);
    });
    expect((await all(client.schemas())).map((one) => one.name)).toEqual(['default', 'other']);
    const absent = await service(json(404, '<Error><Code>NoSuchObject</Code><Message>m</Message></Error>'));
    expect(await absent.client.schema('X')).toBeUndefined();
    expect(absent.got[0].path).toBe('/api/projects/proj/schemas/x');
  });

  it('that never end are ended: a marker that comes twice is the last', async () => {
    const { client, got } = await service(
      json(200, '<Tables><Marker>m</Marker><Table><Name>a</Name></Table></Tables>'),
    );
    expect(await all(client.tables())).toEqual(['a', 'a']);
    expect(got.length).toBe(2);
  });

  it('of partitions hold one page in memory, however many there are', async () => {
    let page = 0;
    const { client, got } = await service(async (one, response) => {
      await one.body();
      page++;
      const rows = Array.from(
        { length: 1_000 },
        (_, at) =>
          `<Partition><Column Name="pt" Value="${page}-${at}"/><CreationTime>1700000000</CreationTime><PartitionSize>5</PartitionSize><PartitionRecordCount>-1</PartitionRecordCount></Partition>`,
      );
      response.end(`<Partitions><Marker>${page === 50 ? '' : page}</Marker>${rows.join('')}</Partitions>`);
    });
    let count = 0;
    for await (const one of client
      .table('t')
      .findPartitions({ pageSize: 1_000, reverse: true, within: [{ name: 'pt', value: 'x' }] })) {
      if (count++ === 0)
        expect(one).toMatchObject({
          partition: [{ name: 'pt', value: '1-0' }],
          createdAt: new Date(1_700_000_000_000),
          bytes: 5,
          rows: null,
        });
      // A page is asked for only when the one before it was used up.
      expect(got.length).toBe(Math.ceil(count / 1_000));
    }
    expect(count).toBe(50_000);
    expect(Object.fromEntries(got[1].query)).toMatchObject({
      partitions: '',
      maxitems: '1000',
      reverse: '',
      marker: '1',
      partition: "pt='x'",
    });
  });

  it('of partitions are read page by page', async () => {
    const body = `<Partitions><Marker/><MaxItems>2</MaxItems><Partition><Column Name="pt" Value="a&amp;b"/><Column Name="hh" Value="01"></Column><CreationTime>1</CreationTime></Partition><Partition><Column Name="pt" Value="c"/></Partition></Partitions>`;
    const { client } = await service(json(200, body));
    expect(await all(client.table('t').partitions())).toEqual([
      [
        { name: 'pt', value: 'a&b' },
        { name: 'hh', value: '01' },
      ],
      [{ name: 'pt', value: 'c' }],
    ]);
  });
});

it('finds out whether a partition is there', async () => {
  const absent = (code: string) => json(404, `<Error><Code>${code}</Code><Message>m</Message></Error>`);
  const { client, got } = await service(
    inTurn(json(200, '<Partition/>'), absent('NoSuchPartition'), absent('NoSuchTable')),
  );
  const partition = [
    { name: 'pt', value: 'x' },
    { name: 'hh', value: '01' },
  ];
  expect(await client.table('t').hasPartition(partition)).toBe(true);
  expect(got[0].query.get('partition')).toBe("pt='x',hh='01'");
  expect(await client.table('t').hasPartition(partition)).toBe(false);
  await expect(client.table('t').hasPartition(partition)).rejects.toMatchObject({ code: 'NoSuchTable' });
});

it('tells the figures of a partition', async () => {
  const told = {
    createTime: 1_700_000_000,
    partitionSize: 10,
    partitionRecordNum: 2,
    LifeCycle: 7,
    FileNum: 1,
    PhysicalSize: 30,
  };
  const { client, http, got } = await service(
    json(200, `<Partition><Schema><![CDATA[${JSON.stringify(told)}]]></Schema></Partition>`),
  );
  const partition = [{ name: 'pt', value: "it's 100%" }];
  expect(await client.table('t').partition(partition)).toMatchObject({
    partition,
    rows: 2,
    bytes: 10,
    createdAt: new Date(1_700_000_000_000),
    extended: null,
  });
  expect(got[0].query.get('partition')).toBe("pt='it\\'s 100%'");
  expect((await getPartition(http, 't', partition, undefined, true))?.extended).toEqual({
    isArchived: false,
    lifecycle: 7,
    files: 1,
    physicalBytes: 30,
  });
});

describe('statements about tables', () => {
  it.each([
    [
      createTableSql(
        'odd`name',
        {
          columns: [
            { name: 'id', type: 'bigint' },
            { name: 'na`me', type: parseType('map<string,decimal(5,2)>'), comment: "it's a \\ \n", nullable: false },
            { name: 'n', type: 'int', defaultValue: '7' },
          ],
          partitionColumns: [{ name: 'pt', type: 'string', comment: 'day' }],
          comment: "o'hara",
          lifecycle: 7,
        },
        true,
      ),
      "CREATE TABLE IF NOT EXISTS `odd``name` (`id` bigint, `na``me` MAP<STRING,DECIMAL(5,2)> NOT NULL COMMENT 'it\\'s a \\\\ \\n', `n` int DEFAULT 7) COMMENT 'o\\'hara' PARTITIONED BY (`pt` string COMMENT 'day') LIFECYCLE 7",
    ],
    [
      createTableSql('d', {
        columns: [{ name: 'ID', type: 'bigint' }],
        primaryKey: ['id'],
        properties: { 'a.b': "c'" },
      }),
      "CREATE TABLE `d` (`ID` bigint NOT NULL, PRIMARY KEY (`id`)) TBLPROPERTIES ('transactional'='true', 'a.b'='c\\'')",
    ],
    [
      alterTableSql('t', { addPartition: [{ name: 'pt', value: "a'b%" }], ifNotExists: true }),
      "ALTER TABLE `t` ADD IF NOT EXISTS PARTITION (`pt`='a\\'b%')",
    ],
    [alterTableSql('t', { dropPartition: [{ name: 'pt', value: 'x' }] }), "ALTER TABLE `t` DROP PARTITION (`pt`='x')"],
    [alterTableSql('t', { dropColumns: ['a', 'b'] }), 'ALTER TABLE `t` DROP COLUMNS `a`, `b`'],
    [
      alterTableSql('t', { renameColumn: 'a', to: { name: 'b', type: 'string' } }),
      'ALTER TABLE `t` CHANGE COLUMN `a` `b` string',
    ],
    [truncateTableSql('t', [{ name: 'pt', value: 'x' }]), "TRUNCATE TABLE `t` PARTITION (`pt`='x')"],
    [dropTableSql('t', true), 'DROP TABLE IF EXISTS `t`'],
    [createSchemaSql('s', true), 'CREATE SCHEMA IF NOT EXISTS `s`'],
    [dropSchemaSql('s'), 'DROP SCHEMA `s`'],
  ])('quote what they are given: %s', (made, wanted) => {
    expect(made).toBe(wanted);
  });

  it('take no type or lifecycle that is none', () => {
    const wrong = expect.objectContaining({ code: 'BadOption' });
    expect(() => createTableSql('t', { columns: [{ name: 'a', type: "int); DROP TABLE x --'" }] })).toThrow(wrong);
    expect(() => createTableSql('t', { columns: [], lifecycle: 0.5 })).toThrow(wrong);
    expect(() => alterTableSql('t', { lifecycle: -1 })).toThrow(wrong);
  });
});

describe('the tunnel', () => {
  it('is asked for once', async () => {
    const { http, got } = await service(json(200, ' dt.example:8080\n'), { tunnelEndpoint: undefined, quota: 'q' });
    expect(await tunnelEndpoint(http)).toBe('http://dt.example:8080');
    expect(await tunnelEndpoint(http)).toBe('http://dt.example:8080');
    expect(got.map((one) => [one.path, one.query.get('quotaName')])).toEqual([['/api/projects/proj/tunnel', 'q']]);
  });

  it.each(['', 'a/b', 'user@host', '<html>'])('is never %j', async (body) => {
    const { http } = await service(json(200, body), { tunnelEndpoint: undefined });
    await expect(tunnelEndpoint(http)).rejects.toMatchObject({ code: 'UnreadableAnswer' });
  });
});

it('knows a project from a page', async () => {
  const { client } = await service(
    inTurn(
      json(200, '<Project><Name>proj</Name></Project>', { 'x-odps-owner': 'me' }),
      json(200, '<html>hello</html>'),
    ),
  );
  expect(await client.project()).toMatchObject({ name: 'proj', owner: 'me', properties: {} });
  await expect(client.project()).rejects.toMatchObject({ code: 'UnreadableAnswer', kind: 'config' });
});

describe('XML', () => {
  it('does not take text for markup', () => {
    const xml =
      '<!-- <a>no</a> --><r><a x="1"><![CDATA[</a><a>]]></a><a/><ab>other</ab><a>&lt;&#65;&#x42;&amp;</a></r>';
    expect(elements(xml, 'a').map(({ content }) => content)).toEqual([
      '<![CDATA[</a><a>]]>',
      '',
      '&lt;&#65;&#x42;&amp;',
    ]);
    expect(textOf(xml, 'a')).toBe('</a><a>');
    expect(textOf('<a> b <![CDATA[ c ]]> </a>', 'a')).toBe('b c ');
    expect(textOf(xml, 'none')).toBeUndefined();
    expect(attributeOf(` Name='a"b' Value="&lt;"`, 'value')).toBe('<');
    expect(unescapeXml(escapeXml(`<&>"'`))).toBe(`<&>"'`);
  });

  it('takes elements inside those of the same name for their content', () => {
    expect(elements('<a>1<a>2</a>3</a><a>4</a>', 'a').map(({ content }) => content)).toEqual(['1<a>2</a>3', '4']);
  });

  it.each(['<a', '<a>open', '</a>', '<![CDATA[', '<>', '< a>'])('that is broken ends: %j', (xml) => {
    expect(elements(xml, 'a')).toEqual([]);
  });
});

describe('types', () => {
  it.each([
    ['bigint', { kind: 'bigint' }, 'BIGINT'],
    ['INTEGER', { kind: 'int' }, 'INT'],
    ['decimal', { kind: 'decimal', precision: 38, scale: 18 }, 'DECIMAL(38,18)'],
    ['Decimal( 10 )', { kind: 'decimal', precision: 10, scale: 0 }, 'DECIMAL(10,0)'],
    ['decimal(38)', { kind: 'decimal', precision: 38, scale: 0 }, 'DECIMAL(38,0)'],
    ['decimal(20,4)', { kind: 'decimal', precision: 20, scale: 4 }, 'DECIMAL(20,4)'],
    ['varchar ( 7 )', { kind: 'varchar', length: 7 }, 'VARCHAR(7)'],
    ['char(3)', { kind: 'char', length: 3 }, 'CHAR(3)'],
    ['timestamp_ntz', { kind: 'timestamp_ntz' }, 'TIMESTAMP_NTZ'],
    [
      'ARRAY < Map<string,bigint> >',
      { kind: 'array', element: { kind: 'map', key: { kind: 'string' }, value: { kind: 'bigint' } } },
      'ARRAY<MAP<STRING,BIGINT>>',
    ],
  ] as [string, OdpsType, string][])('%s', (text, type, written) => {
    expect(parseType(text)).toEqual(type);
    expect(typeText(type)).toBe(written);
  });

  it('keep the names of fields, back-quoted ones too', () => {
    const type = parseType('struct<`a b`:int, C:struct<d:decimal(5,1)>, `x:y>`:string>');
    expect(type).toEqual({
      kind: 'struct',
      fields: [
        { name: 'a b', type: { kind: 'int' } },
        {
          name: 'C',
          type: { kind: 'struct', fields: [{ name: 'd', type: { kind: 'decimal', precision: 5, scale: 1 } }] },
        },
        { name: 'x:y>', type: { kind: 'string' } },
      ],
    });
    expect(parseType(typeText(type))).toEqual(type);
  });

  it.each([
    'vector<3>',
    'geography',
    '',
    'array',
    'array<',
    'array<int',
    'map<int>',
    'struct<>',
    'struct<a>',
    'struct<a int>',
    'int int',
    'bigint(3)',
    'array<geography>',
    'varchar',
    'varchar(a)',
    'decimal(10,2',
    'decimal()',
    'decimal(1,2,3)',
    'int;',
    '!int',
    'map<int;string>',
    `${'array<'.repeat(1e5)}int${'>'.repeat(1e5)}`,
  ])('that are not known keep their text: %j', (text) => {
    expect(parseType(text)).toEqual({ kind: 'unknown', text });
  });
});
