// The nodes of one decision with the room that is left on them: those that are here, those that are coming, and those
// that it opens. Every change goes onto a trail, so that a gang that does not fit, or a trial, is taken back exactly.
// Who goes where is decided by those who play on it.

import type { Reason } from "../../../shared/model/reasons.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { claimsOf } from "../fit/kind-text.ts";
import type { Kinds } from "../fit/kind.ts";
import { createTopology } from "../fit/topology.ts";
import type { Topology } from "../fit/topology.ts";
import type { Fleet, PoolState } from "../fleet/fleet.ts";
import { compareText } from "../order.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import { change, createAmounts } from "./amounts.ts";
import type { Amounts } from "./amounts.ts";
import { addBeside, reshape, slotOfNode, slotOfShape } from "./bin.ts";
import type { Bin, Opening, Slot } from "./bin.ts";

export interface Board {
  readonly kinds: Kinds;
  readonly topology: Topology;
  readonly amounts: Amounts;
  /** By number; those that are here come first, by name, then those that are coming, then new ones as they open. */
  readonly bins: readonly Bin[];
  /** How many of them are here, and how many are not new. */
  readonly nodes: number;
  readonly fixed: number;
  readonly faces: number;
  /** -1 where no bin can be of the pool. */
  faceOf(pool: PoolState): number;
  /** Whether new nodes with this face are bought only for pods that ask for GPUs. */
  isForGpuPods(face: number): boolean;
  /** Usable nodes. */
  readonly byNode: ReadonlyMap<string, Bin>;
  /** Pods that this decision has put somewhere, by key. */
  readonly placed: ReadonlyMap<string, Bin>;
  /** Rows of what is left, `amounts.width` numbers for each bin. */
  readonly left: Float64Array;
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

type Entry =
  | { readonly kind: "put"; readonly slot: Slot; readonly pod: PodInput; readonly beside: Beside }
  | { readonly kind: "open"; readonly slot: Slot }
  | { readonly kind: "resize"; readonly slot: Slot; readonly pool: PoolState; readonly shape: NodeShape }
  | { readonly kind: "hold"; readonly slot: Slot; readonly held: Reason | null }
  | { readonly kind: "leave"; readonly slot: Slot; readonly usable: boolean };

/** Ports and claims of a bin before a change. */
type Beside = Pick<Slot, "ports" | "volumes">;

/** `kinds` of all pods that may be placed or stand on a node. */
export function createBoard(fleet: Fleet, kinds: Kinds): Board {
  const { pools, nodes } = fleet;
  const shapes = pools.flatMap(({ shape }) => (shape === null ? [] : [shape.allocatable]));
  const amounts = createAmounts([...nodes.map(({ node }) => node.allocatable), ...shapes]);
  const { width } = amounts;
  const topology = createTopology(kinds);
  // Without a term about other pods nobody ever asks where pods are.
  const counts = kinds.all.some(({ plain, selectedBy }) => !plain || selectedBy.size > 0);
  const faces = new Map<string, number>(pools.map((pool, index) => [pool.id, index]));
  const faceOf = ({ id }: PoolState): number => faces.get(id) ?? -1;
  const forGpuPods = Uint8Array.from(pools, ({ pool, shape }) =>
    Number(shape !== null && !pool.allowCpuPods && gpusIn(shape.allocatable) > 0),
  );
  const bins: Slot[] = [];
  const byNode = new Map<string, Slot>();
  const slots = new Map<string, Slot>();
  const placed = new Map<string, Slot>();
  const trail: Entry[] = [];
  let left = new Float64Array(width * (nodes.length + 64));
  const freeOf = (id: number): Slot["free"] => amounts.toRecord(left, id * width);

  const add = (slot: Slot, offered: Resources): Slot => {
    bins.push(slot);
    if (left.length < bins.length * width) {
      const larger = new Float64Array(2 * bins.length * width);
      larger.set(left);
      left = larger;
    }
    amounts.writeRow(offered, left, slot.id * width);
    if (counts) topology.open(slot);
    return slot;
  };
  const addOfShape = (kind: "booting" | "new", opening: Opening): Slot =>
    add(
      slotOfShape(kind, opening, { id: bins.length, face: faceOf(opening.pool), freeOf }),
      opening.shape.allocatable,
    );
  const shift = (slot: Slot, pod: PodInput, by: 1 | -1): void => {
    change(left, slot.id * width, amounts.askOf(kinds.of(pod)), by);
  };
  const occupy = (slot: Slot, pod: PodInput): void => {
    shift(slot, pod, -1);
    if (counts) topology.add(pod, slot);
    addBeside(slot, pod, claimsOf(pod));
  };
  const refit = (slot: Slot, pool: PoolState, shape: NodeShape): void => {
    const before = amounts.rowOf(slot.shape?.allocatable ?? {});
    const now = amounts.rowOf(shape.allocatable);
    for (let index = 0, at = slot.id * width; index < width; index++, at++)
      left[at] = (left[at] ?? 0) - (before[index] ?? 0) + (now[index] ?? 0);
    reshape(slot, pool, shape, faceOf(pool));
  };

  for (const state of nodes) {
    const slot = add(
      slotOfNode(state, { id: bins.length, face: pools.length + bins.length, freeOf }),
      state.node.allocatable,
    );
    for (const pod of state.pods) occupy(slot, pod);
    slots.set(state.name, slot);
    if (slot.usable) byNode.set(state.name, slot);
  }
  for (const pool of pools.toSorted((a, b) => compareText(a.id, b.id)))
    for (let count = 0; pool.shape !== null && count < pool.booting; count++)
      addOfShape("booting", { pool, shape: pool.shape, notice: null, held: null });
  const fixed = bins.length;

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
        slot.gone = false;
        slot.usable = entry.usable;
        if (entry.usable) byNode.set(slot.host, slot);
        if (!counts) return;
        topology.open(slot);
        for (const pod of slot.standing) topology.add(pod, slot);
        return;
      default:
        entry satisfies never;
    }
  };

  return {
    kinds,
    topology,
    amounts,
    bins,
    nodes: nodes.length,
    fixed,
    faces: pools.length + nodes.length,
    faceOf,
    isForGpuPods: (face) => forGpuPods[face] === 1,
    byNode,
    placed,
    get left() {
      return left;
    },
    put: ({ id }, pod) => {
      const slot = bins[id];
      if (slot === undefined) return;
      trail.push({ kind: "put", slot, pod, beside: { ports: slot.ports, volumes: slot.volumes } });
      occupy(slot, pod);
      slot.placed.push(pod);
      placed.set(pod.key, slot);
    },
    open: (opening) => {
      const slot = addOfShape("new", opening);
      trail.push({ kind: "open", slot });
      return slot;
    },
    resize: ({ id }, pool, shape) => {
      const slot = bins[id];
      if (slot === undefined || slot.pool === null || slot.shape === null) return;
      trail.push({ kind: "resize", slot, pool: slot.pool, shape: slot.shape });
      refit(slot, pool, shape);
    },
    hold: ({ id }, held) => {
      const slot = bins[id];
      if (slot === undefined || slot.held === held) return;
      trail.push({ kind: "hold", slot, held: slot.held });
      slot.held = held;
    },
    leave: (node) => {
      const slot = slots.get(node);
      if (slot === undefined || slot.gone) return;
      trail.push({ kind: "leave", slot, usable: slot.usable });
      slot.gone = true;
      slot.usable = false;
      byNode.delete(node);
      if (!counts) return;
      for (const pod of slot.standing) topology.remove(pod, slot);
      topology.close(slot);
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
