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

describe('an instance', () => {
  it('tells how far it is while it is waited for', async () => {
    const stage =
      '<Stage ID="M1"><Status>RUNNING</Status><TotalWorkers>4</TotalWorkers><RunningWorkers>3</RunningWorkers><TerminatedWorkers>1</TerminatedWorkers><InputRecords>10</InputRecords><OutRecords>5</OutRecords><FinishedPercentage>25</FinishedPercentage></Stage><Stage ID="R2"/>';
    let polls = 0;
    const { client, got } = await service((one, response) => {
      if (one.method === 'POST') return accepted(one, response);
      if (one.query.has('instanceprogress')) return json(200, `<Progress>${stage}</Progress>`)(one, response);
      if (one.query.has('result')) return result('done', 'text', true)(one, response);
      if (one.query.has('taskstatus')) return task(polls > 1 ? 'Success' : 'Running')(one, response);
      return status(polls++ > 0 ? 'Terminated' : 'Running')(one, response);
    });
    const told: unknown[] = [];
    expect(await client.sql('x', { onProgress: (progress) => told.push(progress) })).toMatchObject({ text: 'done' });
    expect(told).toEqual([
      {
        tasks: [{ name: 'AnonymousSQLTask', status: 'RUNNING' }],
        stages: [
          {
            name: 'M1',
            status: 'RUNNING',
            workers: 4,
            running: 3,
            terminated: 1,
            inputRows: 10,
            outputRows: 5,
            percent: 25,
          },
          {
            name: 'R2',
            status: 'WAITING',
            workers: 0,
            running: 0,
            terminated: 0,
            inputRows: null,
            outputRows: null,
            percent: 0,
          },
        ],
      },
    ]);
    expect(got.find((one) => one.query.has('instanceprogress'))?.query.get('taskname')).toBe('AnonymousSQLTask');
  });

  it('goes on though its progress cannot be asked for, and ends where its listener throws', async () => {
    const replies = {
      submit: accepted,
      status: inTurn(status('Running'), status('Terminated')),
      result: result('done', 'text', true),
    };
    const blind = await service(instance({ ...replies, tasks: inTurn(json(403, ''), task('Success')) }));
    expect(await blind.client.sql('x', { onProgress: () => {} })).toMatchObject({ text: 'done' });
    const { client } = await service(instance({ submit: accepted, status: status('Running'), tasks: task('Waiting') }));
    await expect(
      client.sql('x', {
        onProgress: () => {
          throw new Error('mine');
        },
      }),
    ).rejects.toThrow('mine');
  });

  it('that the service waited for needs no other request', async () => {
    const done = `<Instance><Tasks><Task Type="SQL"><Name>AnonymousSQLTask</Name><Status>Success</Status><Result Transform="Base64" Format="csv">${Buffer.from('"a"\n1\n').toString('base64')}</Result></Task></Tasks></Instance>`;
    const { client, got } = await service(json(200, done, { location: 'http://h/projects/proj/instances/i1' }));
    expect(await client.sql('SELECT 1', { tryWait: true })).toMatchObject({ instanceId: 'i1', rows: [['1']] });
    expect(got.map((one) => one.query.has('tryWait'))).toEqual([true]);
  });

  it('fails with the request that told so', async () => {
    const told = json(
      200,
      '<Instance><Tasks><Task><Name>AnonymousSQLTask</Name><Result Format="text">ODPS-0130131:[1,1] Table not found</Result></Task></Tasks></Instance>',
      { 'x-odps-request-id': 'R7' },
    );
    const { client } = await service(
      instance({ submit: accepted, status: status('Terminated'), tasks: task('Failed'), result: told }),
    );
    await expect(client.sql('x')).rejects.toMatchObject({ code: 'ODPS-0130131', kind: 'missing', requestId: 'R7' });
    const nameless = await service(json(201, '', { 'x-odps-request-id': 'R8' }));
    await expect(nameless.client.sql('x')).rejects.toMatchObject({ code: 'UnreadableAnswer', requestId: 'R8' });
  });

  it('is summed up', async () => {
    const { client, got } = await service(
      json(200, { Instance: { Summary: 'Inputs: proj.t: 3 (300 bytes)', JsonSummary: '{"a":1}' } }),
    );
    expect(await client.instance('i1').summary('AnonymousSQLTask')).toEqual({
      text: 'Inputs: proj.t: 3 (300 bytes)',
      json: '{"a":1}',
    });
    expect(Object.fromEntries(got[0].query)).toMatchObject({ instancesummary: '', taskname: 'AnonymousSQLTask' });
  });

  it('is found in a list, page by page', async () => {
    const page = (marker: string, id: string) =>
      json(
        200,
        `<Instances><Marker>${marker}</Marker><Instance><Name>${id}</Name><Owner>me</Owner><Status>Terminated</Status><StartTime>Thu, 10 Dec 2015 12:57:57 GMT</StartTime><EndTime/></Instance></Instances>`,
      );
    const { client, got } = await service(inTurn(page('m', 'i1'), page('', 'i2')));
    const found = [];
    const from = new Date(1_700_000_000_999);
    for await (const one of client.instances({ status: 'Terminated', from, onlyOwner: false })) found.push(one);
    expect(found[1]).toEqual({
      id: 'i2',
      owner: 'me',
      status: 'TERMINATED',
      startedAt: new Date('2015-12-10T12:57:57Z'),
      endedAt: null,
    });
    expect(Object.fromEntries(got[1].query)).toMatchObject({
      status: 'Terminated',
      daterange: '1700000000:',
      onlyowner: 'no',
      marker: 'm',
    });
  });

  it('has an address for people', async () => {
    const { bodies, reply } = submissions(json(200, { result: 'to+ken' }));
    const { client, got, url } = await service((one, response) =>
      one.path.endsWith('/logview/host')
        ? json(200, ' http://logview.odps.aliyun.com\n')(one, response)
        : reply(one, response),
    );
    expect(await client.instance('i1').logview(3)).toBe(
      `http://logview.odps.aliyun.com/logview/?h=${encodeURIComponent(`${url}/api`)}&p=proj&i=i1&token=to%2Bken`,
    );
    expect(JSON.parse(bodies[0])).toMatchObject({
      expires_in_hours: 3,
      policy: { Statement: [{ Resource: 'acs:odps:*:projects/proj/instances/i1', Effect: 'Allow' }] },
    });
    expect(got[0].headers['content-type']).toBe('application/json');
    const page = await service((one, response) =>
      one.method === 'POST' ? json(200, { result: 't' })(one, response) : json(200, '<html>')(one, response),
    );
    await expect(page.client.instance('i1').logview()).rejects.toMatchObject({ code: 'UnreadableAnswer' });
  });

  it('may only estimate what it would cost', async () => {
    const { bodies, reply } = submissions(accepted);
    const told = { Cost: { SQL: { Complexity: 1.5, Input: 2048, UDF: 1 } } };
    const { client } = await service(
      instance({
        submit: reply,
        status: status('Terminated'),
        tasks: task('Success'),
        result: result(JSON.stringify(told), 'text', false),
      }),
    );
    expect(await client.cost('SELECT * FROM t')).toEqual({ inputBytes: 2048, complexity: 1.5, functions: 1 });
    expect(elements(bodies[0], 'SQL')).toEqual([]);
    const [cost] = elements(bodies[0], 'SQLCost');
    expect(textOf(cost.content, 'Query')).toBe('SELECT * FROM t;');
    expect(elements(cost.content, 'Property').map(({ content }) => textOf(content, 'Name'))).toContain('sqlcostmode');
  });
});

