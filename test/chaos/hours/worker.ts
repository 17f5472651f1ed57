// One thread of the fault hours: plays the seeds that it is sent, one by one, and sends back what matters of each run.

import { parentPort } from "node:worker_threads";

import type { Violation } from "../invariants.ts";
import { runHours } from "./run.ts";

export interface SeedDone {
  readonly seed: number;
  readonly hours: number;
  readonly faults: number;
  readonly cycles: number;
  readonly recoveryMs: number | null;
  readonly violations: readonly Violation[];
}

parentPort?.on("message", ({ seed, hours }: { readonly seed: number; readonly hours: number }) => {
  runHours(seed, hours).then(
    ({ faults, cycles, recoveryMs, violations, hours: done }) =>
      parentPort?.postMessage({
        seed,
        hours: done,
        faults: faults.length,
        cycles,
        recoveryMs,
        violations,
      } satisfies SeedDone),
    // The other side hears of it as the thread's error.
    (error: unknown) => {
      throw error;
    },
  );
});
