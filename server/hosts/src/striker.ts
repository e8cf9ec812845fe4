import type { Json } from '@sampan/connector';

/** Shorter ones are in every sentence by chance. */
const LEAST_CHARS = 4;

/** Strikes secrets out of what a connector says. */
export interface Striker {
  /** From now on these values are struck out. */
  secret(values: string[]): void;
  /** A copy in which each secret is `***`, however deep. */
  strike<T extends Json>(value: T): T;
  /** A copy in which that is done to messages and hints alone: names and values stay what they are. */
  strikeWords<T extends Json>(value: T): T;
}

export function createStriker(): Striker {
  const secrets = new Set<string>();
  const struck = (text: string) => [...secrets].reduce((left, one) => left.replaceAll(one, '***'), text);
  const walk = (value: unknown, wanted: (key: string) => boolean, key: string): unknown => {
    if (typeof value === 'string') return wanted(key) ? struck(value) : value;
    if (Array.isArray(value)) return value.map((one) => walk(one, wanted, key));
    if (value === null || typeof value !== 'object') return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, walk(one, wanted, name)]));
  };
  return {
    secret(values) {
      for (const one of values) if (one.length >= LEAST_CHARS) secrets.add(one);
    },
    strike: <T extends Json>(value: T): T => walk(value, () => true, '') as T,
    strikeWords: <T extends Json>(value: T): T => walk(value, (key) => key === 'message' || key === 'hint', '') as T,
  };
}
