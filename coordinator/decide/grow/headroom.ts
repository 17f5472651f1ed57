// Room that a policy keeps free for pods that come: so many GPUs, in pieces that one pod takes on one node. Counted
// on nodes that are here, coming or added by this decision, after every pod has its place; what is missing opens
// nodes, as a floor does. Taints are not looked at: the pods that come will bring what they need.

import type { Headroom } from "../../../shared/contract/policy/growth.ts";
import { gpuModelOf, gpuModelOfLabels, mayBeSameGpu } from "../../../shared/model/gpu-models.ts";
import { matchesLabels } from "../../../shared/model/node.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { compareText, firstDifference } from "../order.ts";
import type { Bin } from "../pack/bin.ts";
import type { Packing } from "../pack/packing.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { addToFirst, give } from "./one-more.ts";
import type { Because } from "./one-more.ts";

/** Adds to the ledger and to `because`. */
export function holdHeadroom(packing: Packing, because: Because): void {
  for (const [, pools] of Map.groupBy(packing.fleet.pools, (pool) => pool.policy)) {
    const entries = entriesOf(pools[0]);
    if (entries.length === 0) continue;
    const rooms = [...roomsOf(packing, pools, null), ...floorRooms(packing, pools)];
    for (const entry of entries) hold(packing, entry, pools, rooms, because);
  }
}

/** The headroom that would be missing without this node and with its pods elsewhere; null when none would. */
export function neededForHeadroom(
  packing: Packing,
  pool: PoolState,
  node: string,
  pods: readonly PodInput[],
): string | null {
  const entries = entriesOf(pool);
  if (entries.length === 0) return null;
  const pools = packing.fleet.pools.filter(({ policy }) => policy === pool.policy);
  const own = roomsOf(packing, pools, null).filter((room) => room.node === node);
  const rooms = roomsOf(packing, pools, node);
  for (const entry of entries) {
    const moved = pods.reduce((sum, pod) => sum + (pod.requests[entry.resource] ?? 0), 0);
    // What its pods need elsewhere is taken before the room is counted.
    const taken = Math.ceil(moved / entry.gpusPerPod);
    const left = take({ ...entry, gpus: entry.gpus + taken * entry.gpusPerPod }, rooms) - taken;
    // A node that is none of the room, nor moves onto it, is not what is missing.
    if (left < piecesOf(entry) && (moved > 0 || take(entry, own) > 0)) return entry.name;
  }
  return null;
}

/** A node, here or to come, as far as headroom looks at it. */
interface Room {
  readonly node: string | null;
  readonly pool: PoolState;
  readonly labels: Readonly<Record<string, string>>;
  readonly free: Record<string, number>;
}

/** The hardest to keep first: big pieces, then those that only some nodes can be. */
function entriesOf(pool: PoolState | undefined): readonly Headroom[] {
  return (pool?.spec.headroom ?? [])
    .filter(({ gpus }) => gpus > 0)
    .toSorted((a, b) =>
      firstDifference(
        b.gpusPerPod - a.gpusPerPod,
        narrowness(b) - narrowness(a),
        compareText(a.name, b.name),
      ),
    );
}

function narrowness({ gpuType, nodeSelector }: Headroom): number {
  return (gpuType === undefined ? 0 : 1) + Object.keys(nodeSelector).length;
}

function piecesOf({ gpus, gpusPerPod }: Headroom): number {
  return Math.ceil(gpus / gpusPerPod);
}

function hold(
  packing: Packing,
  entry: Headroom,
  pools: readonly PoolState[],
  rooms: Room[],
  because: Because,
): void {
  const wanted = piecesOf(entry);
  const found = take(entry, rooms);
  if (found >= wanted) return;
  const able = pools.filter((pool) => pool.closed === null && piecesIn(entry, newRoom(pool)) > 0);
  const requests = { [entry.resource]: entry.gpusPerPod };
  let missing = wanted - found;
  while (missing > 0) {
    const grown = addToFirst(packing, able, { requests, pods: missing });
    const room = grown === null ? null : newRoom(grown);
    if (grown === null || room === null) return;
    give(because, grown, {
      code: "headroom",
      name: entry.name,
      free: found * entry.gpusPerPod,
      wanted: entry.gpus,
    });
    rooms.push(room);
    missing -= take({ ...entry, gpus: missing * entry.gpusPerPod }, [room]);
  }
}

