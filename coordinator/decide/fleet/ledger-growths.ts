// The growths of a pool whose machines may still come, and which of them a machine is taken to be of: told by time alone,
// the oldest first that still lacks one. Kept as far as the journal does not have it: when each was decided, and how many
// of its machines have been seen.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { AskedGrowth, LaunchedMachine, LaunchLedger } from "../snapshot-memory.ts";
import type { PoolState } from "./fleet.ts";
import { growthsOf } from "./flights.ts";
import type { Growth } from "./flights.ts";
import { clocksOf } from "./standing.ts";

export const MAX_ASKED = 20;
/** Others date machines by their own clocks, Kubernetes in whole seconds: one may seem older than its growth. */
const SKEW_MS = 5_000;
/** Reasons of growths that a pod waits for. */
const FOR_PODS: ReadonlySet<string> = new Set(["pending-pods", "interruption"]);

/** Notes when the growths of this decision were decided: the intents that follow are written down a moment later. */
export function withAsked(ledger: LaunchLedger, keys: readonly string[], at: EpochMs): LaunchLedger {
  if (keys.length === 0) return ledger;
  const fresh = new Set(keys);
  const asked = [
    ...ledger.asked.filter(({ key }) => !fresh.has(key)),
    ...keys.map((key) => ({ key, intendedAt: at, seen: 0 })),
  ];
  return { ...ledger, asked: asked.slice(-MAX_ASKED) };
}

export interface OpenGrowth {
  readonly growth: Growth;
  readonly intendedAt: EpochMs | undefined;
  seen: number;
}

/** Growths whose machines may still come, oldest first. */
export function openGrowths(pool: PoolState, asked: readonly AskedGrowth[], at: EpochMs): OpenGrowth[] {
  const growths = growthsOf(pool.journal, pool.name, at);
  if (growths.length === 0) return [];
  const { launchMs, registrationMs } = clocksOf(pool.spec);
  const before = new Map(asked.map((entry) => [entry.key, entry]));
  return growths
    .filter((growth) => at - growth.at <= launchMs + registrationMs)
    .map((growth) => {
      const known = before.get(growth.key);
      const intendedAt = known?.intendedAt ?? (growth.onItsWay ? growth.at : undefined);
      return { growth, intendedAt, seen: known?.seen ?? 0 };
    });
}

export function askedOf({ growth: { key }, intendedAt, seen }: OpenGrowth): AskedGrowth {
  return { key, ...(intendedAt === undefined ? {} : { intendedAt }), seen };
}

type Link = Pick<LaunchedMachine, "intendedAt" | "acceptedAt" | "forPods">;

/** Nothing where nobody here asked for it. */
export function linked(growths: readonly OpenGrowth[], pool: PoolState, began: EpochMs, at: EpochMs): Link {
  const { launchMs, registrationMs } = clocksOf(pool.spec);
  const mine = growths.find(({ growth, intendedAt, seen }) => {
    const from = Math.min(intendedAt ?? growth.at, growth.at);
    return (
      seen < growth.nodes &&
      began >= from - SKEW_MS &&
      began - growth.at <= launchMs + registrationMs &&
      from <= at
    );
  });
  if (mine === undefined) return {};
  mine.seen += 1;
  const { growth, intendedAt } = mine;
  return {
    ...(intendedAt === undefined ? {} : { intendedAt }),
    // That of one on its way is not known yet, and is not guessed once its machine is here.
    ...(growth.onItsWay ? {} : { acceptedAt: growth.at }),
    ...(growth.why !== null && FOR_PODS.has(growth.why) ? { forPods: true } : {}),
  };
}
