// Lets a few at a time go on, in the order in which they came. Whoever has a turn gives it back once.

export interface Turns {
  /** Resolves with the function that gives the turn back; to call it again does nothing. */
  take(): Promise<() => void>;
}

export function createTurns(atOnce: number): Turns {
  let free = atOnce;
  const waiting: (() => void)[] = [];
  return {
    take: async () => {
      if (free > 0) free--;
      else {
        await new Promise<void>((resolve) => {
          waiting.push(resolve);
        });
      }
      let isHeld = true;
      return () => {
        if (!isHeld) return;
        isHeld = false;
        const next = waiting.shift();
        if (next === undefined) free++;
        else next();
      };
    },
  };
}
