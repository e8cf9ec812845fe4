import { lookup } from 'node:dns';
import { connect } from 'node:net';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { authorization, type Call, canonicalString, createClient } from '../src/index.ts';
import { type Got, inTurn, json, type Reply, reset, service } from './service.ts';

const call = (url: string, changes: Partial<Call> = {}): Call => ({
  method: 'GET',
  base: `${url}/api`,
  resource: '/projects/proj',
  repeatable: true,
  ...changes,
});
const ok = json(200, '<Project><Name>proj</Name></Project>');

/** What a server of the real kind computes from the request it got. */
function signatureOf({ method, path, query, headers }: Got, region: string | null): string {
  const flat = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]));
  const canonical = canonicalString({ method, resource: path.replace(/^\/api/, ''), query, headers: flat });
  const day = new Date(String(headers.date)).toISOString().slice(0, 10).replaceAll('-', '');
  return authorization({ accessId: 'id', accessKey: 'key' }, canonical, region === null ? null : { name: region, day });
}

describe('a request', () => {
  it.each([null, 'cn-hangzhou'])('is signed as it arrives (region %s)', async (region) => {
    const { http, got, url } = await service(ok, { securityToken: 'sts', ...(region === null ? {} : { region }) });
    const query = { partition: 'pt=a b+c%/中文,hh=1', bare: '', 'x-odps-odd': "!'()*", absent: undefined };
    await http.call(call(url, { method: 'POST', resource: '/projects/proj/tables/tä b', query, body: '<a/>' }));
    expect(got[0].path).toBe('/api/projects/proj/tables/tä b');
    expect(got[0].query.get('partition')).toBe(query.partition);
    expect(got[0].query.has('absent')).toBe(false);
    expect(got[0].headers['authorization-sts-token']).toBe('sts');
    expect(got[0].headers.authorization).toBe(signatureOf(got[0], region));
  });

  it('goes again after 502, 503 and a broken connection, where that is harmless', async () => {
    const { http, got, url } = await service(inTurn(json(502, '<html>'), json(503, ''), reset, ok));
    expect((await http.call(call(url))).status).toBe(200);
    expect(got.length).toBe(4);
  });

  it('does not go again where it may have had its effect, or was refused', async () => {
    for (const [reply, repeatable] of [
      [json(503, ''), false],
      [reset, false],
      [json(400, { Code: 'InvalidArgument', Message: 'no' }), true],
      [json(403, { Code: 'NoPermission', Message: 'no' }), true],
    ] as [Reply, boolean][]) {
      const { http, got, url } = await service(reply);
      await expect(http.call(call(url, { repeatable }))).rejects.toMatchObject({ name: 'MaxComputeError' });
      expect(got.length).toBe(1);
    }
  });

  it('waits as long as a throttled service says, and goes again even where it is not repeatable', async () => {
    const busy = json(429, { Code: 'SlotExceeded', Message: 'full', HoldClientMillis: 120 });
    const { http, url, got } = await service(inTurn(busy, json(429, '', { 'retry-after': '1' }), ok));
    const began = performance.now();
    await http.call(call(url, { repeatable: false }));
    expect(performance.now() - began).toBeGreaterThan(1_100);
    expect(got.length).toBe(3);
  });

  it('learns the clock of a service that complains, and keeps to it', async () => {
    const theirs = () => Date.now() + 3_600_000;
    const { http, url, got } = await service((one, response) => {
      response.setHeader('date', new Date(theirs()).toUTCString());
      const off = Math.abs(Date.parse(String(one.headers.date)) - theirs()) > 900_000;
      return off ? json(403, { Code: 'RequestTimeTooSkewed', Message: 'clock' })(one, response) : ok(one, response);
    });
    await http.call(call(url, { repeatable: false }));
    await http.call(call(url));
    expect(got.length).toBe(3);
  });

  it('is given up after one correction that did not help', async () => {
    const { http, url, got } = await service(json(403, { Code: 'RequestTimeTooSkewed', Message: 'clock' }));
    await expect(http.call(call(url))).rejects.toMatchObject({ code: 'RequestTimeTooSkewed', kind: 'config' });
    expect(got.length).toBe(2);
  });

  it('ends with its signal: before it, waiting for the answer, and waiting to go again', async () => {
    const stopped = { code: 'Aborted' };
    const { http, url, got } = await service((one, response) =>
      one.query.has('busy')
        ? json(429, { Code: 'X', Message: 'x', HoldClientMillis: 9_000 })(one, response)
        : undefined,
    );
    await expect(http.call(call(url, { signal: AbortSignal.abort() }))).rejects.toMatchObject(stopped);
    expect(got.length).toBe(0);
    const began = performance.now();
    await expect(http.call(call(url, { signal: AbortSignal.timeout(50) }))).rejects.toMatchObject(stopped);
    const query = { busy: '' };
    await expect(http.call(call(url, { query, signal: AbortSignal.timeout(50) }))).rejects.toMatchObject(stopped);
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('is given up when nothing comes', async () => {
    const { http, url } = await service(() => {}, { timeoutMs: 80 });
    await expect(http.call(call(url, { repeatable: false }))).rejects.toMatchObject({
      code: 'ConnectionFailed',
      kind: 'busy',
      message: expect.stringContaining('80 ms'),
    });
  });
});

describe('an error', () => {
  const thrown = async (reply: Reply) => {
    const { http, url } = await service(reply);
    return http.call(call(url, { repeatable: false })).then(
      () => null,
      (error: unknown) => error,
    );
  };

  it('is read from XML, blanks, entities and CDATA included', async () => {
    const body = `<?xml version="1.0"?><Error><Code> ODPS-0420411: Invalid argument - </Code><Message><![CDATA[a < b]]></Message><RequestId>R1</RequestId></Error>`;
    expect(await thrown(json(400, body))).toMatchObject({
      code: 'ODPS-0420411',
      status: 400,
      requestId: 'R1',
      kind: 'config',
      message: 'a < b (request R1)',
    });
  });

  it('is read from JSON, and takes the request id from the headers where the body has none', async () => {
    const body = { Code: 'FlowExceeded', Message: 'too fast', HoldClientMillis: 60_000 };
    const { http, url } = await service(json(400, body, { 'x-odps-request-id': 'R2' }));
    const error = await http.call(call(url, { repeatable: false })).catch((one: unknown) => one);
    expect(error).toMatchObject({ code: 'FlowExceeded', kind: 'busy', requestId: 'R2', retryAfterMs: 10_000 });
  });

  it('is found by the number in its message', async () => {
    const body =
      '<Error><Code>InvalidParameter</Code><Message>ODPS-0130131:Table not found - table t</Message></Error>';
    expect(await thrown(json(400, body))).toMatchObject({ code: 'InvalidParameter', kind: 'missing' });
  });

  it.each([
    [404, '', { code: 'NoSuchObject', kind: 'missing' }],
    [401, '', { code: 'Unauthorized', kind: 'auth' }],
    [502, '<html>Bad gateway</html>', { code: 'UnreadableAnswer', kind: 'busy', hint: 'It is tried again by itself.' }],
    [400, 'null', { code: 'UnreadableAnswer', kind: 'config', hint: expect.stringContaining('/api') }],
    [400, '{"Code":7,"Message":[]}', { code: 'UnreadableAnswer' }],
    [400, '{broken', { code: 'UnreadableAnswer' }],
  ])('is typed, whatever came (%i %s)', async (status, body, wanted) => {
    expect(await thrown(json(status, body))).toMatchObject({ name: 'MaxComputeError', status, ...wanted });
  });
});

describe('connections', () => {
  it('are kept for what comes next, but for blocks, and closed with the client', async () => {
    const session = { UploadID: 'u', Status: 'normal', Schema: { columns: [{ name: 'a', type: 'bigint' }] } };
    const sockets = new Set<unknown>();
    const { client } = await service((one, response) => {
      sockets.add(one.request.socket);
      return json(200, one.path.includes('/tables/') ? session : '<Project/>')(one, response);
    });
    for (let times = 0; times < 3; times++) await client.project();
    const upload = await client.table('t').upload();
    // Both endpoints are one server here.
    const before = sockets.size;
    expect(before).toBeLessThan(3);
    const block = await upload.block(0);
    await block.finish();
    expect(sockets.size).toBe(before + 1);
    client.close();
    for (const socket of sockets) {
      const { destroyed } = socket as { destroyed: boolean };
      if (!destroyed) await new Promise((resolve) => (socket as import('node:net').Socket).once('close', resolve));
    }
  });

  it('come from the dialler, which is told host and port and stops with the signal', async () => {
    const asked: unknown[] = [];
    const { http, url, port } = await service(ok, {
      dial: async (address) => {
        asked.push(address);
        return connect(port, '127.0.0.1');
      },
    });
    const base = url.replace('127.0.0.1', 'nowhere.invalid');
    expect((await http.call(call(base))).status).toBe(200);
    expect(asked).toEqual([{ host: 'nowhere.invalid', port }]);
  });

  it('that the dialler refuses end with its own error, at once', async () => {
    const denied = Object.assign(new Error('denied'), { kind: 'config', code: 'ADDRESS_DENIED' });
    let times = 0;
    const { http, url, got } = await service(ok, {
      dial: async () => {
        times++;
        throw denied;
      },
    });
    await expect(http.call(call(url))).rejects.toBe(denied);
    expect([times, got.length]).toEqual([1, 0]);
  });

  it('that do not come about in time are given up', async () => {
    let told: AbortSignal | undefined;
    const { http, url } = await service(ok, {
      connectTimeoutMs: 60,
      dial: (_, signal) => {
        told = signal;
        return new Promise(() => {});
      },
    });
    await expect(http.call(call(url, { repeatable: false }))).rejects.toMatchObject({
      code: 'ConnectionFailed',
      message: expect.stringContaining('no connection within 60 ms'),
    });
    expect(told?.aborted).toBe(true);
  });

  it('end with the signal, though the dialler does not look at it', async () => {
    const { http, url } = await service(ok, { dial: () => new Promise(() => {}) });
    const began = performance.now();
    const signal = AbortSignal.timeout(40);
    await expect(http.call(call(url, { signal }))).rejects.toMatchObject({ code: 'Aborted' });
    // Well before the limit of connecting, which would end it, too.
    expect(performance.now() - began).toBeLessThan(5_000);
  });

  it('that cannot be made are told with their reason, by either way', async () => {
    const { http, url } = await service(ok);
    const closed = url.replace(/\d+$/, '1');
    const failed = { code: 'ConnectionFailed', kind: 'busy', message: expect.stringContaining('ECONNREFUSED') };
    await expect(http.call(call(closed, { repeatable: false }))).rejects.toMatchObject(failed);
    const dialled = await service(ok, { dial: () => Promise.reject(new Error('connect ECONNREFUSED')) });
    await expect(dialled.http.call(call(url, { repeatable: false }))).rejects.toMatchObject(failed);
  });

  it('resolve names as the caller wants', async () => {
    const { http, url } = await service(ok, {
      lookup: (_name, options, done) => lookup('127.0.0.1', options, done),
    });
    expect((await http.call(call(url.replace('127.0.0.1', 'nowhere.invalid')))).status).toBe(200);
  });
});

describe('a client', () => {
  const good = {
    endpoint: 'https://h/api',
    project: 'p',
    accessId: 'someone',
    accessKey: 'hidden-key',
    securityToken: 'hidden-token',
  };

  it('shows no secret when it is printed', () => {
    const shown = inspect(createClient(good), { depth: 9, showHidden: true }) + JSON.stringify(createClient(good).http);
    expect(shown).toContain('https://h/api');
    expect(shown).not.toContain('hidden');
  });

  it.each([
    [{ endpoint: 'service.example' }, 'endpoint'],
    [{ endpoint: 'ftp://h/api' }, 'endpoint'],
    [{ endpoint: 'https://user@h/api' }, 'endpoint'],
    [{ tunnelEndpoint: 'https://h/?x' }, 'tunnelEndpoint'],
    [{ project: '' }, 'project'],
    [{ accessId: 'a\nb' }, 'accessId'],
    [{ accessKey: '' }, 'accessKey'],
  ])('is refused %o', (change, option) => {
    expect(() => createClient({ ...good, ...change })).toThrow(
      expect.objectContaining({ code: 'BadOption', message: expect.stringContaining(`"${option}"`) }),
    );
  });

  it('takes no name that would be two', async () => {
    const { client, got } = await service(ok);
    await expect(client.table('a/b').get()).rejects.toMatchObject({ code: 'BadName' });
    await expect(client.table('').upload()).rejects.toMatchObject({ code: 'BadName' });
    expect(got.length).toBe(0);
  });
});
