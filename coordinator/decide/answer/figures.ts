// The numbers that status and metrics show of each policy. What is not known is null or left out, never zero.

import { gpusIn } from "../../../shared/model/resources.ts";
import { elapsed, epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { freshness } from "../fleet/fresh.ts";
import { backEndOf } from "../fleet/group-identity.ts";
import { rateOfPool } from "../fleet/interruptions.ts";
import { stageFigures } from "../fleet/ledger-stages.ts";
import type { FinishedStage } from "../fleet/ledger-stages.ts";
import { policyLoad } from "../fleet/load.ts";
import { workloads } from "../fleet/standing.ts";
import type { NodeState } from "../fleet/standing.ts";
import { budgetsChangeAt } from "../limits/budgets.ts";
import { downCooldownLeft, upCooldownLeft } from "../limits/cooldown.ts";
import { scheduledWindows } from "../limits/upcoming.ts";
import type { Packing } from "../pack/packing.ts";
import type { PolicyFigures, PoolNodeState } from "../plan.ts";
import type { LaunchLedger, Memory } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";

const NOTHING_FINISHED: ReadonlyMap<string, readonly FinishedStage[]> = new Map();

export function figuresOf(
  packing: Packing,
  pods: readonly PodInput[],
  memory: Memory,
  about: {
    /** Pool id → stages of launches that ended since the last decision. */
    readonly finished?: ReadonlyMap<string, readonly FinishedStage[]>;
  } = {},
): PolicyFigures[] {
  const { fleet } = packing;
  const { finished = NOTHING_FINISHED } = about;
  const pending = pendingByPolicy(packing, pods);
  return [...Map.groupBy(fleet.pools, (pool) => pool.policy)].map(([policy, pools]) => {
    const nodes = pools.flatMap((pool) => pool.nodes);
    return {
      policy,
      pools: pools.map((pool) => ({
        ...poolFigures(pool),
        ...launchFigures(memory.ledger?.[pool.id], finished.get(pool.id)),
        price: priceOf(packing, pool),
        ...interruptionsOf(pool, memory, fleet.at),
      })),
      utilization: policyLoad(fleet, policy).mean,
      pendingPods: pending.get(policy) ?? 0,
      underutilizedNodes: pools.flatMap((pool) =>
        pool.nodes.filter((state) => isUnderused(state, pool, memory, fleet.at)),
      ).length,
      unknownNodes: nodes.filter((state) => isUnknown(state, fleet.at)).length,
      upCooldownMs: Object.fromEntries(pools.map((pool) => [pool.name, upCooldownLeft(pool, fleet.at)])),
      downCooldownMs: Object.fromEntries(pools.map((pool) => [pool.name, downCooldownLeft(pool, fleet.at)])),
      ...offeringsOf(packing, pools),
      ...windowsOf(packing, pools),
    };
  });
}

type PoolPrice = NonNullable<PolicyFigures["pools"][number]["price"]>;

function poolFigures({ name, size, ready, booting, pool, nodes }: PoolState) {
  return { pool: name, size, ready, booting, standing: standingOf(nodes), ...backEndOf(pool) };
}

/** Each node in one state: what is emptied is that, whatever else it is, until it has left its group. */
function standingOf(nodes: readonly NodeState[]): Record<PoolNodeState, number> {
  const counts: Record<PoolNodeState, number> = { ready: 0, draining: 0, booting: 0, sick: 0, leaving: 0 };
  for (const { standing, draining, notice } of nodes) {
    const emptied = standing !== "leaving" && (draining || notice !== null);
    counts[emptied ? "draining" : standing === "up" ? "ready" : standing] += 1;
  }
  return counts;
}

function launchFigures(
  ledger: LaunchLedger | undefined,
  finished: readonly FinishedStage[] | undefined,
): Pick<PolicyFigures["pools"][number], "stages" | "finished"> {
  const stages = ledger === undefined ? [] : stageFigures(ledger);
  return {
    ...(stages.length === 0 ? {} : { stages }),
    ...(finished === undefined ? {} : { finished }),
  };
}

function interruptionsOf(
  pool: PoolState,
  memory: Memory,
  at: EpochMs,
): Pick<PolicyFigures["pools"][number], "interruptions"> {
  const interruptions = rateOfPool(pool, memory, at);
  return interruptions === null ? {} : { interruptions };
}

function priceOf({ market }: Packing, pool: PoolState): PoolPrice | null {
  const { price } = market.offerOf(pool);
  if (price.kind === "unknown") return null;
  const { usdPerHour, source, at } = price;
  return { usdPerHour, source, at };
}

/** What failed to launch; an empty list where what was known before is over. */
function offeringsOf({ market }: Packing, [first]: readonly PoolState[]): Pick<PolicyFigures, "offerings"> {
  if (first === undefined) return {};
  const offerings = market.offerings(first.policy);
  const before = first.journal.offerings ?? [];
  return offerings.length + before.length > 0 ? { offerings } : {};
}

/** Windows that are open or come, and when one of them, or of a budget, changes what may be done. */
function windowsOf(
  { fleet: { at }, ledger }: Packing,
  [first]: readonly PoolState[],
): Pick<PolicyFigures, "schedules" | "changesAt"> {
  if (first === undefined || !first.spec.enabled) return {};
  const { spec } = first;
  const changes = [ledger.schedulesOf(first).changesAt, budgetsChangeAt(spec.disruption.budgets, at)].filter(
    (change) => change !== null,
  );
  return {
    ...(spec.schedules.length === 0 ? {} : { schedules: scheduledWindows(spec, at) }),
    ...(changes.length === 0 ? {} : { changesAt: epochMs(Math.min(...changes)) }),
  };
}

/** GPU pods that the scheduler cannot place and that a pool of the policy could take, young ones included. */
function pendingByPolicy({ feasible }: Packing, pods: readonly PodInput[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const pod of pods) {
    if (
      pod.node !== null ||
      pod.waiting?.kind !== "unschedulable" ||
      pod.daemon ||
      pod.mirror ||
      pod.terminating
    )
      continue;
    if (gpusIn(pod.requests) === 0) continue;
    for (const policy of new Set(feasible(pod).pools.map((pool) => pool.policy)))
      counts.set(policy, (counts.get(policy) ?? 0) + 1);
  }
  return counts;
}

/** Its whole window is over, empty or idle; whether it may go is another question. */
function isUnderused(state: NodeState, { spec }: PoolState, memory: Memory, at: Memory["at"]): boolean {
  const timers = memory.nodes[state.name];
  if (timers === undefined || at === null) return false;
  if (workloads(state).length === 0)
    return timers.emptySince !== null && elapsed(timers.emptySince, at) >= spec.emptySeconds * 1000;
  return timers.idleSince !== null && elapsed(timers.idleSince, at) >= spec.idleSeconds * 1000;
}

function isUnknown(state: NodeState, at: NonNullable<Memory["at"]>): boolean {
  if (state.standing !== "up" || gpusIn(state.node.allocatable) === 0) return false;
  return freshness(state.node.telemetry, at).kind !== "fresh";
}
