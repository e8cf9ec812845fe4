import SchemaBuilder from '@pothos/core';
import ScopeAuthPlugin from '@pothos/plugin-scope-auth';
import { GraphQLError } from 'graphql';
import type { Context } from './context.ts';

export interface SchemaTypes {
  Context: Context;
  DefaultFieldNullability: false;
  AuthScopes: { signedIn: boolean };
  Scalars: {
    ID: { Input: string; Output: string };
    DateTime: { Input: Date; Output: Date };
    LocalDate: { Input: string; Output: string };
    LocalTime: { Input: string; Output: string };
    BigInt: { Input: string; Output: string | number | bigint };
    JSON: { Input: unknown; Output: unknown };
  };
}

export const builder = new SchemaBuilder<SchemaTypes>({
  plugins: [ScopeAuthPlugin],
  defaultFieldNullability: false,
  scopeAuth: {
    authScopes: (context) => ({ signedIn: context.actor !== null }),
    // Without it an anonymous subscription would stay open: only its first event would be refused.
    authorizeOnSubscribe: true,
    unauthorizedError: () =>
      new GraphQLError('Nobody is signed in.', {
        extensions: {
          code: 'UNAUTHENTICATED',
          hint: 'Send an API token: "Authorization: Bearer …", or connectionParams.authorization over WebSocket.',
        },
      }),
  },
});

builder.queryType({ description: 'What can be asked.', authScopes: { signedIn: true } });
builder.mutationType({
  description: 'What can be changed. Expected failures are members of each answer that implement Error.',
  authScopes: { signedIn: true },
});
builder.subscriptionType({ description: 'What can be watched, over graphql-ws.', authScopes: { signedIn: true } });
