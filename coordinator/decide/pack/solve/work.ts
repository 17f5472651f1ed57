// What a search may still do, in elementary fit tests. The order of all steps of a search is fixed and a step that
// cannot be finished counts for nothing, so more units only ever add steps and never make a result worse.

export interface Work {
  used: number;
  readonly limit: number;
  /** Set by the first step that the units did not reach for: nothing after it is begun. */
  stopped: boolean;
}

export function startWork(units: number): Work {
  return { used: 0, limit: Number.isNaN(units) ? 0 : Math.max(0, units), stopped: false };
}

/** False when the units do not reach; the search is over then. */
export function spend(work: Work, units: number): boolean {
  if (work.stopped || work.used + units > work.limit) {
    work.stopped = true;
    return false;
  }
  work.used += units;
  return true;
}

/** The same counter without a limit, for what has to be done in any case. */
export function unlimited(work: Work): Work {
  return { used: work.used, limit: Number.POSITIVE_INFINITY, stopped: false };
}
