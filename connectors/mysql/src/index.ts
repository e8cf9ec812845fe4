import { defineConnector } from '@sampan/connector';
import { describeObject, listObjects } from './catalog.ts';
import { check } from './check.ts';
import { config } from './config.ts';
import { close, connect } from './connection.ts';
import { MODES } from './prepare.ts';
import { createSource } from './source.ts';
import { createTarget } from './target.ts';

/** MySQL 5.7 and later, and MariaDB 10.3 and later. */
export default defineConnector({
  api: 1,
  name: 'mysql',
  title: 'MySQL',
  roles: ['SOURCE', 'TARGET'],
  writeModes: MODES,
  config,
  open(options, context) {
    return {
      check: (signal) => check(options, context, signal),
      async *objects(query, signal) {
        const connection = await connect(options, context, { signal });
        try {
          yield* await listObjects(connection, query);
        } finally {
          await close(connection);
        }
      },
      async describe(object, signal) {
        const connection = await connect(options, context, { signal });
        try {
          return await describeObject(connection, object);
        } finally {
          await close(connection);
        }
      },
      source: createSource(options, context),
      target: createTarget((how) => connect(options, context, how), context),
      async [Symbol.asyncDispose]() {},
    };
  },
});
