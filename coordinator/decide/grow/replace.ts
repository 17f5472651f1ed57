// What a notice costs and what is done about it at once: places for the pods that lose their node, kept from all
// others, and new nodes for those that fit nowhere, in another pool where one can. Asked for once per notice. And
// the end of it: the place of a machine that its cloud took leaves its group.

import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { failedReplacements, isDone, isRemovedByUs, replacingPools, wasRemoved } from "../fleet/flights.ts";
import { poolId } from "../fleet/ownership.ts";
import { workloads } from "../fleet/standing.ts";
import { selfGrowthOf } from "../limits/group-bounds.ts";
import { minimumBroken, ownMinimumBroken } from "../limits/minima.ts";
import type { Steps } from "../limits/steps.ts";
import { holds } from "../pack/amounts.ts";
import type { Bin } from "../pack/bin.ts";
import { openFor, settle } from "../pack/packing.ts";
import type { Packing } from "../pack/packing.ts";
import type { Release, Replace } from "../plan.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { InstanceInput, NoticeInput } from "../snapshot.ts";

const NONE: ReadonlySet<string> = new Set();

/** Comes before pods that wait, so that what is reserved for the pods of a node that goes is given to nobody else. */
export function reservePlaces(packing: Packing): void {
  const { fleet, demand, feasible } = packing;
  const refilled = refilledPlaces(fleet);
  // What is made anyway is room for all who wait, so it is there before anybody opens a node.
  for (const notice of fleet.notices) if (refilled.get(notice.id) === "at-once") openRefill(packing, notice);
  for (const notice of fleet.notices) {
    const owner = ownerOf(fleet, notice);
    const pods = demand.reserved.get(notice.id) ?? [];
    const bought = owner === null ? NONE : replacingPools(owner.journal, notice.id);
    const buys = owner !== null && owner.blocked?.code !== "disabled" && bought.size === 0;
    for (const pod of pods) {
      if (seat(packing, pod, buys, bought) || !buys) continue;
      const failed = new Set(
        [...failedReplacements(owner.journal, notice.id)].map((pool) => poolId(owner.policy, pool)),
      );
      const pools = feasible(pod).pools.filter((pool) => pool.policy === owner.policy);
      const isOwn = refilled.has(notice.id) && pools.includes(owner) && !failed.has(owner.id);
      if (isOwn && refilled.get(notice.id) === "for-pods") {
        openRefill(packing, notice);
        refilled.delete(notice.id);
        if (settle(packing, pod)) continue;
      }
      const need = {
        requests: pod.requests,
        pods: pods.filter((other) => gpusIn(other.requests) === gpusIn(pod.requests)).length,
      };
      const ranked = packing.market.rank(pools, need, new Set([owner.id, ...failed]));
      openFor(packing, pod, isOwn ? [owner, ...ranked.filter((pool) => pool !== owner)] : ranked, notice);
    }
  }
}

/**
 * Notices of machines whose places do not leave their groups, since a minimum of the pool or of the group stands against
 * that, or since something else fills them: the group makes the next machine itself, and one bought elsewhere would be
 * the second for the same pods. One more in the same pool lets the old one leave; where none may be added, the pods
 * wait for what the group makes. `for-pods`: it makes one only for pods that wait.
 */
function refilledPlaces(fleet: Fleet): Map<string, "at-once" | "for-pods"> {
  const going = new Map<string, number>();
  const refilled = new Map<string, "at-once" | "for-pods">();
  for (const notice of fleet.notices) {
    const pool = ownerOf(fleet, notice);
    if (pool === null || pool.blocked !== null || notice.source === "drill") continue;
    if (selfGrowthOf(pool) !== null) {
      refilled.set(notice.id, "for-pods");
      continue;
    }
    const { group } = pool.input;
    if (
      group.kind !== "known" ||
      !group.chosenRemoval ||
      (group.detaches !== true && group.replacesLeaving !== true) ||
      memberOf(pool, notice) === undefined ||
      isDone(pool.journal, releaseKey(pool, notice))
    )
      continue;
    if (ownMinimumBroken(fleet, pool, going) !== null) refilled.set(notice.id, "at-once");
    else going.set(pool.id, (going.get(pool.id) ?? 0) + 1);
  }
  return refilled;
}

/**
 * A machine that the group makes itself. Nothing is asked for: it is in the group's size already. None where the pool
 * can be asked for one more, which comes sooner; none where it has none to give.
 */
function openRefill({ fleet, board, ledger, market }: Packing, notice: NoticeInput): void {
  const pool = ownerOf(fleet, notice);
  if (pool === null || pool.shape === null || replacingPools(pool.journal, notice.id).size > 0) return;
  if (market.offerOf(pool).refusal !== null || pool.overdue.nodes > 0 || ledger.refusal(pool) === null)
    return;
  const held: Reason = { code: "group-refills", node: notice.node };
  board.open({ pool, shape: pool.shape, notice, held });
}

/**
 * A node that is coming was bought for somebody, who would buy a second one if it were taken. So a pod that opens
 * nothing itself, since its node is nobody's or its notice was answered, takes none but those that its notice bought.
 */