describe('SET in front of a statement', () => {
  const settingsOf = async (sql: string) => {
    const { bodies, reply } = submissions(accepted);
    const { http } = await service(reply);
    await submitSql(http, sql, { settings: { 'odps.sql.timezone': 'Asia/Shanghai', 'odps.y': '2' } });
    const property = elements(bodies[0], 'Property').find(({ content }) => textOf(content, 'Name') === 'settings');
    return { query: textOf(bodies[0], 'Query'), settings: JSON.parse(textOf(property!.content, 'Value')!) as object };
  };

  it('is a hint of it, and wins over those beside it', async () => {
    const sql = "-- zone\nSET odps.sql.timezone = UTC ;\nset odps.x=a b;\nSELECT 'set z=1;'";
    const { query, settings } = await settingsOf(sql);
    expect(query).toBe("SELECT 'set z=1;';");
    expect(settings).toMatchObject({ 'odps.sql.timezone': 'UTC', 'odps.x': 'a b', 'odps.y': '2' });
    expect(settings).not.toHaveProperty('z');
  });

  it('is looked for in time that grows with the text', async () => {
    const began = performance.now();
    await settingsOf(`${' '.repeat(100_000)}SELECT 1`);
    await settingsOf(`${'--a\n'.repeat(20_000)}SELECT 1`);
    expect(performance.now() - began).toBeLessThan(5_000);
  });
});
