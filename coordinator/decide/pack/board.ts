// The nodes of one decision with the room that is left on them: those that are here, those that are coming, and those
// that it opens. Every change goes onto a trail, so that a gang that does not fit, or a trial, is taken back exactly.
// Who goes where is decided by those who play on it.

import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import type { Place } from "../fit/check.ts";
import { claimsOf } from "../fit/kind-text.ts";
import type { Kinds } from "../fit/kind.ts";
import { createTopology } from "../fit/topology.ts";
import type { Topology } from "../fit/topology.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { isUsable } from "../fleet/standing.ts";
import type { NodeState } from "../fleet/standing.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { HostPort, PodInput } from "../snapshot-pod.ts";
import type { NoticeInput } from "../snapshot.ts";
import { change, createAmounts } from "./amounts.ts";
import type { Amounts } from "./amounts.ts";

/** A node that is here, coming or to be asked for. */
export interface Bin extends Place {
  /** Null for one that is not here. */
  readonly node: string | null;
  /** Pods that this decision has put on it, beside those that run there. */
  readonly placed: readonly PodInput[];
  /** The notice that a new node answers; null: pods that wait. */
  readonly notice: NoticeInput | null;
  /** Why a new node is chosen and yet not asked for in this decision. */
  readonly held: Reason | null;
  /** False: nothing may be put on it. It is on its way out, cordoned, or not up. */
  readonly usable: boolean;
  /** Bins with the same number have the same labels, taints and shape. */
  readonly face: number;
}

export interface Opening {
  readonly pool: PoolState;
  readonly shape: NodeShape;
  readonly notice: NoticeInput | null;
  readonly held: Reason | null;
}

export interface Board {
  readonly kinds: Kinds;
  readonly topology: Topology;
  readonly amounts: Amounts;
  /** By number; those that are here come first, by name, then those that are coming, then new ones as they open. */
  readonly bins: readonly Bin[];
  /** How many of them are here, and how many are not new. */
  readonly nodes: number;
  readonly fixed: number;
  /** How many faces there are. */
  readonly faces: number;
  faceOf(pool: PoolState): number;
  /** Whether new nodes with this face are bought only for pods that ask for GPUs. */
  isForGpuPods(face: number): boolean;
  /** Usable nodes. */
  readonly byNode: ReadonlyMap<string, Bin>;
  /** Rows of what is left, `amounts.width` numbers for each bin. */
  readonly left: Float64Array;
  /** Pods that this decision has put somewhere, by key. */
  readonly placed: ReadonlyMap<string, Bin>;
  put(bin: Bin, pod: PodInput): void;
  open(opening: Opening): Bin;
  /** The same new node from another pool, whose nodes differ in size and price alone. */
  resize(bin: Bin, pool: PoolState, shape: NodeShape): void;
  hold(bin: Bin, held: Reason | null): void;
  /** The node goes with all that runs on it; nothing is placed there any more. */
  leave(node: string): void;
  /** Pods put since the mark, in order. */
  putsSince(mark: number): readonly { readonly bin: number; readonly pod: PodInput }[];
  /** Where a trial begins; `rollBack` takes back all that came after. */
  mark(): number;
  rollBack(mark: number): void;
}

/** As the board alone may change it. */
interface Slot extends Bin {
  pool: PoolState | null;
  labels: Bin["labels"];
  taints: Bin["taints"];
  shape: NodeShape | null;
  volumeLimits: Bin["volumeLimits"];
  face: number;
  ports: readonly HostPort[];
  volumes: ReadonlyMap<string, ReadonlySet<string>>;
  placed: PodInput[];
  held: Reason | null;
  usable: boolean;
  /** Pods that run there. */
  readonly standing: readonly PodInput[];
  gone: boolean;
}

type Entry =
  | { readonly kind: "put"; readonly slot: Slot; readonly pod: PodInput; readonly beside: Beside }
  | { readonly kind: "open"; readonly slot: Slot }
  | { readonly kind: "resize"; readonly slot: Slot; readonly pool: PoolState; readonly shape: NodeShape }
  | { readonly kind: "hold"; readonly slot: Slot; readonly held: Reason | null }
  | {
      readonly kind: "leave";
      readonly slot: Slot;
      readonly node: string;
      readonly usable: boolean;
    };

