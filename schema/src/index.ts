import type { GraphQLSchema } from 'graphql';
import { builder } from './builder.ts';
import './scalars.ts';
import './people.ts';
import './errors.ts';
import './data-sources.ts';
import './folders.ts';
import './tasks.ts';
import './task-checks.ts';
import './task-actions.ts';
import './instances.ts';
import './instance-actions.ts';
import './instance-events.ts';

export type { Context } from './context.ts';
export { maskError } from './errors.ts';
export { createLoaders } from './loaders.ts';

/** The whole schema. */
export const schema: GraphQLSchema = builder.toSchema();
