import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import {
  type ClientOptions,
  type Credentials,
  canonicalString,
  createClient,
  endpointsOf,
  findOptions,
  optionsFromEnvironment,
} from '../src/index.ts';
import { type Got, json, type Reply, service } from './service.ts';

const ok = json(200, '<Project><Name>proj</Name></Project>');
const given = (credentials: Credentials | (() => Promise<Credentials>)): Partial<ClientOptions> =>
  ({ credentials, accessId: undefined, accessKey: undefined }) as Partial<ClientOptions>;
const key = (n: number, lifeMs?: number): Credentials => ({
  accessId: `id${n}`,
  accessKey: 'secret',
  securityToken: `token${n}`,
  ...(lifeMs === undefined ? {} : { expiresAt: new Date(Date.now() + lifeMs) }),
});
const tokens = (got: Got[]) => got.map((one) => one.headers['authorization-sts-token']);

/** Only the clock is held, so that time passes when the test says so. */
function holdClock(): (millis: number) => void {
  vi.useFakeTimers({ toFake: ['Date'] });
  return (millis) => vi.setSystemTime(Date.now() + millis);
}
afterEach(() => vi.useRealTimers());

describe('credentials', () => {
  it('may be a bearer token, which is signed for nobody', async () => {
    const { client, got } = await service(ok, given({ bearerToken: 'bearer-1' }));
    await client.project();
    expect(got[0].headers['x-odps-bearer-token']).toBe('bearer-1');
    expect(got[0].headers.authorization).toBeUndefined();
    expect(
      canonicalString({ method: 'GET', resource: '/', query: new Map(), headers: { 'x-odps-bearer-token': 'b' } }),
    ).toContain('x-odps-bearer-token:b');
  });

  it('may be none', async () => {
    const { client, got } = await service(ok, given({ anonymous: true }));
    await client.project();
    expect(got[0].headers.authorization).toBeUndefined();
  });

  it('are asked for once by requests that come together, and not again while they hold', async () => {
    let asked = 0;
    const { client, got } = await service(
      ok,
      given(async () => {
        await new Promise((resolve) => setTimeout(resolve, 30));
        return key(++asked, 3_600_000);
      }),
    );
    await Promise.all([client.project(), client.project(), client.project()]);
    await client.project();
    expect(asked).toBe(1);
    expect(tokens(got)).toEqual(['token1', 'token1', 'token1', 'token1']);
  });

  it('are renewed before they end', async () => {
    const pass = holdClock();
    let asked = 0;
    const { client, got } = await service(
      ok,
      given(async () => key(++asked, 3_600_000)),
    );
    await client.project();
    await client.project();
    pass(3_290_000);
    await client.project();
    pass(11_000);
    await client.project();
    expect(tokens(got)).toEqual(['token1', 'token1', 'token1', 'token2']);
  });

  const expired =
    (before: string): Reply =>
    (one, response) =>
      one.headers['authorization-sts-token'] === before
        ? json(401, '<Error><Code>AuthenticationRequestExpired</Code><Message>it has ended</Message></Error>')(
            one,
            response,
          )
        : ok(one, response);

  it('are renewed once after an answer that says that they have ended, however many requests hear it', async () => {
    let asked = 0;
    const { client, got } = await service(
      expired('token1'),
      given(async () => key(++asked)),
    );
    await Promise.all([client.project(), client.project(), client.project()]);
    expect(asked).toBe(2);
    expect(tokens(got).filter((one) => one === 'token2')).toHaveLength(3);
  });

  it('that are not accepted after that either end the request', async () => {
    let asked = 0;
    const { client, got } = await service(
      json(
        401,
        '<Error><Code>AuthenticationRequestExpired</Code><Message>it has ended</Message><RequestId>R</RequestId></Error>',
      ),
      given(async () => key(++asked)),
    );
    await expect(client.project()).rejects.toMatchObject({
      code: 'AuthenticationRequestExpired',
      kind: 'auth',
      requestId: 'R',
    });
    expect([asked, got.length]).toEqual([2, 2]);
  });

  it('that were given for good are not asked for again', async () => {
    const { client, got } = await service(expired('token1'), given(key(1)));
    await expect(client.project()).rejects.toMatchObject({
      kind: 'auth',
      hint: expect.stringContaining('"credentials"'),
    });
    expect(got.length).toBe(1);
  });

  it('that end under a block that is being written make it worth sending again', async () => {
    let asked = 0;
    const session = { UploadID: 'u', Status: 'normal', Schema: { columns: [{ name: 'a', type: 'bigint' }] } };
    const { client, got } = await service(
      (one, response) => {
        if (one.method !== 'PUT') return json(200, session)(one, response);
        const used = one.headers['authorization-sts-token'];
        return used === 'token1'
          ? json(401, { Code: 'ExpiredToken', Message: 'x' })(one, response)
          : json(200, '')(one, response);
      },
      given(async () => key(++asked)),
    );
    const upload = await client.table('t').upload();
    const send = async () => {
      const block = await upload.block(0);
      await block.write([{ length: 1, values: BigInt64Array.of(1n) }], 1);
      await block.finish();
    };
    await expect(send()).rejects.toMatchObject({ code: 'ExpiredToken', kind: 'busy' });
    await send();
    expect(tokens(got)).toEqual(['token1', 'token1', 'token2']);
  });

  it('outlive a provider that fails for a moment, and end with it afterwards', async () => {
    const pass = holdClock();
    let asked = 0;
    const { client, got } = await service(
      ok,
      given(async () => {
        if (++asked > 1) throw new Error('no answer, the secret was hidden-word');
        return key(1, 3_600_000);
      }),
    );
    await client.project();
    pass(3_590_000);
    await client.project();
    expect(tokens(got)).toEqual(['token1', 'token1']);
    expect(asked).toBe(2);
    pass(20_000);
    const error = (await client.project().catch((one: unknown) => one)) as Error;
    expect(error).toMatchObject({ code: 'CredentialsUnavailable', kind: 'auth', cause: expect.any(Error) });
    expect(error.message).not.toContain('hidden-word');
    expect(got.length).toBe(2);
  });

  it('that are waited for let go with the signal', async () => {
    const { client } = await service(
      ok,
      given(() => new Promise(() => {})),
    );
    await expect(client.project(AbortSignal.timeout(30))).rejects.toMatchObject({ code: 'Aborted' });
  });

  it.each([
    [{ accessId: 'a', accessKey: '' }, 'accessKey'],
    [{ bearerToken: 'a\nb' }, 'bearerToken'],
    [{ accessId: 'a b', accessKey: 'k' }, 'accessId'],
    [{ accessId: 'a', accessKey: 'k', expiresAt: new Date('never') }, 'expiresAt'],
  ])('that cannot be any are refused: %o', async (credentials, name) => {
    const wrong = { code: 'BadOption', message: expect.stringContaining(`"${name}"`) };
    const options = { endpoint: 'https://h/api', project: 'p' };
    expect(() => createClient({ ...options, credentials })).toThrow(expect.objectContaining(wrong));
    const { client, got } = await service(
      ok,
      given(async () => credentials),
    );
    await expect(client.project()).rejects.toMatchObject(wrong);
    expect(got.length).toBe(0);
  });
});