function seat(packing: Packing, pod: PodInput, buys: boolean, bought: ReadonlySet<string>): boolean {
  const { board, parts, placed } = packing;
  if (buys) return settle(packing, pod);
  if (placed.has(pod.key)) return true;
  const found = parts.seek.first(pod);
  if (found === null) return false;
  const kind = board.kinds.of(pod);
  const own = (bin: Bin): boolean =>
    bought.has(bin.pool?.name ?? "") &&
    holds(board.left, bin.id * board.amounts.width, board.amounts.askOf(kind)) &&
    parts.admission.verdict(kind, bin, pod) === "fits";
  const bin = found.kind === "node" ? found : board.bins.slice(board.nodes, board.fixed).find(own);
  if (bin === undefined) return false;
  board.put(bin, pod);
  return true;
}

/** One move for each notice and pool that answers it. */
export function replaceMoves({ fleet, board }: Packing, steps: Steps): Replace[] {
  const moves: Replace[] = [];
  for (const notice of fleet.notices) {
    const bins = board.bins.filter((bin) => bin.notice?.id === notice.id && bin.held === null);
    for (const pool of fleet.pools) {
      const own = bins.filter((bin) => bin.pool === pool);
      if (own.length === 0) continue;
      const because: Reason = {
        code: "interruption",
        node: notice.node,
        source: notice.source,
        deadline: notice.deadline,
        pods: podsLosing(fleet, notice),
      };
      moves.push({
        kind: "replace",
        key: `${pool.id}/replace/${notice.id}`,
        policy: pool.policy,
        pool: pool.name,
        ...steps.next(pool, own.length),
        because: [because],
        notice: notice.id,
        node: notice.node,
        pods: own.flatMap((bin) => bin.placed.map((pod) => pod.key)),
      });
    }
  }
  return moves;
}

/**
 * Only for a machine that really goes, and only by its name: at the notice where it can leave its group and run on, else
 * once it is drained or its time is up. Where it would take the group below a minimum, the group may as well buy the next
 * one itself.
 */
export function releaseMoves(fleet: Fleet, steps: Steps): Release[] {
  const moves: Release[] = [];
  /** Two notices of one machine are one place. */
  const released = new Set<string>();
  if (fleet.sync.kind !== "synced") return moves;
  for (const notice of fleet.notices) {
    const pool = ownerOf(fleet, notice);
    if (pool === null || !canLower(pool) || notice.source === "drill") continue;
    const isDue = notice.drained || isDueFor(pool, notice, fleet.at);
    const instance = madeAnew(pool, notice) ?? (isDue ? memberOf(pool, notice) : undefined);
    const key = releaseKey(pool, notice);
    if (
      instance === undefined ||
      released.has(`${pool.id}/${instance.id}`) ||
      wasReleased(fleet, pool, notice) ||
      !isChosenRemoval(pool) ||
      isDone(pool.journal, key) ||
      minimumBroken(fleet, pool, steps.removals) !== null
    )
      continue;
    released.add(`${pool.id}/${instance.id}`);
    moves.push({
      kind: "release",
      key,
      policy: pool.policy,
      pool: pool.name,
      ...steps.next(pool, -1),
      because: [{ code: "lost-to-interruption", node: notice.node, source: notice.source }],
      node: notice.node,
      instance: instance.id,
    });
  }
  return moves;
}

/** A moment ago, for another notice of the same machine: its group may list it still. */
function wasReleased({ nodesByName, at }: Fleet, { journal }: PoolState, { node }: NoticeInput): boolean {
  return wasRemoved(journal, node, nodesByName.get(node)?.node.createdAt ?? epochMs(0), at);
}

function memberOf({ input }: PoolState, notice: NoticeInput): InstanceInput | undefined {
  return input.instances.find(({ node, state }) => node === notice.node && state !== "leaving");
}

/**
 * Another hand ends it, as Karpenter's own answer to the notice, so that its group makes the next one beside the one that
 * we have asked for already. Where we have asked for none, that next one is the replacement; and where it is we who took
 * it out, its place has gone with it.
 */
function madeAnew({ input, journal }: PoolState, notice: NoticeInput): InstanceInput | undefined {
  const { group } = input;
  if (group.kind !== "known" || group.replacesLeaving !== true) return undefined;
  if (replacingPools(journal, notice.id).size === 0) return undefined;
  return input.instances.find(
    ({ id, node, state }) => node === notice.node && state === "leaving" && !isRemovedByUs(journal, id),
  );
}

function releaseKey({ id }: PoolState, notice: NoticeInput): string {
  return `${id}/release/${notice.id}`;
}

function isDueFor({ input: { group } }: PoolState, { deadline }: NoticeInput, at: EpochMs): boolean {
  // A group that still counts it when it goes buys the next one beside ours.
  return (group.kind === "known" && group.detaches === true) || at >= deadline;
}

function ownerOf(fleet: Fleet, notice: NoticeInput): PoolState | null {
  const claim = fleet.ownerOf.get(notice.node);
  return claim === undefined ? null : (fleet.poolsById.get(poolId(claim.policy, claim.pool)) ?? null);
}

function podsLosing(fleet: Fleet, notice: NoticeInput): number {
  const state = fleet.nodesByName.get(notice.node);
  return state === undefined ? 0 : workloads(state).length;
}

/** A pool whose tier is switched off loses machines like any other. */
function canLower({ blocked }: PoolState): boolean {
  return blocked === null || blocked.code === "spot-disabled";
}

function isChosenRemoval(pool: PoolState): boolean {
  return pool.input.group.kind === "known" && pool.input.group.chosenRemoval;
}
