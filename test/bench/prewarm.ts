// What a forecast buys and costs on loads whose pattern is known, played in virtual time to the shipped decision: node-hours
// and missed GPU-minutes by those of the same policy without it. Training of eight GPUs on weekdays from 09:00 to noon with
// exact and with roomy nodes; loads that nothing can be foreseen of; one that jumps about a mean every half hour.

import { nodeHours, playWeek, steps, training, TRAINING_WEEK, walked } from "../build/forecast-week.ts";
import type { Step, Week } from "../build/forecast-week.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";

const SEEDS = [1, 2, 3];

const WORK: Week = {
  ...TRAINING_WEEK,
  days: 7,
  load: (time) => 2 * training(time),
};

export async function run(): Promise<Figure[]> {
  const exact = compared({ ...WORK, predictive: { preWarmThreshold: 1 } });
  const roomy = compared({ ...WORK, predictive: { preWarmThreshold: 0.7 } });
  const flat = compared({ ...WORK, load: () => 6 });
  const walks = SEEDS.map((seed) => compared({ ...WORK, load: steps(seed, walked) }));
  const jumps = [1, 0.7].map((preWarmThreshold) => ({
    name: preWarmThreshold === 1 ? "exact" : "roomy",
    found: SEEDS.map((seed) =>
      compared({ ...WORK, load: steps(seed, jumped), predictive: { preWarmThreshold } }),
    ),
  }));
  return await Promise.resolve([
    figure("missed_before", exact.missedBefore, "GPU-min", {}),
    figure("missed_exact", exact.missed, "of before", { max: 0.01 }),
    figure("hours_exact", exact.hours, "of before", {}),
    figure("missed_roomy", roomy.missed, "of before", { max: 0.01 }),
    figure("hours_roomy", roomy.hours, "of before", {}),
    figure("hours_flat", flat.hours, "of before", { max: 1.01 }),
    figure("hours_walk_max", Math.max(...walks.map(({ hours }) => hours)), "of before", { max: 1.01 }),
    ...jumps.flatMap(({ name, found }) => [
      figure(`missed_jumps_${name}_max`, Math.max(...found.map(({ missed }) => missed)), "of before", {}),
      figure(`hours_jumps_${name}_max`, Math.max(...found.map(({ hours }) => hours)), "of before", {}),
    ]),
  ]);
}

interface Compared {
  readonly missedBefore: number;
  readonly missed: number;
  readonly hours: number;
}

function compared(week: Week): Compared {
  const before = playWeek({ ...week, forecasts: false });
  const after = playWeek(week);
  return {
    missedBefore: before.score.unmetGpuMinutes,
    missed: after.score.unmetGpuMinutes / before.score.unmetGpuMinutes,
    hours: nodeHours(after) / nodeHours(before),
  };
}

/** From 2 to 10 GPUs, whatever it was before. */
const jumped: Step = (_last, random) => 2 + Math.floor(random() * 9);