describe('signature version 4', () => {
  it.each([
    ['InternalServerError', 'ODPS-0010000: need ak v3 support', 500],
    ['InvalidParameter', 'ODPS-0410051: Invalid credentials - accessKeyId not found', 400],
    ['Unauthorized', 'The request authorization header is invalid or missing.', 401],
  ])(
    'gives way to version 2 where the service does not know it (%s), and stays away from it',
    async (code, message, status) => {
      const { client, got } = await service(
        (one, response) =>
          String(one.headers.authorization).includes('aliyun_v4_request')
            ? json(status, `<Error><Code>${code}</Code><Message>${message}</Message></Error>`)(one, response)
            : ok(one, response),
        { region: 'cn-hangzhou' },
      );
      await client.project();
      await client.project();
      expect(got.map((one) => String(one.headers.authorization).includes('aliyun_v4'))).toEqual([true, false, false]);
    },
  );

  it('does not give way to anything else', async () => {
    const { client, got } = await service(
      json(401, '<Error><Code>ODPS-0410042</Code><Message>Invalid signature value</Message></Error>'),
      {
        region: 'cn-hangzhou',
      },
    );
    await expect(client.project()).rejects.toMatchObject({ code: 'ODPS-0410042', kind: 'auth' });
    expect(got.length).toBe(1);
  });
});

