// New nodes for pods that wait, as many as packing them takes and never a share of their number; and the moves of
// all that this decision adds. One growth for each pool and cycle, whatever asked for it.

import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Steps } from "../limits/steps.ts";
import { distinct } from "../order.ts";
import { placeBatches } from "../pack/batch.ts";
import { settle } from "../pack/packing.ts";
import type { Packing } from "../pack/packing.ts";
import type { Grow } from "../plan.ts";
import type { PodInput } from "../snapshot-pod.ts";

export function growForPods(packing: Packing): void {
  const { demand, parts, placed, stuck, leftOut, late } = packing;
  const isOpen = ({ key }: PodInput): boolean => !placed.has(key);
  // Pods whose node is to be replaced come before those that never had one.
  const losing = [...demand.replaced.values()].flat().filter(isOpen);
  const result = placeBatches([losing, demand.waiting.filter(isOpen)], missingOf(packing), parts, late);
  noteStuck(packing, result.stuck);
  for (const [pod, reason] of result.gangs) stuck.set(pod.key, [reason]);
  for (const pod of result.leftOut) stuck.set(pod.key, [{ code: "left-for-next" }]);
  for (const { key } of result.leftOut) leftOut.push(key);
  noteExhausted(packing, result.leftOut);
  noteHeld(packing);
  placeEarly(packing);
}

/** How many of the members of a gang that wait have to get a place together, beside those that have one. */
function missingOf({ demand, placed }: Packing): (gang: string) => number | undefined {
  const there = new Map<string, number>();
  for (const { key, gang } of demand.waiting)
    if (gang !== undefined && placed.has(key)) there.set(gang.id, (there.get(gang.id) ?? 0) + 1);
  return (gang) => {
    const together = demand.gangs.get(gang)?.together;
    return together === undefined ? undefined : Math.max(0, together - (there.get(gang) ?? 0));
  };
}

/** What keeps nodes from those that have none, once for all that are alike. */
function noteStuck({ kinds, parts, stuck }: Packing, pods: readonly PodInput[]): void {
  const known = new Map<string, readonly Reason[]>();
  for (const pod of pods) {
    const kind = kinds.of(pod);
    const { text, allows } = parts.patience(pod);
    const look = `${kind.id} ${text}`;
    const because = known.get(look) ?? [
      ...parts.openings.refusals(kind, allows),
      ...parts.openings.conflicts(kind, allows),
    ];
    known.set(look, because);
    stuck.set(pod.key, because);
  }
}

/** Pools that were not asked because the work ran out say so. */
function noteExhausted({ ledger, feasible, kinds, parts }: Packing, leftOut: readonly PodInput[]): void {
  if (leftOut.length === 0) return;
  const reason: Reason = { code: "work-exhausted", pods: leftOut.length, units: Math.round(parts.work.used) };
  const alike = new Map(leftOut.map((pod) => [kinds.of(pod), pod]));
  const pools = new Set([...alike.values()].flatMap((pod) => feasible(pod).pools));
  for (const pool of pools) ledger.note(pool, reason);
}

/** A node that is chosen and not asked for holds its pool. */
function noteHeld({ board, ledger }: Packing): void {
  for (const { pool, held } of board.bins.slice(board.fixed))
    if (pool !== null && held !== null) ledger.note(pool, held);
}

/** Pods that open nothing yet use the room that is left, so that nobody takes it for free. */
function placeEarly(packing: Packing): void {
  const { demand, board } = packing;
  for (const pod of demand.early) {
    const nominated = pod.nominatedNode === null ? undefined : board.byNode.get(pod.nominatedNode);
    if (nominated === undefined) settle(packing, pod);
    else board.put(nominated, pod);
  }
}

/** Why nodes were added for something else than pods. */
export interface Causes {
  /** Pool id → minima that were not met. */
  readonly floors: ReadonlyMap<string, readonly Reason[]>;
  /** Policy → what its GPUs do. */
  readonly heat: ReadonlyMap<string, Reason>;
  /** Key of a pod that has a node and gets another → why its node goes. */
  readonly returning?: ReadonlyMap<string, Reason>;
}

const NOBODY: ReadonlyMap<string, Reason> = new Map();

export function growMoves(
  packing: Packing,
  { floors, heat, returning = NOBODY }: Causes,
  steps: Steps,
): Grow[] {
  const { fleet, board, ledger, market } = packing;
  const moves: Grow[] = [];
  const opened = Map.groupBy(
    board.bins.slice(board.fixed).filter(({ held, notice }) => held === null && notice === null),
    ({ pool }) => pool,
  );
  for (const pool of fleet.pools) {
    const bins = opened.get(pool) ?? [];
    const added = ledger.added(pool);
    const nodes = bins.length + added.minimum + added.utilization;
    if (nodes === 0) continue;
    const pods = bins.flatMap((bin) => bin.placed);
    const hot = heat.get(pool.policy);
    const waiting = pods.filter(({ key }) => !returning.has(key));
    const because: Reason[] = [
      ...(bins.length > 0 && (waiting.length > 0 || pods.length === 0)
        ? [pendingReason(waiting, packing), ...hintReasons(waiting, packing)]
        : []),
      ...pods.flatMap(({ key }) => returning.get(key) ?? []),
      ...(floors.get(pool.id) ?? []),
      ...(added.utilization > 0 && hot !== undefined ? [hot] : []),
    ];
    const { from, to } = steps.next(pool, nodes);
    // Without a time in it, the key of a growth long done would be the key of the next one between the same sizes.
    const cause = `${[...new Set(because.map(({ code }) => code))].join("+")}-${from}-${to}-after-${pool.journal.lastUpAt[pool.name] ?? 0}`;
    moves.push({
      kind: "grow",
      key: `${pool.id}/grow/${cause}`,
      policy: pool.policy,
      pool: pool.name,
      from,
      to,
      because: distinct([...because, ...market.because(pool), ...ledger.noted(pool)]),
      pods: pods.map((pod) => pod.key),
      ...(market.offerOf(pool).probe ? { probe: true } : {}),
    });
  }
  return moves;
}

/** Pods that have a node still, which may be taken from them soon. */
function hintReasons(pods: readonly PodInput[], { demand, condemned }: Packing): readonly Reason[] {
  const keys = new Set(pods.map(({ key }) => key));
  return [...demand.replaced].flatMap(([node, losing]) => {
    const because = condemned.get(node);
    return because?.code === "rebalance" && losing.some(({ key }) => keys.has(key)) ? [because] : [];
  });
}

function pendingReason(pods: readonly PodInput[], { demand }: Packing): Reason {
  return {
    code: "pending-pods",
    pods: pods.length,
    gpus: pods.reduce((sum, pod) => sum + gpusIn(pod.requests), 0),
    oldestMs: pods.reduce((oldest, pod) => millis(Math.max(oldest, demand.waitedMs(pod))), millis(0)),
  };
}
