import { GraphQLError, Kind } from 'graphql';
import { builder } from './builder.ts';

const refuse = (message: string) => new GraphQLError(message, { extensions: { code: 'BAD_INPUT' } });

function text(value: unknown, what: string): string {
  if (typeof value !== 'string') throw refuse(`${what} is written as a string.`);
  return value;
}

const RFC_3339 = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/;

builder.scalarType('DateTime', {
  description: 'An instant in RFC 3339; always answered in UTC, as in 2026-03-02T04:30:00.000Z.',
  serialize: (value) => value.toISOString(),
  parseValue: (value) => {
    const given = text(value, 'A DateTime');
    const date = new Date(given);
    if (!RFC_3339.test(given) || Number.isNaN(date.getTime()))
      throw refuse(`"${given}" is not a time in RFC 3339, such as 2026-03-02T04:30:00Z.`);
    return date;
  },
});

builder.scalarType('LocalDate', {
  description: 'A date in the time zone beside it, as in 2026-03-02.',
  serialize: (value) => value,
  parseValue: (value) => {
    const given = text(value, 'A LocalDate');
    const date = new Date(`${given}T00:00:00Z`);
    if (!/^\d{4}-\d\d-\d\d$/.test(given) || Number.isNaN(date.getTime()) || date.toISOString().slice(0, 10) !== given) {
      throw refuse(`"${given}" is not a date such as 2026-03-02.`);
    }
    return given;
  },
});

builder.scalarType('LocalTime', {
  description: 'A time of day in the time zone beside it, as in 02:30:00.',
  serialize: (value) => value,
  parseValue: (value) => {
    const given = text(value, 'A LocalTime');
    if (!/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$/.test(given))
      throw refuse(`"${given}" is not a time of day such as 02:30:00.`);
    return given.length === 5 ? `${given}:00` : given;
  },
});

builder.scalarType('BigInt', {
  description: 'A whole number of any size, always written as a string.',
  serialize: (value) => String(value),
  parseValue: (value) => {
    const given = typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : text(value, 'A BigInt');
    if (!/^-?(0|[1-9]\d{0,38})$/.test(given)) throw refuse(`"${given}" is not a whole number.`);
    return given;
  },
  parseLiteral: (node) => {
    if ((node.kind === Kind.INT || node.kind === Kind.STRING) && /^-?(0|[1-9]\d{0,38})$/.test(node.value))
      return node.value;
    throw refuse('A BigInt is a whole number, best written as a string.');
  },
});

builder.scalarType('JSON', {
  description: 'Any JSON value.',
  serialize: (value) => value,
});
