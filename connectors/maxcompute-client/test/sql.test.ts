import { describe, expect, it } from 'vitest';
import { elements, parseCsv, partitionSql, quoteName, quoteText, submitSql, textOf } from '../src/index.ts';
import { type Got, inTurn, json, type Reply, reset, service } from './service.ts';

const accepted: Reply = async (got, response) => {
  await got.body();
  response.writeHead(201, { location: 'http://h/api/projects/proj/instances/20260301g1' }).end();
};
const status = (text: string) => json(200, `<Instance><Status>${text}</Status></Instance>`);
const task = (text: string) =>
  json(
    200,
    `<Instance><Tasks><Task Type="SQL"><Name>AnonymousSQLTask</Name><Status>${text}</Status></Task></Tasks></Instance>`,
  );
const result = (text: string, format: string, packed: boolean, descriptor = '{}') =>
  json(
    200,
    `<Instance><Tasks><Task><Name>AnonymousSQLTask</Name><ResultDescriptor>${descriptor}</ResultDescriptor><Result ${packed ? 'Transform="Base64" ' : ''}Format="${format}"><![CDATA[${packed ? Buffer.from(text).toString('base64') : text}]]></Result></Task></Tasks></Instance>`,
  );

/** A service with one instance: what it answers to each kind of request. */
const instance =
  (replies: { submit?: Reply; status?: Reply; tasks?: Reply; result?: Reply; stop?: Reply }): Reply =>
  (got, response) => {
    const kind =
      got.method === 'POST'
        ? replies.submit
        : got.method === 'PUT'
          ? replies.stop
          : got.query.has('taskstatus')
            ? replies.tasks
            : got.query.has('result')
              ? replies.result
              : replies.status;
    return (kind ?? json(500, 'not expected'))(got, response);
  };

/** Bodies of the submissions that a service got. */
function submissions(reply: Reply): { bodies: string[]; reply: Reply } {
  const bodies: string[] = [];
  return {
    bodies,
    reply: async (got, response) => {
      const body = await got.body();
      bodies.push(body.toString('utf8'));
      return reply({ ...got, body: async () => body }, response);
    },
  };
}

