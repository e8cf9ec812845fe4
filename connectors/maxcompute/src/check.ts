import { type CheckResult, type CheckStep, isConnectorError, type OpenContext } from '@sampan/connector';
import { getProject, type Http, listTables, tunnelEndpoint } from '@sampan/maxcompute';
import { asConnectorError } from './errors.ts';

/** The service refuses requests that are further off than this many minutes: a hint well before that. */
const CLOCK_TOLERANCE_S = 60;

/** Steps in order, of the service and of its tunnel; the first one that fails is the last one told. */
export async function* check(http: Http, context: OpenContext, signal: AbortSignal): AsyncGenerator<CheckResult> {
  let began = performance.now();
  let step: CheckStep = 'tcp';
  const passed = (done: CheckStep, message: string): CheckResult => {
    const millis = performance.now() - began;
    began = performance.now();
    return { step: done, ok: true, millis, message, hint: null };
  };
  try {
    const { endpoint, project } = http.options;
    const { hostname } = new URL(endpoint);
    await reach(context, endpoint, signal);
    yield { ...passed('dns', `${hostname} was found.`), millis: null };
    yield passed('tcp', `${hostname} answers on its port.`);
    step = 'login';
    const { name } = await getProject(http, signal);
    const secure = endpoint.startsWith('https:');
    yield { ...passed('tls', secure ? 'Encrypted.' : 'Not encrypted: the endpoint is http.'), millis: null };
    yield passed('login', `Project ${name || project} can be reached.`);
    yield await clock(http, signal);
    step = 'privileges';
    const { done } = await listTables(http, '', signal).next();
    const tunnel = await tunnelEndpoint(http, signal);
    step = 'tcp';
    await reach(context, tunnel, signal);
    const tables = done ? 'Tables can be listed, and there are none' : 'Tables can be listed';
    yield passed('privileges', `${tables}; the tunnel at ${tunnel} answers.`);
  } catch (error) {
    const failure = isConnectorError(error) ? error : asConnectorError(error, 'Testing the connection');
    const millis = performance.now() - began;
    yield { step: stepOf(failure.code, step), ok: false, millis, message: failure.message, hint: failure.hint };
  }
}

async function reach(context: OpenContext, address: string, signal: AbortSignal): Promise<void> {
  const { protocol, hostname, port } = new URL(address);
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const socket = await context.dial({ host, port: Number(port) || (protocol === 'https:' ? 443 : 80) }, signal);
  socket.destroy();
}

/** How far the service's clock is ahead, by the date of an answer. */
async function clock(http: Http, signal: AbortSignal): Promise<CheckResult> {
  const { endpoint, project } = http.options;
  const began = Date.now();
  const { headers } = await http.call({
    method: 'GET',
    base: endpoint,
    resource: `/projects/${encodeURIComponent(project)}`,
    query: { curr_project: project },
    repeatable: true,
    signal,
  });
  const millis = Date.now() - began;
  const theirs = Date.parse(String(headers.date ?? ''));
  const seconds = Math.round((theirs - began - millis / 2) / 1_000);
  const told = { step: 'clock' as const, ok: true, millis };
  if (Number.isNaN(seconds)) return { ...told, message: "The service does not tell its clock's time.", hint: null };
  return {
    ...told,
    message: `The service's clock differs by ${seconds} s.`,
    hint:
      Math.abs(seconds) > CLOCK_TOLERANCE_S
        ? "Set this machine's clock by NTP: the service refuses requests that are too far off."
        : null,
  };
}

function stepOf(code: string, step: CheckStep): CheckStep {
  if (code === 'HOST_NOT_FOUND' || code === 'ADDRESS_DENIED') return 'dns';
  if (code === 'CERTIFICATE_REFUSED') return 'tls';
  if (code === 'REQUEST_TIME_TOO_SKEWED') return 'clock';
  return code.startsWith('CONNECT') ? 'tcp' : step;
}
