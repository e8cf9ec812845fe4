import { timestamp, uuid } from 'drizzle-orm/pg-core';

/** An instant, to the microsecond. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });

export const idColumn = () => uuid('id').primaryKey().defaultRandom();