describe('a statement', () => {
  it('is submitted as a job, polled, and gives its rows', async () => {
    const { bodies, reply } = submissions(accepted);
    const csv = '"a","b ""q"""\n1,"x,\n""y"""\n\\N,"\\N"\n';
    const { client, got } = await service(
      instance({
        submit: reply,
        status: inTurn(status('Running'), status('Terminated')),
        tasks: task('Success'),
        result: result(csv, 'CSV', true, '{"SelectResultStatus":"TRUNCATED"}'),
      }),
    );
    const sql = "SELECT ']]>' AS a, '<&' AS b";
    expect(await client.sql(sql, { settings: { 'odps.x': 'a"<' } })).toEqual({
      instanceId: '20260301g1',
      columns: ['a', 'b "q"'],
      rows: [
        ['1', 'x,\n"y"'],
        [null, '\\N'],
      ],
      text: '',
      truncated: true,
    });
    expect(textOf(bodies[0], 'Query')).toBe(`${sql};`);
    const settings = elements(bodies[0], 'Property').find(({ content }) => textOf(content, 'Name') === 'settings');
    expect(JSON.parse(textOf(settings!.content, 'Value')!)).toMatchObject({
      'odps.sql.type.system.odps2': 'true',
      'odps.x': 'a"<',
    });
    expect(textOf(bodies[0], 'Guid')).toMatch(/^[0-9a-f-]{36}$/);
    expect(got[0]).toMatchObject({ method: 'POST', path: '/api/projects/proj/instances' });
    expect(got[0].headers['content-type']).toBe('application/xml');
  });

  it('without rows gives its text', async () => {
    const { client } = await service(
      instance({
        submit: accepted,
        status: status('Terminated'),
        tasks: task('SUCCESS'),
        result: result('pt=1\n', 'text', false),
      }),
    );
    expect(await client.sql('SHOW PARTITIONS t;')).toMatchObject({ rows: [], columns: [], text: 'pt=1\n' });
  });

  it.each([
    ['ODPS-0130131:[1,15] Table not found - table proj.t cannot be resolved', 'ODPS-0130131', 'missing'],
    ['<Error><Code>x</Code><Message>ODPS-0110061: a &lt; lock</Message></Error>', 'ODPS-0110061', 'busy'],
    ['ODPS-0130161:[1,1] Parse exception', 'ODPS-0130161', 'config'],
    ['', 'TaskFailed', 'config'],
  ])('that failed ends with its own error: %s', async (text, code, kind) => {
    const { client } = await service(
      instance({
        submit: accepted,
        status: status('Terminated'),
        tasks: task('Failed'),
        result: result(text, 'text', true),
      }),
    );
    await expect(client.sql('x')).rejects.toMatchObject({ code, kind, message: expect.stringContaining('20260301g1') });
  });

  it('whose submission was lost, or is in conflict with itself, goes again under the same Guid', async () => {
    const { bodies, reply } = submissions(inTurn(reset, json(409, '', { 'retry-after': '0' }), accepted));
    const { http } = await service(instance({ submit: reply }));
    expect(await submitSql(http, 'INSERT INTO t SELECT 1')).toBe('20260301g1');
    expect(bodies.length).toBe(3);
    expect(new Set(bodies.map((body) => textOf(body, 'Guid'))).size).toBe(1);
  });

  it('outlives a service that cannot be asked for a while', async () => {
    const { client } = await service(
      instance({
        submit: accepted,
        status: inTurn(...Array.from({ length: 7 }, () => json(503, '')), status('Terminated')),
        tasks: task('Success'),
        result: result('', 'text', false),
      }),
    );
    expect(await client.sql('x')).toMatchObject({ instanceId: '20260301g1' });
  }, 30_000);

  it('is stopped by its signal', async () => {
    const stops: string[] = [];
    const { client } = await service(
      instance({
        submit: accepted,
        status: status('Running'),
        stop: async (got: Got, response) => {
          stops.push((await got.body()).toString());
          return json(400, '<Error><Code>InvalidStateSetting</Code><Message>ended</Message></Error>')(got, response);
        },
      }),
    );
    const running = client.sql('x', { signal: AbortSignal.timeout(150) });
    await expect(running).rejects.toMatchObject({ code: 'Stopped', kind: 'busy' });
    expect(stops).toEqual(['<Instance><Status>Terminated</Status></Instance>']);
  });

  it.each([
    ['SELECT 1', 'SELECT 1;'],
    ['SELECT 1; \n', 'SELECT 1;'],
    ['SELECT 1 -- why', 'SELECT 1 -- why\n;'],
  ])('%j is ended with a semicolon', async (sql, sent) => {
    const { bodies, reply } = submissions(accepted);
    const { http } = await service(instance({ submit: reply }));
    await submitSql(http, sql);
    expect(textOf(bodies[0], 'Query')).toBe(sent);
  });

  it('whose answer names no instance is an error', async () => {
    const { http } = await service(instance({ submit: json(201, '') }));
    await expect(submitSql(http, 'x')).rejects.toMatchObject({ code: 'UnreadableAnswer' });
  });
});

describe('CSV', () => {
  it.each([
    ['', []],
    ['a\n', [['a']]],
    [
      'a,b\r\nc,d',
      [
        ['a', 'b'],
        ['c', 'd'],
      ],
    ],
    ['"",\\N,"\\N"\n', [['', null, '\\N']]],
    [
      'a,\n,b\n',
      [
        ['a', ''],
        ['', 'b'],
      ],
    ],
    ['a,', [['a', '']]],
    ['"a""b\r\nc"\n', [['a"b\r\nc']]],
    ['\\N\n\\N\n', [[null], [null]]],
    ['"open', [['open']]],
  ])('%j', (text, rows) => expect(parseCsv(text)).toEqual(rows));

  it('of a cell of megabytes is read', () => {
    const cell = '""'.repeat(3_000_000);
    expect(parseCsv(`"${cell}"\n`)).toEqual([['"'.repeat(3_000_000)]]);
  });
});

it('quotes names, literals and partitions', () => {
  expect(quoteName('a`b')).toBe('`a``b`');
  expect(quoteText("it's \\ \n\r\0")).toBe("'it\\'s \\\\ \\n\\r\\0'");
  expect(
    partitionSql([
      { name: 'pt', value: "x'" },
      { name: 'hh', value: '01' },
    ]),
  ).toBe("`pt`='x\\'',`hh`='01'");
});
