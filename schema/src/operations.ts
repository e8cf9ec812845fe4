import type { WorkspaceOperation } from '@sampan/control';

import { builder } from './builder.ts';
import { Node } from './nodes.ts';

const OperationState = builder.enumType('OperationState', {
  description: 'How far an operation is.',
  values: ['RUNNING', 'DONE', 'FAILED', 'CANCELLED'] as const,
});
const OperationErrorType = builder
  .objectRef<{ code: string; message: string; hint: string | null }>('OperationError')
  .implement({
    description: 'Why an operation failed.',
    fields: (t) => ({
      code: t.exposeString('code', { description: 'Stable, for programs.' }),
      message: t.exposeString('message', { description: 'What went wrong.' }),
      hint: t.exposeString('hint', { nullable: true, description: 'What to do next.' }),
    }),
  });
export const OperationType = builder.objectRef<WorkspaceOperation>('Operation').implement({
  description: 'Work that outlives the request that asked for it; ask node(id) how far it is.',
  interfaces: [Node],
  fields: (t) => ({
    kind: t.exposeString('kind', { description: 'The mutation that began it.' }),
    state: t.field({ type: OperationState, description: 'How far it is.', resolve: (one) => one.state }),
    done: t.exposeInt('done', { description: 'Items done.' }),
    total: t.exposeInt('total', { nullable: true, description: 'Items in all; null where not known yet.' }),
    error: t.field({
      type: OperationErrorType,
      nullable: true,
      description: 'Why it failed.',
      resolve: (one) => one.error,
    }),
    startedAt: t.field({ type: 'DateTime', description: 'When it began.', resolve: (one) => one.startedAt }),
    endedAt: t.field({
      type: 'DateTime',
      nullable: true,
      description: 'When it ended.',
      resolve: (one) => one.endedAt,
    }),
  }),
});
