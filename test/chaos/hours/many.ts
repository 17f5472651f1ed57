// As many simulated hours as are asked for, on several threads: seed after seed, each a run of its own. What failed is cut
// down to the shortest list of faults that still fails.

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

import type { Fault } from "../fault.ts";
import { shrink } from "../shrink.ts";
import { hoursFaults, runHours } from "./run.ts";
import type { SeedDone } from "./worker.ts";

/** Of one run, before its rest. */
export const RUN_HOURS = 6;

export interface ManyHours {
  readonly hours: number;
  readonly faults: number;
  readonly cycles: number;
  readonly tookS: number;
  readonly seeds: readonly [first: number, last: number];
  readonly failed: readonly SeedDone[];
  /** Of each run. */
  readonly recoveriesMs: readonly number[];
}

export async function manyHours(options: {
  readonly hours: number;
  readonly seed: number;
  readonly threads?: number;
  readonly say?: (line: string) => void;
}): Promise<ManyHours> {
  const { hours, seed: first, threads = availableParallelism(), say = () => {} } = options;
  const begun = performance.now();
  const done: SeedDone[] = [];
  let sum = 0;
  let next = first;
  await Promise.all(
    Array.from({ length: threads }, async () => {
      const worker = new Worker(new URL("worker.ts", import.meta.url));
      try {
        while (sum < hours) {
          const seed = next++;
          const one = await ask(worker, seed);
          done.push(one);
          sum += one.hours;
          for (const { invariant, at, detail } of one.violations)
            say(`seed ${seed}, at ${(at / 3_600_000).toFixed(3)} h: ${invariant}: ${detail}`);
          if (done.length % 50 === 0)
            say(`${Math.floor(sum)} of ${hours} hours, ${(sum / since(begun)).toFixed(1)} hours a second`);
        }
      } finally {
        await worker.terminate();
      }
    }),
  );
  return {
    hours: sum,
    faults: done.reduce((all, { faults }) => all + faults, 0),
    cycles: done.reduce((all, { cycles }) => all + cycles, 0),
    tookS: since(begun),
    seeds: [first, next - 1],
    failed: done.filter(({ violations }) => violations.length > 0).toSorted((a, b) => a.seed - b.seed),
    recoveriesMs: done.flatMap(({ recoveryMs }) => recoveryMs ?? []),
  };
}

async function ask(worker: Worker, seed: number): Promise<SeedDone> {
  const { promise, resolve, reject } = Promise.withResolvers<SeedDone>();
  const failed = (error: unknown): void =>
    reject(new Error(`seed ${seed} cannot be played: ${String(error)}`, { cause: error }));
  worker.once("message", resolve);
  worker.once("error", failed);
  worker.postMessage({ seed, hours: RUN_HOURS });
  try {
    return await promise;
  } finally {
    worker.off("message", resolve);
    worker.off("error", failed);
  }
}

/** The shortest list of the seed's faults that still breaks the same rule. */
export async function shrunkHours(
  seed: number,
  invariant: string,
  hours = RUN_HOURS,
): Promise<{ readonly faults: readonly Fault[]; readonly shortest: boolean }> {
  const { left, shortest } = await shrink(hoursFaults(seed, hours), async (part) => {
    const { violations } = await runHours(seed, hours, part);
    return violations.some((one) => one.invariant === invariant);
  });
  return { faults: left, shortest };
}

function since(begun: number): number {
  return (performance.now() - begun) / 1000;
}
