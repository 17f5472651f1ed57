// What is wrong at the moment with the API server and the cloud of a run in virtual time: counters that wear out and
// spans that end. Set by play.ts, asked by whoever plays the server.

export interface Troubles {
  apiAway: number;
  apiSlowMs: number;
  /** Writes that are carried out and not answered. */
  apiLost: number;
  apiConflicts: number;
  apiRefusals: { code: number; count: number };
  cloudAway: number;
  cloudThrottledMs: number;
  cloudLost: number;
  cloudLate: { count: number; ms: number };
  watchesStale: { silent: boolean } | null;
  natsAway: number;
  /** Where the leader dies next; null: nowhere. */
  trap: { readonly point: TrapPoint; nth: number } | null;
}

/** `after-node`: it has just marked a node. */
export type TrapPoint = "before-status" | "after-status" | "after-node" | "in-call" | "after-call";

export function noTroubles(): Troubles {
  return {
    apiAway: 0,
    apiSlowMs: 0,
    apiLost: 0,
    apiConflicts: 0,
    apiRefusals: { code: 503, count: 0 },
    cloudAway: 0,
    cloudThrottledMs: 0,
    cloudLost: 0,
    cloudLate: { count: 0, ms: 0 },
    watchesStale: null,
    natsAway: 0,
    trap: null,
  };
}

/** Whether the trap at this point closes now: it counts down, and is gone when it has. */
export function springs(troubles: Troubles, point: TrapPoint): boolean {
  const { trap } = troubles;
  if (trap === null || trap.point !== point) return false;
  trap.nth -= 1;
  if (trap.nth > 0) return false;
  troubles.trap = null;
  return true;
}
