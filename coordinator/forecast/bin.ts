// One observation of demand as a forecaster takes it in. Whoever makes bins says what is not known and what was cut off;
// neither is ever written as 0.

import type { EpochMs } from "../../shared/model/units.ts";

/** One finished stretch of time. */
export interface DemandBin {
  /** Where it starts: a multiple of the bin's width since 1970. */
  readonly at: EpochMs;
  /** Mean of GPUs in use and GPUs that waiting pods ask for. Null: not known, which is never 0. */
  readonly gpus: number | null;
  /** The pool could not grow (limit, stock, quota), so demand was at least `gpus`. */
  readonly censored?: boolean;
}
