// The pods of the bench `deadline`, drawn by a seed: their class, the grace that they ask for, how long their process
// wants after SIGTERM, and whether a budget blocks them. The same seed gives the same pods whatever is done to them.

import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import type { Millis, Seconds } from "../../shared/model/units.ts";

export const CLASSES = ["low", "medium", "high"] as const;
export type DrawnClass = (typeof CLASSES)[number];

export interface DrawnPod {
  /** Name of the pod's owner; successors have it too. */
  readonly owner: string;
  readonly class: DrawnClass;
  /** `terminationGracePeriodSeconds`. */
  readonly grace: Seconds;
  /** From SIGTERM until the process has saved all and ends by itself. */
  readonly wantsMs: Millis;
  readonly blocked: boolean;
}

/** 40, 30 and 30 % of 30. */
const COUNT: Readonly<Record<DrawnClass, number>> = { low: 12, medium: 9, high: 9 };
export const PODS = COUNT.low + COUNT.medium + COUNT.high;
/** What people write for training; 30 is what stands there when they write nothing. */
const HIGH_GRACES = [30, 60, 300, 600] as const;

/** Pods in no order of their classes. Who is blocked at 20 % is blocked at 50 % too. */
export function drawPods(seed: number, blockedShare: number): readonly DrawnPod[] {
  const random = seededRandom(seed);
  const drawn = CLASSES.flatMap((name) =>
    Array.from({ length: COUNT[name] }, () => ({ class: name, ...habitsOf(name, random) })),
  );
  const places = shuffled(
    drawn.map((_, at) => at),
    random,
  );
  return shuffled(drawn, random).map((pod, at) => ({
    ...pod,
    owner: `job-${String(at).padStart(2, "0")}`,
    blocked: (places[at] ?? 0) < blockedShare * PODS,
  }));
}

function habitsOf(name: DrawnClass, random: Random): Pick<DrawnPod, "grace" | "wantsMs"> {
  const between = (from: number, to: number): number => from + (to - from) * random();
  switch (name) {
    case "low":
      return { grace: seconds(Math.round(between(30, 60))), wantsMs: millis(between(1_000, 11_000)) };
    case "medium":
      return { grace: seconds(Math.round(between(30, 90))), wantsMs: millis(between(5_000, 30_000)) };
    case "high": {
      const grace = HIGH_GRACES[Math.floor(random() * HIGH_GRACES.length)] ?? HIGH_GRACES[0];
      return { grace: seconds(grace), wantsMs: millis(between(10_000, 90_000)) };
    }
  }
}

export function shuffled<T>(items: readonly T[], random: Random): readonly T[] {
  return items
    .map((item) => ({ item, place: random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ item }) => item);
}
