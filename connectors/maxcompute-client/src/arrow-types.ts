import { physicalOf } from './columns.ts';
import { MaxComputeError } from './errors.ts';
import { type OdpsType, typeText } from './types.ts';

/** INTERVAL_DAY_TIME as Arrow has it in the tunnel. */
export const DAY_TIME: { name: string; type: OdpsType }[] = [
  { name: 'sec', type: { kind: 'bigint' } },
  { name: 'nano', type: { kind: 'int' } },
];

/** The most digits of Arrow's decimal128. */
const MOST_DIGITS = 38;

/**
 * Refuses types for which the tunnel has no sure form in Arrow.
 * @throws MaxComputeError `UnknownType`
 */
export function checkArrowType(type: OdpsType): void {
  physicalOf(type);
  if (type.kind === 'array') checkArrowType(type.element);
  else if (type.kind === 'map') {
    checkArrowType(type.key);
    checkArrowType(type.value);
  } else if (type.kind === 'struct') for (const field of type.fields) checkArrowType(field.type);
  else if (type.kind === 'interval_year_month' || (type.kind === 'decimal' && type.precision > MOST_DIGITS))
    throw new MaxComputeError({
      code: 'UnknownType',
      kind: 'config',
      message: `Values of type ${typeText(type)} do not travel as Arrow.`,
      hint: 'Use records for this table, or leave the column out.',
    });
}
