// The way back to spot of a node that works: where the policy allows it, a spot node is bought for pods that may be moved,
// and the on-demand node goes once that is there. Each decision works it out anew from what is here and on its way, so
// nothing has to be remembered, and a spot node that failed to come ends it. Who goes when is for shrink.ts.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { poolsOf } from "../fleet/fleet.ts";
import type { NodeState } from "../fleet/standing.ts";
import { isUsable } from "../fleet/standing.ts";
import { hasTenants } from "../fleet/tenants.ts";
import { leavingNodes } from "../limits/budgets.ts";
import { holds } from "../pack/amounts.ts";
import type { Bin } from "../pack/bin.ts";
import { packingOrder } from "../pack/order.ts";
import type { Packing } from "../pack/packing.ts";
import type { Candidate, Cause, Rule, RuleContext } from "../rule.ts";
import { EXCHANGE_RULES, NODE_RULES } from "../rules/index.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { becauseOf, candidateFor } from "./causes.ts";
import { isOpenFor, surplusOf } from "./return.ts";
import { firstToGo, scoreOf } from "./score.ts";

/** Pods start anew, and for a while two nodes are paid: what saves less than that an hour is not worth it. */
const LEAST_SAVING = 0.1;
/** Comparing amounts is cheap beside a real check. */
const GLANCES = 16;

export type Exchange = Extract<Cause, { readonly kind: "exchange" }>;

export interface Exchanges {
  /** Node → why it goes. */
  readonly nodes: ReadonlyMap<string, Exchange>;
  /** Key of a pod that has a place elsewhere → why its node goes. */
  readonly pods: ReadonlyMap<string, Reason>;
}

export const NO_EXCHANGES: Exchanges = { nodes: new Map(), pods: new Map() };

/** Whether anybody asks for it, which is what the context below is made for. */
export function mayExchange({ fleet }: Packing): boolean {
  return fleet.sync.kind === "synced" && fleet.pools.some(mayGoBack);
}

function mayGoBack({ spec, pool }: PoolState): boolean {
  return (
    spec.enabled &&
    pool.capacityType === "on-demand" &&
    spec.spot.returnPolicy === "Replace" &&
    spec.spot.returnAfterSeconds !== undefined
  );
}

/** Opens spot nodes on the board for pods of nodes that go back, after all others have had their places. */
export function exchangeForSpot(packing: Packing, memory: Memory, context: RuleContext): Exchanges {
  const { fleet, market } = packing;
  const nodes = new Map<string, Exchange>();
  const pods = new Map<string, Reason>();
  const taken = new Map<string, number>();
  const going = new Map(fleet.pools.map((pool) => [pool.id, leavingNodes(pool)]));
  const asking: RuleContext = {
    ...context,
    takenOf: (budget) => context.takenOf(budget) + (taken.get(budget) ?? 0),
  };
  for (const pool of fleet.pools) {
    if (!mayGoBack(pool)) continue;
    const surplus = surplusOf(pool, packing, going);
    if (surplus === null) continue;
    const cause: Exchange = { kind: "exchange", share: surplus.share, target: surplus.target };
    const candidates = pool.nodes
      .filter((state) => mayLeave(state, pool, packing))
      .map((state) =>
        candidateFor(pool, state, memory.nodes[state.name] ?? NO_TIMERS, { cause, at: fleet.at }),
      )
      .filter((candidate) => firstVeto(NODE_RULES, candidate, asking) === null)
      .map((candidate) => scoreOf(candidate, market, fleet.at))
      .sort(firstToGo);
    let left = surplus.gpus;
    let begun = 0;
    for (const { candidate } of candidates) {
      const own = pool.gpusPerNode ?? 0;
      if (own > left) break;
      if (packing.ledger.removalRefusal(pool, "Return", begun) !== null) break;
      if (firstVeto(EXCHANGE_RULES, candidate, asking) !== null) continue;
      if (!rehouse(candidate, packing)) continue;
      const { name } = candidate.state;
      const because = becauseOf(candidate, fleet.at, null);
      nodes.set(name, cause);
      for (const { key } of candidate.pods) pods.set(key, because);
      for (const pod of candidate.pods)
        for (const { key } of context.budgetsOf(pod.key)) taken.set(key, (taken.get(key) ?? 0) + 1);
      going.set(pool.id, (going.get(pool.id) ?? 0) + 1);
      left -= own;
      begun += 1;
    }
  }
  return { nodes, pods };
}

