/** A value that survives `JSON.stringify` and back unchanged: what handles, splits, positions and receipts are made of. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
