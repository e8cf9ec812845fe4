import { describe, expect, it } from 'vitest';
import {
  attributeOf,
  elements,
  escapeXml,
  type OdpsType,
  parseType,
  textOf,
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
    expect(await client.table('T').get()).toEqual({
      name: 't',
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

  it('whose description cannot be read is an error', async () => {
    const { client } = await service(json(200, '<Table><Schema>{broken</Schema></Table>'));
    await expect(client.table('t').get()).rejects.toMatchObject({ code: 'UnreadableAnswer' });
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
  expect(await client.project()).toEqual({ name: 'proj', owner: 'me' });
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