/** Ports and claims of a bin before a change. */
type Beside = Pick<Slot, "ports" | "volumes">;

const NOBODY: readonly PodInput[] = [];
const NO_PORTS: readonly HostPort[] = [];
const NO_VOLUMES: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const NO_LIMITS: Readonly<Record<string, number>> = {};

/** `kinds` of all pods that may be placed or stand on a node. */
export function createBoard(fleet: Fleet, kinds: Kinds): Board {
  const shapes = fleet.pools.flatMap(({ shape }) => (shape === null ? [] : [shape.allocatable]));
  const amounts = createAmounts([...fleet.nodes.map(({ node }) => node.allocatable), ...shapes]);
  const { width } = amounts;
  const bins: Slot[] = [];
  const byNode = new Map<string, Slot>();
  const places = new Map<string, Slot>();
  const faces = new Map<string, number>(fleet.pools.map((pool, index) => [pool.id, index]));
  const forGpuPods = Uint8Array.from(fleet.pools, ({ pool, shape }) =>
    Number(shape !== null && !pool.allowCpuPods && gpusIn(shape.allocatable) > 0),
  );
  const trail: Entry[] = [];
  let left = new Float64Array(width * (fleet.nodes.length + 64));
  const placed = new Map<string, Slot>();
  const topology = createTopology(kinds);
  // Without a term about other pods nobody ever asks where pods are.
  const counts = kinds.all.some(({ plain, selectedBy }) => !plain || selectedBy.size > 0);

  const add = (slot: Slot, row: Float64Array): Slot => {
    bins.push(slot);
    if (left.length < bins.length * width) {
      const larger = new Float64Array(2 * bins.length * width);
      larger.set(left);
      left = larger;
    }
    left.set(row, slot.id * width);
    if (counts) topology.open(slot);
    return slot;
  };
  const slotOf = (base: Omit<Slot, "id" | "free" | "ports" | "volumes" | "placed">): Slot => {
    const id = bins.length;
    return {
      ...base,
      id,
      ports: NO_PORTS,
      volumes: NO_VOLUMES,
      placed: [],
      get free() {
        return amounts.toRecord(left, id * width);
      },
    };
  };
  const occupy = (slot: Slot, pod: PodInput): void => {
    if (counts) topology.add(pod, slot);
    if (pod.hostPorts !== undefined) slot.ports = [...slot.ports, ...pod.hostPorts];
    const claims = claimsOf(pod);
    if (claims.length > 0) slot.volumes = withClaims(slot.volumes, claims);
  };
  const addNode = (state: NodeState): void => {
    const slot = add(
      slotOf({
        kind: "node",
        host: state.name,
        node: state.name,
        pool: null,
        labels: state.node.labels,
        taints: state.node.taints,
        shape: null,
        volumeLimits: state.node.volumeLimits ?? NO_LIMITS,
        notice: null,
        held: null,
        usable: isUsable(state),
        standing: state.pods,
        gone: false,
        face: fleet.pools.length + bins.length,
      }),
      amounts.rowOf(state.node.allocatable),
    );
    for (const pod of state.pods) {
      change(left, slot.id * width, amounts.askOf(kinds.of(pod)), -1);
      occupy(slot, pod);
    }
    places.set(state.name, slot);
    if (slot.usable) byNode.set(state.name, slot);
  };
  const addOfShape = (kind: "booting" | "new", { pool, shape, notice, held }: Opening): Slot =>
    add(
      slotOf({
        kind,
        // No node can have a name with a blank.
        host: `${kind} ${bins.length}`,
        node: null,
        pool,
        labels: shape.labels,
        taints: shape.taints,
        shape,
        volumeLimits: shape.volumeLimits ?? NO_LIMITS,
        notice,
        held,
        usable: true,
        standing: NOBODY,
        gone: false,
        face: faces.get(pool.id) ?? -1,
      }),
      amounts.rowOf(shape.allocatable),
    );

  for (const state of fleet.nodes) addNode(state);
  for (const pool of fleet.pools) {
    if (pool.shape === null) continue;
    for (let count = 0; count < pool.booting; count++)
      addOfShape("booting", { pool, shape: pool.shape, notice: null, held: null });
  }
  const fixed = bins.length;

  const shift = (slot: Slot, pod: PodInput, by: 1 | -1): void => {
    change(left, slot.id * width, amounts.askOf(kinds.of(pod)), by);
  };
  const refit = (slot: Slot, pool: PoolState, shape: NodeShape): void => {
    const row = slot.id * width;
    const before = amounts.rowOf(slot.shape?.allocatable ?? {});
    const now = amounts.rowOf(shape.allocatable);
    for (let index = 0; index < width; index++)
      left[row + index] = (left[row + index] ?? 0) - (before[index] ?? 0) + (now[index] ?? 0);
    slot.pool = pool;
    slot.shape = shape;
    slot.labels = shape.labels;
    slot.taints = shape.taints;
    slot.volumeLimits = shape.volumeLimits ?? NO_LIMITS;
    slot.face = faces.get(pool.id) ?? -1;
  };
  const undo = (entry: Entry): void => {
    const { slot } = entry;
    switch (entry.kind) {
      case "put":
        if (counts) topology.remove(entry.pod, slot);
        Object.assign(slot, entry.beside);
        slot.placed.pop();
        placed.delete(entry.pod.key);
        shift(slot, entry.pod, 1);
        return;
      case "open":
        if (counts) topology.close(slot);
        bins.pop();
        return;
      case "resize":
        refit(slot, entry.pool, entry.shape);
        return;
      case "hold":
        slot.held = entry.held;
        return;
      case "leave":
        if (counts) {
          topology.open(slot);
          for (const pod of slot.standing) topology.add(pod, slot);
        }
        slot.gone = false;
        slot.usable = entry.usable;
        if (entry.usable) byNode.set(entry.node, slot);
        return;
      default:
        entry satisfies never;
    }
  };
  const known = (bin: Bin): Slot | undefined => bins[bin.id];

  return {
    kinds,
    topology,
    amounts,
    bins,
    nodes: fleet.nodes.length,
    fixed,
    faces: fleet.pools.length + fleet.nodes.length,
    isForGpuPods: (face) => forGpuPods[face] === 1,
    faceOf: (pool) => faces.get(pool.id) ?? -1,
    byNode,
    get left() {
      return left;
    },
    placed,
    put: (bin, pod) => {
      const slot = known(bin);
      if (slot === undefined) return;
      trail.push({ kind: "put", slot, pod, beside: { ports: slot.ports, volumes: slot.volumes } });
      shift(slot, pod, -1);
      slot.placed.push(pod);
      placed.set(pod.key, slot);
      occupy(slot, pod);
    },
    open: (opening) => {
      const slot = addOfShape("new", opening);
      trail.push({ kind: "open", slot });
      return slot;
    },
    resize: (bin, pool, shape) => {
      const slot = known(bin);
      if (slot?.pool == null || slot.shape === null) return;
      trail.push({ kind: "resize", slot, pool: slot.pool, shape: slot.shape });
      refit(slot, pool, shape);
    },
    hold: (bin, held) => {
      const slot = known(bin);
      if (slot === undefined || slot.held === held) return;
      trail.push({ kind: "hold", slot, held: slot.held });
      slot.held = held;
    },
    leave: (node) => {
      const slot = places.get(node);
      if (slot === undefined || slot.gone) return;
      trail.push({ kind: "leave", slot, node, usable: slot.usable });
      if (counts) {
        for (const pod of slot.standing) topology.remove(pod, slot);
        topology.close(slot);
      }
      slot.gone = true;
      slot.usable = false;
      byNode.delete(node);
    },
    putsSince: (mark) =>
      trail
        .slice(mark)
        .flatMap((entry) => (entry.kind === "put" ? [{ bin: entry.slot.id, pod: entry.pod }] : [])),
    mark: () => trail.length,
    rollBack: (mark) => {
      while (trail.length > mark) {
        const entry = trail.pop();
        if (entry !== undefined) undo(entry);
      }
    },
  };
}

function withClaims(
  before: Slot["volumes"],
  claims: readonly (readonly [driver: string, claim: string])[],
): Slot["volumes"] {
  const after = new Map(before);
  for (const [driver, claim] of claims) after.set(driver, new Set(after.get(driver)).add(claim));
  return after;
}
