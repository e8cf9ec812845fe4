/**
 * The plain text of a decimal number that fits DECIMAL(precision,scale) to its last digit: without plus sign, zeros that
 * say nothing, and exponent. `beyond` where it does not fit; null where the text is no decimal number.
 */
export function decimalOf(text: string, precision: number, scale: number): string | 'beyond' | null {
  const match = /^([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))$/.exec(text);
  if (match === null) return null;
  const [, sign, whole = '', behind, alone] = match;
  const integer = whole.replace(/^0+/, '');
  const fraction = (behind ?? alone ?? '').replace(/0+$/, '');
  if (integer.length > precision - scale || fraction.length > scale) return 'beyond';
  const digits = `${integer === '' ? '0' : integer}${fraction === '' ? '' : `.${fraction}`}`;
  return sign === '-' && digits !== '0' ? `-${digits}` : digits;
}
