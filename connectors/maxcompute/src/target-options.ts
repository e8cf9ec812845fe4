import type { Json } from '@sampan/connector';
import { z } from 'zod';
import { parsed } from './source-options.ts';

const schema = z.strictObject({
  /** Days after its last change until the service removes the data of a table that is created. */
  lifecycle: z.int().min(1).max(37_231).optional(),
  /** Of MIRROR: the share of the rows there that may go (default 0.2). */
  maxDeleteShare: z.number().min(0).max(1).optional(),
});

/** The target's own part of `Load.options`. @throws ConnectorError `BAD_OPTION` */
export const targetOptions = (options: { [key: string]: Json }): z.output<typeof schema> =>
  parsed(schema, options, 'target');