/** Takes the pieces of the entry, as far as there are, from the fullest rooms first: big pieces need empty ones. */
function take(entry: Headroom, rooms: readonly Room[]): number {
  const { resource, gpusPerPod } = entry;
  const wanted = piecesOf(entry);
  let found = 0;
  const able = rooms
    .filter((room) => piecesIn(entry, room) > 0)
    .toSorted((a, b) => (a.free[resource] ?? 0) - (b.free[resource] ?? 0));
  for (const room of able) {
    if (found >= wanted) break;
    const pieces = Math.min(wanted - found, piecesIn(entry, room));
    room.free[resource] = (room.free[resource] ?? 0) - pieces * gpusPerPod;
    found += pieces;
  }
  return found;
}

function piecesIn(entry: Headroom, room: Room | null): number {
  if (room === null || !isMeant(entry, room)) return 0;
  return Math.max(0, Math.floor((room.free[entry.resource] ?? 0) / entry.gpusPerPod));
}

/** A node whose GPU nobody knows is none of a certain model. */
function isMeant({ gpuType, nodeSelector }: Headroom, { labels, pool }: Room): boolean {
  if (!matchesLabels(labels, nodeSelector)) return false;
  if (gpuType === undefined) return true;
  const wanted = gpuModelOf(gpuType);
  const said = pool.pool.gpuType;
  const has = gpuModelOfLabels(labels) ?? (said === undefined ? null : gpuModelOf(said));
  return wanted !== null && has !== null && mayBeSameGpu(wanted, has);
}

/** Nodes of these pools with what this decision has left on them. `without`: a node that is taken for gone. */
function roomsOf(
  { fleet, board, demand }: Packing,
  pools: readonly PoolState[],
  without: string | null,
): Room[] {
  const rooms: Room[] = [];
  const early = new Set(demand.early);
  for (const bin of board.bins) {
    // What is held is not asked for in this decision, and what is not usable is nobody's room.
    if (bin.held !== null) continue;
    if (bin.node !== null && (bin.node === without || !board.byNode.has(bin.node))) continue;
    const pool = bin.pool ?? poolOfNode(fleet, bin.node);
    if (pool === null || !pools.includes(pool)) continue;
    rooms.push({ node: bin.node, pool, labels: bin.labels, free: freeOn(bin, early) });
  }
  return rooms;
}

/** A pod that may open nothing yet takes no room of a node to come: else headroom would buy for it before its time. */
function freeOn({ kind, free, placed }: Bin, early: ReadonlySet<PodInput>): Record<string, number> {
  const room: Record<string, number> = { ...free };
  for (const { requests } of kind === "node" ? [] : placed.filter((pod) => early.has(pod)))
    for (const name in requests) room[name] = (room[name] ?? 0) + (requests[name] ?? 0);
  return room;
}

function poolOfNode(fleet: Fleet, node: string | null): PoolState | null {
  const id = node === null ? null : (fleet.nodesByName.get(node)?.poolId ?? null);
  return id === null ? null : (fleet.poolsById.get(id) ?? null);
}

/** Nodes that minima and schedules have added: nothing is on them yet. */
function floorRooms({ ledger }: Packing, pools: readonly PoolState[]): Room[] {
  return pools.flatMap((pool) => {
    const room = newRoom(pool);
    return room === null
      ? []
      : Array.from({ length: ledger.added(pool).minimum }, () => ({ ...room, free: { ...room.free } }));
  });
}

function newRoom(pool: PoolState): Room | null {
  const { shape } = pool;
  return shape === null ? null : { node: null, pool, labels: shape.labels, free: { ...shape.allocatable } };
}