async function folder(): Promise<string> {
  const made = await mkdtemp(join(tmpdir(), 'found-'));
  onTestFinished(() => rm(made, { recursive: true }));
  return made;
}

describe('options are found', () => {
  const none = { home: '/nowhere' };

  it('in the environment, as pyodps and odpscmd name them', () => {
    const env = {
      ODPS_ENDPOINT: 'http://e/api',
      ODPS_PROJECT_NAME: 'p',
      ODPS_TUNNEL_ENDPOINT: 'http://t',
      ODPS_REGION_NAME: 'cn-x',
      ALIBABA_CLOUD_ACCESS_KEY_ID: 'i',
      ALIBABA_CLOUD_ACCESS_KEY_SECRET: 's',
      ALIBABA_CLOUD_SECURITY_TOKEN: 't',
    };
    expect(optionsFromEnvironment(env)).toEqual({
      endpoint: 'http://e/api',
      project: 'p',
      tunnelEndpoint: 'http://t',
      region: 'cn-x',
      credentials: { accessId: 'i', accessKey: 's', securityToken: 't' },
    });
    expect(optionsFromEnvironment({ ...env, ACCESS_KEY_ID: 'c', ACCESS_KEY_SECRET: 'd' }).credentials).toMatchObject({
      accessId: 'c',
      accessKey: 'd',
    });
    expect(optionsFromEnvironment({ ...env, ODPS_BEARER_TOKEN: 'b' }).credentials).toEqual({ bearerToken: 'b' });
    expect(
      optionsFromEnvironment({ ODPS_STS_TOKEN: 't', ODPS_STS_ACCESS_KEY_ID: 'i', ODPS_STS_ACCESS_KEY_SECRET: 's' })
        .credentials,
    ).toEqual({ accessId: 'i', accessKey: 's', securityToken: 't' });
    expect(optionsFromEnvironment({ ODPS_CFG_ENDPOINT: 'http://c/api', ODPS_CFG_PROJECTNAME: 'q' })).toMatchObject({
      endpoint: 'http://c/api',
      project: 'q',
    });
  });

  it('in the files that the environment names, read again before they end', async () => {
    const pass = holdClock();
    const path = join(await folder(), 'sts.json');
    const write = (n: number, lifeMs: number) =>
      writeFile(
        path,
        JSON.stringify({
          accessKeyId: `id${n}`,
          accessKeySecret: 's',
          securityToken: `token${n}`,
          expiration: new Date(Date.now() + lifeMs).toISOString(),
        }),
      );
    await write(1, 600_000);
    const { credentials } = optionsFromEnvironment({ ODPS_STS_ACCOUNT_FILE: path });
    const { client, got } = await service(ok, given(credentials!));
    await client.project();
    await write(2, 3_600_000);
    pass(590_000);
    await client.project();
    expect(tokens(got)).toEqual(['token1', 'token2']);
    await writeFile(path, '{broken');
    const broken = await service(ok, given(optionsFromEnvironment({ ODPS_STS_ACCOUNT_FILE: path }).credentials!));
    await expect(broken.client.project()).rejects.toMatchObject({
      code: 'CredentialsUnavailable',
      message: expect.stringContaining(path),
    });
  });

  it('in a file with a bearer token, which may tell its own end', async () => {
    const path = join(await folder(), 'bearer');
    const text = Buffer.from(`a,b,${Math.floor(Date.now() / 1_000) + 7_200}`).toString('base64');
    await writeFile(path, `${text}\n`);
    const { credentials } = optionsFromEnvironment({ ODPS_BEARER_TOKEN_FILE: path });
    const { bearerToken, expiresAt } = (await (credentials as () => Promise<Credentials>)()) as {
      bearerToken: string;
      expiresAt: Date;
    };
    expect(bearerToken).toBe(text);
    expect(Math.abs(Number(expiresAt) - Date.now() - 7_200_000)).toBeLessThan(5_000);
  });

  it("in odpscmd's odps_config.ini, behind the environment", async () => {
    const path = join(await folder(), 'odps_config.ini');
    await writeFile(
      path,
      '# of odpscmd\nproject_name=p\naccess_id = i\naccess_key=a=b\nend_point=http://e/api\n#tunnel_endpoint=no\nquota_name=q\nhttps_check=\nproxy_host=px\nproxy_port=3128\n',
    );
    expect(await findOptions({}, { ...none, env: {}, configFile: path })).toEqual({
      endpoint: 'http://e/api',
      project: 'p',
      quota: 'q',
      proxy: 'http://px:3128',
      credentials: { accessId: 'i', accessKey: 'a=b', securityToken: undefined },
    });
    const env = { ODPS_PROJECT_NAME: 'other' };
    expect(await findOptions({}, { ...none, env, configFile: path })).toMatchObject({
      project: 'other',
      endpoint: 'http://e/api',
    });
    expect(await findOptions({ accessId: 'x', accessKey: 'y' }, { ...none, env, configFile: path })).not.toHaveProperty(
      'credentials',
    );
  });

  it("in the Go SDK's config.ini", async () => {
    const path = join(await folder(), 'config.ini');
    await writeFile(
      path,
      '; no comment\r\n[other]\r\naccess_id=no\r\n[odps]\r\naccess_id=i\r\naccess_key=k\r\nsts_token=t\r\nendpoint=http://e/api\r\nproject=p\r\ntunnel_quota_name=q\r\n',
    );
    expect(await findOptions({}, { ...none, env: {}, configFile: path })).toMatchObject({
      endpoint: 'http://e/api',
      project: 'p',
      quota: 'q',
      credentials: { accessId: 'i', accessKey: 'k', securityToken: 't' },
    });
  });

  it('with credentials of a profile', async () => {
    const path = join(await folder(), 'credentials');
    await writeFile(
      path,
      '[default]\ntype=access_key\naccess_key_id=i\naccess_key_secret=s\n[sts]\ntype = sts\naccess_key_id=j\naccess_key_secret=s\nsecurity_token=t\n[role]\ntype=ecs_ram_role\n',
    );
    const own = { endpoint: 'http://e/api', project: 'p' };
    const env = { ALIBABA_CLOUD_CREDENTIALS_FILE: path };
    expect(await findOptions(own, { env })).toMatchObject({ credentials: { accessId: 'i', accessKey: 's' } });
    expect(await findOptions(own, { env: { ...env, ALIBABA_CLOUD_PROFILE: 'sts' } })).toMatchObject({
      credentials: { accessId: 'j', securityToken: 't' },
    });
    await expect(findOptions(own, { env: { ...env, ALIBABA_CLOUD_PROFILE: 'role' } })).rejects.toMatchObject({
      code: 'BadOption',
      message: expect.stringContaining('ecs_ram_role'),
    });
  });

  it('or what is missing is named', async () => {
    const key = { accessId: 'i', accessKey: 'k' };
    await expect(findOptions(key, { ...none, env: {} })).rejects.toMatchObject({
      code: 'BadOption',
      message: expect.stringContaining('"endpoint"'),
    });
    await expect(findOptions({ endpoint: 'http://e/api', project: 'p' }, { ...none, env: {} })).rejects.toMatchObject({
      message: expect.stringContaining('"credentials"'),
    });
    await expect(findOptions({}, { ...none, env: {}, configFile: '/nowhere/x.ini' })).rejects.toMatchObject({
      message: expect.stringContaining('/nowhere/x.ini'),
    });
    expect(() => optionsFromEnvironment({ ALIBABA_CLOUD_ACCESS_KEY_ID: 'i' })).toThrow(
      expect.objectContaining({ message: expect.stringContaining('ALIBABA_CLOUD_ACCESS_KEY_SECRET') }),
    );
  });
});

it('makes the endpoints of a region', () => {
  expect(endpointsOf('cn-hangzhou')).toEqual({
    endpoint: 'https://service.cn-hangzhou.maxcompute.aliyun.com/api',
    tunnelEndpoint: 'https://dt.cn-hangzhou.maxcompute.aliyun.com',
  });
  expect(endpointsOf('ap-southeast-1', 'internal').tunnelEndpoint).toBe(
    'https://dt.ap-southeast-1-vpc.maxcompute.aliyun-inc.com',
  );
  expect(() => endpointsOf('evil.example/')).toThrow(expect.objectContaining({ code: 'BadOption' }));
});
