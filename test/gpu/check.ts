// One check of the hardware run: what it is called, what it found, and the numbers behind it. A check that does not
// apply says why; one that throws has failed and lets the others go on.

export type Outcome =
  | { readonly state: "passed" | "failed"; readonly detail: string; readonly figures?: Figures }
  | { readonly state: "not-applicable"; readonly detail: string; readonly figures?: Figures };

export type Figures = Readonly<Record<string, number | string | boolean | null>>;

export interface GpuCheck {
  readonly name: string;
  readonly run: () => Promise<Outcome> | Outcome;
}

export interface Result {
  readonly name: string;
  readonly state: Outcome["state"];
  readonly detail: string;
  readonly figures: Figures;
  readonly tookMs: number;
}

/** Runs it within its time; what it has started by then is its own to end. */
export async function runCheck(check: GpuCheck, withinMs: number): Promise<Result> {
  const startedAt = performance.now();
  const late = Promise.withResolvers<Outcome>();
  const timer = setTimeout(() => {
    late.resolve({ state: "failed", detail: `not done after ${withinMs / 1000} s` });
  }, withinMs);
  let outcome: Outcome;
  try {
    outcome = await Promise.race([Promise.resolve().then(check.run), late.promise]);
  } catch (error) {
    outcome = {
      state: "failed",
      detail: error instanceof Error ? (error.stack ?? error.message) : String(error),
    };
  }
  clearTimeout(timer);
  return {
    name: check.name,
    state: outcome.state,
    detail: outcome.detail,
    figures: outcome.figures ?? {},
    tookMs: Math.round(performance.now() - startedAt),
  };
}

/** Passed when no complaint is left. */
export function judged(complaints: readonly string[], good: string, figures: Figures = {}): Outcome {
  return complaints.length === 0
    ? { state: "passed", detail: good, figures }
    : { state: "failed", detail: complaints.join("; "), figures };
}