const NO_TIMERS = { idleSince: null, lastReportAt: null, emptySince: null };

/** One that has just come was bought because spot was not to be had, and may find that still so. */
function mayLeave(state: NodeState, pool: PoolState, { fleet }: Packing): boolean {
  return (
    isUsable(state) &&
    hasTenants(state, fleet.at) &&
    fleet.at - state.node.createdAt >= (pool.spec.spot.returnAfterSeconds ?? 0) * 1000
  );
}

function firstVeto(rules: readonly Rule[], candidate: Candidate, context: RuleContext): Reason | null {
  for (const rule of rules) {
    const reason = rule.veto(candidate, context);
    if (reason !== null) return reason;
  }
  return null;
}

/** All of its pods get a place, and what is bought for them costs less than the node; else nothing is changed. */
function rehouse({ pool, state, pods }: Candidate, packing: Packing): boolean {
  const { board, parts, market, fleet } = packing;
  const usdPerHour = market.offerOf(pool).effectiveUsdPerHour;
  if (usdPerHour === null || parts.work.left <= 0) return false;
  const spot = new Set(
    poolsOf(fleet, pool.policy).filter(
      (other) =>
        other.pool.capacityType === "spot" && other.closed === null && isOpenFor(other, pool, packing),
    ),
  );
  const mark = parts.purchases.mark();
  const opened = board.bins.length;
  board.leave(state.name);
  const placed = pods
    .toSorted(packingOrder)
    .every((pod) => seat(pod, packing) || openOn(spot, pod, pods.length, packing));
  const bought = board.bins.slice(opened);
  const costs = bought.map((bin) =>
    bin.pool === null ? null : market.offerOf(bin.pool).effectiveUsdPerHour,
  );
  const cost = costs.reduce<number | null>(
    (sum, usd) => (sum === null || usd === null ? null : sum + usd),
    0,
  );
  const isOnTime = bought.every(({ held }) => held === null);
  if (placed && isOnTime && cost !== null && cost <= usdPerHour * (1 - LEAST_SAVING)) return true;
  parts.purchases.rollBack(mark);
  parts.seek.forget();
  return false;
}

/** On what does not go back itself, or the pod would be moved twice: here, coming, or opened before. */
function seat(pod: PodInput, { board, parts, fleet }: Packing): boolean {
  const kind = board.kinds.of(pod);
  const ask = board.amounts.askOf(kind);
  const goesBack = ({ node, pool }: Bin): boolean => {
    const id = node === null ? null : (fleet.nodesByName.get(node)?.poolId ?? null);
    const own = id === null ? pool : (fleet.poolsById.get(id) ?? null);
    return own !== null && mayGoBack(own);
  };
  const found = board.bins.find((bin) => {
    parts.work.use(1 / GLANCES);
    if (!bin.usable || !holds(board.left, bin.id * board.amounts.width, ask) || goesBack(bin)) return false;
    parts.work.use(1);
    return parts.admission.verdict(kind, bin, pod) === "fits";
  });
  if (found === undefined) return false;
  board.put(found, pod);
  return true;
}

function openOn(
  spot: ReadonlySet<PoolState>,
  pod: PodInput,
  alike: number,
  { board, parts }: Packing,
): boolean {
  const option = parts.openings.best(board.kinds.of(pod), alike, (range) =>
    range.options.some((one) => spot.has(one.pool)),
  );
  if (option === null || !spot.has(option.pool)) return false;
  board.put(parts.purchases.open(option, null), pod);
  return true;
}
