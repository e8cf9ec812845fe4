import { defineConnector } from '@sampan/connector';
import { Http } from '@sampan/maxcompute';
import { describeObject, listObjects } from './catalog.ts';
import { check } from './check.ts';
import { config } from './config.ts';
import { MODES } from './prepare.ts';
import { createSource } from './source.ts';
import { createTarget } from './target.ts';

/** Alibaba Cloud MaxCompute (ODPS). */
export default defineConnector({
  api: 1,
  name: 'maxcompute',
  title: 'MaxCompute',
  roles: ['SOURCE', 'TARGET'],
  writeModes: MODES,
  config,
  open(options, context) {
    const http = new Http({ ...options, dial: (address, signal) => context.dial(address, signal) });
    return {
      check: (signal) => check(http, context, signal),
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
