import { type ConfigSpec, ConnectorError, type Json } from '@sampan/connector';
import { z } from 'zod';

const url = z.url({ protocol: /^https?$/ });

const schema = z.strictObject({
  endpoint: url.meta({
    title: 'Endpoint',
    description: 'Of the service, such as https://service.cn-hangzhou.maxcompute.aliyun.com/api.',
  }),
  tunnelEndpoint: url
    .optional()
    .meta({ title: 'Tunnel endpoint', description: 'Found by asking the service where absent.' }),
  project: z.string().min(1).meta({ title: 'Project', description: 'Whose tables are meant.' }),
  schema: z.string().min(1).optional().meta({ title: 'Schema', description: 'Of a project with three-tier names.' }),
  accessId: z
    .string()
    .min(1)
    .meta({ title: 'Access id', description: 'Of the account that the requests are signed for.' }),
  accessKey: z.string().min(1).meta({
    title: 'Access key',
    description: 'Of that account. Never shown again once it is stored.',
    secret: true,
  }),
  securityToken: z
    .string()
    .min(1)
    .optional()
    .meta({ title: 'Security token', description: 'Of temporary credentials.', secret: true }),
  quota: z
    .string()
    .min(1)
    .optional()
    .meta({ title: 'Tunnel quota', description: 'The quota whose slots uploads and downloads take.' }),
  region: z.string().min(1).optional().meta({ title: 'Region', description: 'Signs with version 4 where given.' }),
});

export type MaxComputeOptions = z.output<typeof schema>;

export const config: ConfigSpec<MaxComputeOptions> = {
  schema: z.toJSONSchema(schema, { io: 'input' }) as { [key: string]: Json },
  secrets: ['accessKey', 'securityToken'],
  endpoint: ['endpoint', 'tunnelEndpoint', 'accessId', 'region'],
  parse(options) {
    const parsed = schema.safeParse(options);
    if (parsed.success) return parsed.data;
    const first = parsed.error.issues[0];
    const option = first.code === 'unrecognized_keys' ? first.keys[0] : first.path.join('.');
    throw new ConnectorError({
      kind: 'config',
      code: 'BAD_OPTION',
      message: `Option "${option || 'options'}": ${first.message}.`,
      hint: `Correct the option "${option || 'options'}" of the data source.`,
    });
  },
};
