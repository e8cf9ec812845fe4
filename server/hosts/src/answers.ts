import type { Json } from '@sampan/connector';
import { z } from 'zod';
import { broken, checkedFailure } from './failures.ts';
import type { FromChild, Operation, Operations, RunStore } from './messages.ts';

/** PostgreSQL stores no NUL character, and no name or comment has one. */
const text = z
  .string()
  .max(1_000_000)
  .regex(/^[^\0]*$/u, 'has a NUL character');
const name = text.min(1).max(1_000);
const count = z.number().nonnegative().nullable();
const texts = z.array(text);
const json: z.ZodType<Json> = z.json() as z.ZodType<Json>;

const plain = ['bool', 'int8', 'int16', 'int32', 'int64', 'uint64', 'float32', 'float64', 'date'] as const;
const size = z.number().int().nonnegative().optional();
const digits = z.number().int().min(0).max(9);
const type = z.discriminatedUnion('kind', [
  z.object({ kind: z.enum(plain) }),
  z.object({ kind: z.literal('decimal'), precision: z.number().int(), scale: z.number().int() }),
  z.object({ kind: z.literal('utf8'), maxChars: size, maxBytes: size }),
  z.object({ kind: z.enum(['binary', 'json']), maxBytes: size }),
  z.object({ kind: z.enum(['time', 'datetime', 'timestamp']), digits }),
]);
const field = z.object({
  name,
  type,
  native: text,
  nullable: z.boolean(),
  generated: z.boolean(),
  defaulted: z.boolean().optional(),
  comment: text.optional(),
});
const kind = z.enum(['TABLE', 'VIEW', 'FILES', 'COLLECTION']);
const publish = z.enum(['swap', 'transaction', 'stepped', 'session']);

/** What each operation answers when the connector keeps to the contract. */
const ANSWERS: { [O in Operation]: z.ZodType } = {
  info: z.object({
    name,
    title: name,
    schema: z.record(z.string(), json),
    secrets: texts,
    endpoint: texts,
    roles: z.array(z.enum(['SOURCE', 'TARGET'])),
    writeModes: texts,
  }),
  parse: z.record(z.string(), json),
  check: z.array(
    z.object({
      step: z.enum(['dns', 'tcp', 'tls', 'login', 'privileges', 'version', 'clock']),
      ok: z.boolean(),
      millis: z.number().nullable(),
      message: text,
      hint: text.nullable(),
    }),
  ),
  objects: z.array(z.object({ name, kind, rowEstimate: count, byteEstimate: count, comment: text.optional() })),
  describe: z.object({
    object: name,
    kind,
    fields: z.array(field),
    partitionFields: z.array(field),
    keys: z.array(z.object({ name: text, columns: texts, unique: z.boolean(), primary: z.boolean() })),
    rowEstimate: count,
    byteEstimate: count,
    comment: text.optional(),
  }),
  preview: z.object({ fields: z.array(field), rows: z.array(z.array(z.string().nullable())) }),
  prepare: z.object({ ddl: text.nullable(), publish, visible: text, fields: z.array(field) }),
  run: z.discriminatedUnion('end', [
    z.object({ end: z.enum(['committed', 'lost']) }),
    z.object({ end: z.literal('stopped'), unpublished: z.literal(true).optional() }),
    z.object({ end: z.literal('failed'), failure: z.unknown().transform(checkedFailure) }),
    z.object({ end: z.literal('undecided'), message: text, again: z.boolean() }),
  ]),
  abort: z.null(),
  forget: z.null(),
};

/** What a connector answered, looked at before it is believed. @throws ConnectorError `BROKEN_CONNECTOR` */
export function checkedAnswer<O extends Operation>(operation: O, answer: Json): Operations[O]['answer'] {
  const { success, data, error } = ANSWERS[operation].safeParse(answer);
  if (success) return data as Operations[O]['answer'];
  const { path, message } = error.issues[0];
  const where = path.length === 0 ? '' : ` at ${path.join('.')}`;
  throw broken(`its answer to "${operation}" is not what the contract says${where}: ${message}`);
}

/** Every method, and no other property, can be called from a host. */
const METHODS: { [M in keyof RunStore]: true } = {
  phase: true,
  savePlan: true,
  saveHandle: true,
  splitStarted: true,
  saveReceipt: true,
  dirty: true,
  progress: true,
  log: true,
  statements: true,
  reconciled: true,
  committing: true,
};

const message = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('store'),
    id: z.number().int(),
    method: z.string().refine((called) => Object.hasOwn(METHODS, called)),
    args: z.array(z.unknown()).max(3),
  }),
  z.object({
    type: z.literal('answer'),
    value: z.unknown().transform((value) => value ?? null),
    failure: z.unknown().transform((failure) => (failure === null ? null : checkedFailure(failure))),
  }),
]);

/** A message of a child; null for what is none. */
export function checkedMessage(received: unknown): FromChild | null {
  const { success, data } = message.safeParse(received);
  return success ? (data as FromChild) : null;
}
