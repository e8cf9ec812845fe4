/** Work that waits for its turn: so much at once in all, and no more of one owner than leaves others a chance. */
export interface Turns {
  /** Resolves when the turn has come; what it answers ends it. */
  take(owner: string): Promise<() => void>;
}

export function createTurns(most: { inAll: number; ofOne: number }): Turns {
  const under = new Map<string, number>();
  const waiting: { owner: string; begin(): void }[] = [];
  let running = 0;
  const has = (owner: string) => running < most.inAll && (under.get(owner) ?? 0) < most.ofOne;
  const count = (owner: string, by: 1 | -1) => {
    running += by;
    const left = (under.get(owner) ?? 0) + by;
    if (left === 0) under.delete(owner);
    else under.set(owner, left);
  };
  const end = (owner: string) => {
    count(owner, -1);
    // The first that may: one that waits for others of its own owner lets those behind it pass.
    const next = waiting.findIndex((one) => has(one.owner));
    if (next >= 0) waiting.splice(next, 1)[0].begin();
  };
  return {
    take(owner) {
      const begun = () => {
        count(owner, 1);
        let ended = false;
        return () => {
          if (!ended) end(owner);
          ended = true;
        };
      };
      if (has(owner)) return Promise.resolve(begun());
      return new Promise((resolve) => waiting.push({ owner, begin: () => resolve(begun()) }));
    },
  };
}
