import type { InputRef } from '@pothos/core';
import { builder } from './builder.ts';
import type { Context } from './context.ts';
import {
  ConflictErrorType,
  ForbiddenErrorType,
  NotFoundErrorType,
  type Told,
  toldError,
  ValidationErrorType,
} from './errors.ts';

const MEMBERS = {
  validation: ValidationErrorType,
  conflict: ConflictErrorType,
  notFound: NotFoundErrorType,
  forbidden: ForbiddenErrorType,
};

type ErrorName = keyof typeof MEMBERS;

const KINDS: { [name in Told['name']]: ErrorName } = {
  ValidationError: 'validation',
  ConflictError: 'conflict',
  NotFoundError: 'notFound',
  ForbiddenError: 'forbidden',
};
const TOLD: ReadonlySet<string> = new Set(Object.keys(KINDS));

// biome-ignore lint/suspicious/noExplicitAny: the builder's own types of fields differ for each mutation
type Any = any;

interface MutationInit<Input, Success extends object> {
  description: string;
  input: InputRef<Input>;
  /** Fields of `<Name>Success`. */
  fields: (t: Any) => Any;
  /** Which errors it expects. */
  errors: ErrorName[];
  resolve: (input: Input, context: Context) => Promise<Success>;
}

/** A mutation `name(input): <Name>Result`, a union of its success and the errors that are to be expected. */
export function mutation<Input, Success extends object>(name: string, init: MutationInit<Input, Success>): void {
  const title = name.charAt(0).toUpperCase() + name.slice(1);
  const success = builder
    .objectRef<Success>(`${title}Success`)
    .implement({ description: `What ${name} answers when it is done.`, fields: init.fields });
  const members = init.errors.map((error) => MEMBERS[error]);
  const result = builder.unionType(`${title}Result`, {
    description: `What ${name} answers.`,
    types: [success, ...members] as Any,
    resolveType: (value: unknown) => (TOLD.has((value as Told).name) ? (value as Told).name : `${title}Success`) as Any,
  });
  builder.mutationField(name, (t: Any) =>
    t.field({
      type: result,
      description: init.description,
      args: { input: t.arg({ type: init.input, required: true, description: 'What to do.' }) },
      resolve: async (_root: unknown, args: { input: Input }, context: Context) => {
        try {
          return await init.resolve(args.input, context);
        } catch (error) {
          const told = toldError(error);
          if (told !== null && init.errors.includes(KINDS[told.name])) return told;
          throw error;
        }
      },
    }),
  );
}
