import { type CheckResult, type CheckStep, type ConnectorError, defineConnector } from '@sampan/connector';
import { getProject, Http, tunnelEndpoint } from '@sampan/maxcompute';
import { describeObject, listObjects } from './catalog.ts';
import { config } from './config.ts';
import { told } from './errors.ts';
import { createSource } from './source.ts';
import { createTarget } from './target.ts';

/** Alibaba Cloud MaxCompute (ODPS). */
export default defineConnector({
  api: 1,
  name: 'maxcompute',
  title: 'MaxCompute',
  config,
  open(options, context) {
    const http = new Http({ ...options, dial: (address, signal) => context.dial(address, signal) });
    return {
      check: (signal) => check(http, signal),
      objects: (query, signal) => listObjects(http, query, signal),
      describe: (object, signal) => describeObject(http, object, signal),
      source: createSource(http, context),
      target: createTarget(http, context),
      async [Symbol.asyncDispose]() {
        http.close();
      },
    };
  },
});

async function* check(http: Http, signal: AbortSignal): AsyncGenerator<CheckResult> {
  const steps: [CheckStep, string, () => Promise<string>][] = [
    ['login', 'Asking for the project', async () => `Project ${(await getProject(http, signal)).name} can be reached.`],
    ['privileges', 'Asking for the tunnel', async () => `The tunnel is at ${await tunnelEndpoint(http, signal)}.`],
  ];
  for (const [step, doing, run] of steps) {
    const began = performance.now();
    try {
      yield { step, ok: true, millis: performance.now() - began, message: await told(doing, run()), hint: null };
    } catch (error) {
      const { code, message, hint } = error as ConnectorError;
      yield { step: failedStep(code, step), ok: false, millis: performance.now() - began, message, hint };
      return;
    }
  }
}

function failedStep(code: string, step: CheckStep): CheckStep {
  if (code === 'HOST_NOT_FOUND' || code === 'ADDRESS_DENIED') return 'dns';
  if (code === 'CERTIFICATE_REFUSED') return 'tls';
  if (code === 'REQUEST_TIME_TOO_SKEWED') return 'clock';
  return code.startsWith('CONNECT') ? 'tcp' : step;
}
