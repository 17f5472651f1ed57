// Chaos as figures: fault hours in virtual time, with how many of them a second, and minutes of it in real time over several
// seeds, each with what was broken and how long the fleet took to come to rest after the last fault. `--minutes N`: of each
// run in real time. The half hours are `npm run soak -- chaos --seed N`.

import { manyHours } from "../chaos/hours/many.ts";
import { runLive } from "../chaos/live/run.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const HOURS = 10_000;
const SEED = 1;
const LIVE_SEEDS = [1, 2, 3, 4, 5] as const;
const MINUTES = 2;

export async function run({ minutes = MINUTES }: { readonly minutes?: number } = {}): Promise<Figure[]> {
  const say = (line: string): void => console.error(`chaos: ${line}`);
  const virtual = await manyHours({ hours: HOURS, seed: SEED, say });
  say(`seeds ${virtual.seeds.join(" to ")}: ${virtual.faults} faults, ${virtual.cycles} decisions`);
  const recoveries: number[] = [];
  let violations = virtual.failed.reduce((sum, one) => sum + one.violations.length, 0);
  for (const seed of LIVE_SEEDS) {
    const live = await runLive(seed, minutes);
    say(
      `in real time, seed ${seed}: ${live.faults.length} faults, at rest after ${live.recoveryMs ?? "-"} ms`,
    );
    for (const one of live.violations) say(`seed ${seed}: ${one.invariant}: ${one.detail}`);
    violations += live.violations.length;
    recoveries.push(live.recoveryMs === null ? Infinity : live.recoveryMs / 1000);
  }
  return [
    figure("violations", violations, "violations", { max: 0 }),
    figure("fault_hours", virtual.hours, "hours", { min: HOURS }),
    figure("fault_hours_per_s", virtual.hours / virtual.tookS, "hours/s", {}),
    figure("recovery_p99_s", quantile(recoveries, 0.99), "s", { max: 30 }),
  ];
}
