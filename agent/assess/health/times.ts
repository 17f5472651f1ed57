// How often each rule spoke of each GPU, and when: a fault that comes again asks for more than one that came once.
// Outlives cases and boots.

import type { GpuUuid } from "../../../shared/model/gpu.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { RememberedTimes } from "./memory.ts";
import type { Rule } from "./rule.ts";

export interface Times {
  /** One more, unless it belongs to one that is known. @returns how many there were within the rule's span, this one included. */
  count(rule: Rule, gpu: GpuUuid | null, at: EpochMs): number;
  /** How many there were within the rule's span before `at`; at least the one that is asked about. */
  before(rule: Rule, gpu: GpuUuid | null, at: EpochMs): number;
  all(): readonly RememberedTimes[];
}

/** A crash is many lines: within this, the same thing again is the same time. */
const ONE_TIME_MS = 60_000;
const KEPT = 16;
/** GPUs come and go over the years of a machine. */
const REMEMBERED = 512;

export function createTimes(remembered: readonly RememberedTimes[]): Times {
  const times = new Map<string, RememberedTimes>();
  for (const { rule, gpu, at } of remembered.slice(-REMEMBERED))
    times.set(keyOf(rule, gpu), { rule, gpu, at: at.slice(-KEPT) });

  const before = (rule: Rule, gpu: GpuUuid | null, at: EpochMs): number => {
    const withinMs = rule.again?.withinMs ?? 0;
    const kept = times.get(keyOf(rule.name, gpu))?.at ?? [];
    // In both directions: what was noted while the clock was ahead must not count for ever.
    return Math.max(1, kept.filter((one) => Math.abs(at - one) < withinMs).length);
  };
  return {
    count: (rule, gpu, at) => {
      if (rule.again === undefined) return 1;
      const kept = times.get(keyOf(rule.name, gpu))?.at ?? [];
      if (!kept.some((one) => Math.abs(at - one) < ONE_TIME_MS))
        times.set(keyOf(rule.name, gpu), { rule: rule.name, gpu, at: [...kept, at].slice(-KEPT) });
      return before(rule, gpu, at);
    },
    before,
    all: () => [...times.values()],
  };
}

function keyOf(rule: string, gpu: GpuUuid | null): string {
  return `${rule} ${gpu ?? ""}`;
}
