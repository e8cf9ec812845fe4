import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import http, { createServer } from 'node:http';
import https from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createClient } from '../src/index.ts';
import { json, service } from './service.ts';

const ok = json(200, '<Project><Name>proj</Name></Project>');

/** A proxy that lets everything through, to `target`; it tells what it was asked for. */
async function proxy(target: () => number, status = 200) {
  const asked: { line: string; authorization: string | undefined }[] = [];
  const server = createServer((request, response) => {
    asked.push({ line: `${request.method} ${request.url}`, authorization: request.headers['proxy-authorization'] });
    if (status !== 200) return void response.writeHead(status).end('no');
    const { pathname, search, host } = new URL(String(request.url));
    const headers = { ...request.headers, host };
    const onward = http.request(
      { port: target(), host: '127.0.0.1', method: request.method, path: pathname + search, headers },
      (answer) => {
        response.writeHead(answer.statusCode ?? 0, answer.headers);
        answer.pipe(response);
      },
    );
    request.pipe(onward);
  });
  const sockets = new Set<Socket>();
  server.on('connect', (request, socket: Socket) => {
    asked.push({ line: `CONNECT ${request.url}`, authorization: request.headers['proxy-authorization'] });
    sockets.add(socket);
    if (status !== 200) return void socket.end(`HTTP/1.1 ${status} Refused\r\n\r\n`);
    const onward = connect(target(), '127.0.0.1');
    sockets.add(onward);
    for (const one of [socket, onward]) one.on('error', () => {});
    socket.write('HTTP/1.1 200 OK\r\n\r\n');
    socket.pipe(onward).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { asked, port: (server.address() as AddressInfo).port };
}

/** An https service with a certificate that nobody signed but itself, for `localhost`. */
async function secureService() {
  const folder = mkdtempSync(join(tmpdir(), 'certificate-'));
  const [key, cert] = [join(folder, 'key'), join(folder, 'cert')];
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:prime256v1',
      '-nodes',
      '-keyout',
      key,
      '-out',
      cert,
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      'subjectAltName=DNS:localhost',
    ],
    { stdio: 'ignore' },
  );
  const server = https.createServer({ key: readFileSync(key), cert: readFileSync(cert) }, (_, response) => {
    response.writeHead(200, { 'x-odps-owner': 'me' }).end('<Project><Name>proj</Name></Project>');
  });
  rmSync(folder, { recursive: true });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const options = { project: 'proj', accessId: 'id', accessKey: 'key' };
function client(endpoint: string, more: object = {}) {
  const made = createClient({ endpoint, ...options, ...more });
  onTestFinished(() => made.close());
  return made;
}

afterEach(() => vi.unstubAllEnvs());

describe('a proxy', () => {
  it('gets requests to http endpoints whole, with its own password', async () => {
    const { port, got } = await service(ok);
    const { asked, port: proxyPort } = await proxy(() => port);
    const made = client('http://odps.invalid/api', { proxy: `http://user:p%40ss@127.0.0.1:${proxyPort}` });
    expect(await made.project()).toMatchObject({ name: 'proj' });
    expect(asked[0].line).toBe('GET http://odps.invalid/api/projects/proj?curr_project=proj');
    expect(asked[0].authorization).toBe(`Basic ${Buffer.from('user:p@ss').toString('base64')}`);
    expect(got[0].headers.host).toBe('odps.invalid');
    expect(inspect(made, { depth: 9, showHidden: true })).not.toContain('p%40ss');
  });

  it('is asked for a connection to https endpoints, under whose TLS it sees nothing', async () => {
    const port = await secureService();
    const { asked, port: proxyPort } = await proxy(() => port);
    const made = client('https://localhost/api', { proxy: `127.0.0.1:${proxyPort}` });
    // The certificate is the endpoint's, seen through the proxy, and nobody signed it.
    await expect(made.project()).rejects.toMatchObject({ code: 'CertificateRefused', kind: 'config' });
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    expect(await made.project()).toMatchObject({ name: 'proj', owner: 'me' });
    expect(new Set(asked.map((one) => one.line))).toEqual(new Set(['CONNECT localhost:443']));
  });

  it.each([
    [407, 'config', 'password'],
    [403, 'config', 'lets through'],
  ])('that refuses is told as what it is (%i)', async (status, kind, hint) => {
    const { port } = await proxy(() => 0, status);
    const through = { proxy: `http://127.0.0.1:${port}` };
    const wanted = { code: 'ProxyRefused', kind, status, hint: expect.stringContaining(hint) };
    await expect(client('https://odps.invalid/api', through).project()).rejects.toMatchObject(wanted);
    await expect(client('http://odps.invalid/api', through).project()).rejects.toMatchObject({ status });
  });

  it('comes from the environment', async () => {
    const { port } = await service(ok);
    const { asked, port: proxyPort } = await proxy(() => port);
    vi.stubEnv('HTTP_PROXY', `http://127.0.0.1:${proxyPort}`);
    vi.stubEnv('NO_PROXY', 'other.invalid, .inside.invalid,10.0.0.0/8');
    await client('http://odps.invalid/api').project();
    await client(`http://127.0.0.1:${port}/api`).project();
    expect(asked.length).toBe(1);
    for (const host of ['other.invalid', 'a.inside.invalid', '10.255.255.1'])
      await expect(
        client(`http://${host}/api`, { connectTimeoutMs: 60 }).project(AbortSignal.timeout(300)),
      ).rejects.toThrow();
    await expect(
      client('http://odps.invalid/api', { proxy: false }).project(AbortSignal.timeout(300)),
    ).rejects.toThrow();
    expect(asked.length).toBe(1);
  });

  it('of the environment is not used by a program that dials itself', async () => {
    const { port } = await service(ok);
    const { asked, port: proxyPort } = await proxy(() => port);
    vi.stubEnv('http_proxy', `http://127.0.0.1:${proxyPort}`);
    const dialled: unknown[] = [];
    const dial = async (address: { host: string; port: number }) => {
      dialled.push(address.host);
      return connect(address.host === '127.0.0.1' ? address.port : port, '127.0.0.1');
    };
    await client('http://odps.invalid/api', { dial }).project();
    expect([asked.length, dialled]).toEqual([0, ['odps.invalid']]);
    await client('http://odps.invalid/api', { dial, proxy: `http://127.0.0.1:${proxyPort}` }).project();
    expect([asked.length, dialled]).toEqual([1, ['odps.invalid', '127.0.0.1']]);
  });

  it.each(['https://h', 'ftp://h', 'http://', 'http://a b'])('cannot be %j', (text) => {
    expect(() => client('http://h/api', { proxy: text })).toThrow(expect.objectContaining({ code: 'BadOption' }));
  });
});

it('a certificate that is wrong is refused, at once', async () => {
  const port = await secureService();
  await expect(client(`https://localhost:${port}/api`).project()).rejects.toMatchObject({
    code: 'CertificateRefused',
    kind: 'config',
    hint: expect.any(String),
  });
});
