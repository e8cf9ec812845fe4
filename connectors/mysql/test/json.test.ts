import { expect, it } from 'vitest';
import { jsonFault } from '../src/writer-json.ts';

it.each([
  '{"a":1,"b":{"a":2},"c":[{"a":3},{"a":4}]}',
  '[-9223372036854775808, 18446744073709551615, 0, -1, 0.1, 1.50e2, 2.5, 5e-324, 1.7976931348623157e308]',
  '{"a:b":"{\\"a\\":1}", "a":"1e999", "x":"\\\\"}',
  '"12345678901234567890123"',
  'null',
  '{"A":1,"a":2}',
])('what the JSON type keeps is written: %s', (text) => {
  expect(jsonFault(text)).toBeNull();
});

it.each([
  ['{"a":1,"b":2,"a":1}', 'the key "a" comes twice in an object'],
  ['{"x":{"é":1,"\\u00e9":2}}', 'the key "\\u00e9" comes twice in an object'],
  ['[1,{"a":1,"a" : 2}]', 'the key "a" comes twice in an object'],
  ['{"n":123456789012345678901234567890}', "MySQL's JSON type cannot keep the number 123456789012345678901234567890"],
  ['18446744073709551616', "MySQL's JSON type cannot keep the number 18446744073709551616"],
  ['[0.12345678901234567890123]', "MySQL's JSON type cannot keep the number 0.12345678901234567890123"],
  ['1e400', "MySQL's JSON type cannot keep the number 1e400"],
  ['-0', "MySQL's JSON type cannot keep the number -0"],
])('what it would change is told: %s', (text, reason) => {
  expect(jsonFault(text)).toBe(reason);
});
