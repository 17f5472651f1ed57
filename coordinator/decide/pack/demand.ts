// Which pods count as demand, and why the others do not. Age runs from the scheduler's verdict, never from
// creation. Gangs count whole, and pods that lose their node count at once. Where they might go is not asked here.

import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { elapsed, millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Feasible } from "../fit/feasible.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { gangsOf, incomplete, sinceOf } from "./demand/gangs.ts";
import type { GangDemand } from "./demand/gangs.ts";
import { lossesOf } from "./demand/losses.ts";
import { refusalOf } from "./demand/refusal.ts";
import type { Refusal, Refused } from "./demand/refusal.ts";
import { packingOrder } from "./order.ts";

export interface Demand {
  /** Notice id → the pods that lose their node, in packing order. */
  readonly reserved: ReadonlyMap<string, readonly PodInput[]>;
  /** Node that is to be replaced → the pods that lose it, in packing order. They open nodes at once. */
  readonly replaced: ReadonlyMap<string, readonly PodInput[]>;
  /** Pods that may open a new node: by priority, in each those that the last decision left out, in packing order. */
  readonly waiting: readonly PodInput[];
  /** Gangs that have members among those that wait, by their id. */
  readonly gangs: ReadonlyMap<string, GangDemand>;
  /** Pods that will use room that is there, and open nothing: too young, undecided, nominated, moving. */
  readonly early: readonly PodInput[];
  readonly refused: readonly Refused[];
  /** How long it has been without a node by the scheduler's word; a member of a gang as long as the gang. */
  waitedMs(pod: PodInput): Millis;
}

export interface DemandContext {
  /** Node → why it is to be replaced. */
  readonly condemned?: ReadonlyMap<string, Reason>;
  /** Keys of pods that the last decision had no work left for. */
  readonly leftOut?: readonly string[];
}

export function demandOf(
  fleet: Fleet,
  pods: readonly PodInput[],
  feasible: (pod: PodInput) => Feasible,
  { condemned = new Map(), leftOut = [] }: DemandContext = {},
): Demand {
  const verdicts = new Map<PodInput, Refusal | null>();
  const nowhere = new Map<PodInput, readonly Reason[]>();
  for (const pod of pods) {
    if (pod.node !== null) continue;
    const verdict = refusalOf(pod);
    verdicts.set(pod, verdict);
    if (verdict === null && isNowhere(pod, feasible)) nowhere.set(pod, feasible(pod).misfits);
  }
  const counts = (pod: PodInput): boolean => verdicts.get(pod) === null && !nowhere.has(pod);
  const gangs = gangsOf(pods, counts, fleet.at);
  const clock = createClock(fleet, feasible, gangs, [...verdicts.keys()].filter(counts));
  const losses = lossesOf(fleet, pods, condemned);

  const waiting: PodInput[] = [];
  const early: PodInput[] = [...losses.moving];
  const refused: Refused[] = [...losses.followed];
  for (const [pod, verdict] of verdicts) {
    const { because, uses } = judge(pod, verdict);
    if (because === null) {
      waiting.push(pod);
      continue;
    }
    if (because.length > 0) refused.push({ pod: pod.key, because });
    if (uses) early.push(pod);
  }
  const ids = new Set(waiting.map(({ gang }) => gang?.id));
  return {
    reserved: losses.reserved,
    replaced: losses.replaced,
    waiting: waiting.sort(precedence(new Set(leftOut))),
    gangs: new Map([...gangs].filter(([id]) => ids.has(id))),
    early: early.sort(packingOrder),
    refused,
    waitedMs: clock.waitedMs,
  };

  /** `because`: null where the pod counts. */
  function judge(
    pod: PodInput,
    verdict: Refusal | null,
  ): { readonly because: readonly Reason[] | null; readonly uses: boolean } {
    if (verdict !== null) return { because: [verdict.reason], uses: verdict.uses };
    const misfits = nowhere.get(pod);
    if (misfits !== undefined) return { because: misfits, uses: false };
    const gang = gangs.get(pod.gang?.id ?? "");
    const short = gang === undefined ? null : incomplete(gang);
    // A scheduler that knows gangs starts none of them, so none uses any room.
    if (short !== null) return { because: [short], uses: false };
    const ageMs = clock.waitedMs(pod);
    const needMs = clock.needMs(pod);
    return ageMs < needMs
      ? { because: [{ code: "pod-waits", ageMs, needMs }], uses: true }
      : { because: null, uses: false };
  }
}

/** No pool would open a node for it, as it has no GPU. A gang is not kept waiting for its launcher's sake. */
function isNowhere(pod: PodInput, feasible: (pod: PodInput) => Feasible): boolean {
  return pod.gang === undefined && gpusIn(pod.requests) === 0 && feasible(pod).pools.length === 0;
}

interface WaitClock {
  readonly waitedMs: (pod: PodInput) => Millis;
  /** How long it has to wait before it may open a node; a gang as long as the most patient of its members. */
  readonly needMs: (pod: PodInput) => Millis;
}

function createClock(
  fleet: Fleet,
  feasible: (pod: PodInput) => Feasible,
  gangs: ReadonlyMap<string, GangDemand>,
  counting: readonly PodInput[],
): WaitClock {
  // Pods of a kind share one list of pools, of which there may be thousands.
  const shortest = new Map<readonly PoolState[], Millis>();
  const own = (pod: PodInput): Millis => {
    const { pools } = feasible(pod);
    const known = shortest.get(pools) ?? shortestWait(pools.length > 0 ? pools : fleet.pools);
    shortest.set(pools, known);
    return known;
  };
  const ofGang = new Map<string, Millis>();
  for (const pod of counting) {
    if (pod.gang === undefined) continue;
    const need = own(pod);
    if (need > (ofGang.get(pod.gang.id) ?? -1)) ofGang.set(pod.gang.id, need);
  }
  return {
    waitedMs: (pod) => gangs.get(pod.gang?.id ?? "")?.waitedMs ?? elapsed(sinceOf(pod) ?? fleet.at, fleet.at),
    needMs: (pod) => ofGang.get(pod.gang?.id ?? "") ?? own(pod),
  };
}

/** The most patient of several policies does not slow the others down. */
function shortestWait(pools: readonly PoolState[]): Millis {
  const waits = pools.map(({ spec }) => spec.pendingPodTimeoutSeconds);
  return millis(waits.length === 0 ? 0 : 1000 * waits.reduce((least, wait) => Math.min(least, wait)));
}

/** What was left out comes first among pods of its priority, or the largest pods would always come before it. */
function precedence(leftOut: ReadonlySet<string>): (a: PodInput, b: PodInput) => number {
  if (leftOut.size === 0) return packingOrder;
  const isNew = ({ key }: PodInput): number => (leftOut.has(key) ? 0 : 1);
  return (a, b) => b.priority - a.priority || isNew(a) - isNew(b) || packingOrder(a, b);
}
