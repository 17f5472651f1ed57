// The same work several times: what each run took, said while it goes on, and the middle and the spread at the end.
// One run beforehand is not counted, since the compiler of a program that just began is still at work.

import { median } from "./figure.ts";

export const RUNS = 8;

export interface Runs<T> {
  readonly medianS: number;
  /** What the last run gave. */
  readonly last: T;
}

/** `prepare` makes what a run works on and is not timed. */
export function timed<I, T>(name: string, prepare: () => I, work: (input: I) => T, runs = RUNS): Runs<T> {
  const seconds: number[] = [];
  let last = work(prepare());
  for (let run = 1; run <= runs; run++) {
    const input = prepare();
    const began = performance.now();
    last = work(input);
    const took = (performance.now() - began) / 1000;
    seconds.push(took);
    console.error(`${name}: run ${run} of ${runs}, ${took.toFixed(3)} s`);
  }
  const middle = median(seconds);
  console.error(
    `${name}: ${middle.toFixed(3)} s, from ${Math.min(...seconds).toFixed(3)} to ${Math.max(...seconds).toFixed(3)}`,
  );
  return { medianS: middle, last };
}
