/** Tags of the record stream's frame, as the 32-bit words that their four bytes make (little-endian), and field numbers. */
export const END_RECORD = 0x7fffc080;
export const META_COUNT = 0x7ffffff0;
export const META_CHECKSUM = 0x7ffffff8;

export const FIELD_END_RECORD = 33_553_408;
export const FIELD_META_COUNT = 33_554_430;
export const FIELD_META_CHECKSUM = 33_554_431;
export const FIELD_END_METRICS = 33_554_176;

/**
 * Seconds up to here, on both sides of 1970, have exact microseconds below: seconds × 15,625 stays within 53 bits.
 * That is the year 20,237; the service itself ends at 9999.
 */
export const MOST_SECONDS = Math.floor(Number.MAX_SAFE_INTEGER / 15_625);
/** The same bound in units of 64 microseconds, the form in which a 64-bit value is cut without BigInt. */
export const MOST_SIXTY_FOURTHS = MOST_SECONDS * 15_625;
