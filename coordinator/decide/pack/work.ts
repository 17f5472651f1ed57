// How much packing a decision may still do, in units: about one check of a pod at a place. A decision reads no clock,
// so whoever runs it says how many units it can afford, and learns from what was used.

export interface Work {
  readonly used: number;
  /** Infinite where nobody set a limit. */
  readonly left: number;
  use(units: number): void;
  /** What was begun is done to its end, whatever it takes, where half of it would be worth nothing. */
  finish<T>(act: () => T): T;
}

export function createWork(limit: number | undefined): Work {
  const most = limit !== undefined && limit >= 0 ? limit : Infinity;
  let used = 0;
  let finishing = false;
  return {
    get used() {
      return used;
    },
    get left() {
      return finishing ? Infinity : Math.max(0, most - used);
    },
    use: (units) => {
      used += units;
    },
    finish: (act) => {
      finishing = true;
      try {
        return act();
      } finally {
        finishing = false;
      }
    },
  };
}
