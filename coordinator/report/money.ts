// The parts that count money, put together for the process that leads: what a cycle saw goes into the sums, the metrics
// and the page. A fault here is logged and costs a cycle its step of the sums; decisions never wait for it nor fail by it.

import type { EpochMs } from "../../shared/model/units.ts";
import type { Page } from "../../shared/runtime/admin.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { createQuietLog } from "../../shared/runtime/log.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Fleet } from "../decide/fleet/fleet.ts";
import type { PricePoint } from "../decide/snapshot.ts";
import type { Rate } from "../money/rate.ts";
import { createCostPage } from "./cost-page.ts";
import { createMoneyRecorder, ratesByPolicy } from "./metrics-money.ts";
import type { CoordinatorMetrics } from "./metrics.ts";
import { keepSpending } from "./spending-kept.ts";
import type { SpendingKeeperOptions } from "./spending-kept.ts";
import { createSpending } from "./spending.ts";
import type { ChargesOf, Look } from "./spending.ts";

export interface Money {
  /** The fleet of a decision, and the prices that it had. Never throws. */
  look(fleet: Fleet, prices: readonly PricePoint[] | undefined): void;
  /** What the policy's machines cost, as the look at that moment saw it. Null: none was, or it saw no such policy. */
  rateOf(policy: string, at: EpochMs): Rate | null;
  /** While `lead` runs the sums are kept, and they are nobody's afterwards. */
  keepDuring(
    kept: Omit<SpendingKeeperOptions, "spending" | "clock" | "log">,
    signal: AbortSignal,
    lead: () => Promise<void>,
  ): Promise<void>;
  readonly routes: Readonly<Record<string, () => Page>>;
}

export function createMoney(parts: {
  readonly metrics: CoordinatorMetrics;
  /** Of pods, by which money is told beside their namespace. */
  readonly labels: readonly string[];
  readonly chargesOf: ChargesOf;
  readonly leader: () => string | null;
  readonly clock: Clock;
  readonly log: Log;
}): Money {
  const { metrics, labels, leader, clock, log } = parts;
  const quiet = createQuietLog(log, clock);
  const spending = createSpending(labels, parts.chargesOf);
  const recorder = createMoneyRecorder(metrics, labels);
  let rates: { readonly of: Look; readonly byPolicy: ReadonlyMap<string, Rate> } | null = null;
  return {
    look: (fleet, prices) => {
      try {
        recorder.record(spending.look(fleet, prices), spending.now());
      } catch (error) {
        quiet.log("money", "error", { part: "money", error }, "cannot count what this cycle costs");
      }
    },
    rateOf: (policy, at) => {
      const now = spending.now();
      if (now?.at !== at) return null;
      // Each policy asks in each cycle, and one pass over the charges answers all of them.
      if (rates?.of !== now) rates = { of: now, byPolicy: ratesByPolicy(now) };
      return rates.byPolicy.get(policy) ?? null;
    },
    keepDuring: async (kept, signal, lead) => {
      const stopped = new AbortController();
      const ends = AbortSignal.any([signal, stopped.signal]);
      const keeping = keepSpending({ ...kept, spending, clock, log }, ends).catch((error: unknown) => {
        log.error({ part: "money", error }, "what is spent is not kept any more");
      });
      try {
        await lead();
      } finally {
        stopped.abort();
        // A write on its way ends by itself, and reads nothing that is counted from now on.
        void keeping;
        spending.forget();
      }
    },
    routes: createCostPage({ spending, labels, leader }),
  };
}
