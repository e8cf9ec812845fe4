import { ConnectorError, type Json } from '@sampan/connector';
import { z } from 'zod';

const schema = z.strictObject({
  /** Filters such as `pt=20260301` or `pt>=20260301,hh=00`; several mean any of them. Absent: all partitions. */
  partitions: z.array(z.string().min(1)).min(1).optional(),
});

export type SourceOptions = z.output<typeof schema>;

/** The source's own part of `Read.options`. @throws ConnectorError `BAD_OPTION` */
export const sourceOptions = (options: { [key: string]: Json }): SourceOptions => parsed(schema, options, 'source');

/** @throws ConnectorError `BAD_OPTION` naming the option */
export function parsed<T>(of: z.ZodType<T>, options: unknown, side: 'source' | 'target'): T {
  const result = of.safeParse(options);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const option = first.code === 'unrecognized_keys' ? first.keys[0] : first.path.join('.');
  throw new ConnectorError({
    kind: 'config',
    code: 'BAD_OPTION',
    message: `Option "${option || 'options'}" of the ${side}: ${first.message}.`,
    hint: `Correct or remove the option "${option || 'options'}" of the ${side}.`,
  });
}
