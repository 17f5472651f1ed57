// A node as the board keeps it: here, coming, or to be asked for, with what runs on it and what this decision has put
// there. How much room is left stands in the board's table, which is what the packer reads; `free` is the same by name.

import type { Reason } from "../../../shared/model/reasons.ts";
import type { Place } from "../fit/check.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { isUsable } from "../fleet/standing.ts";
import type { NodeState } from "../fleet/standing.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { HostPort, PodInput } from "../snapshot-pod.ts";
import type { NoticeInput } from "../snapshot.ts";

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

/** A new node. */
export interface Opening {
  readonly pool: PoolState;
  readonly shape: NodeShape;
  readonly notice: NoticeInput | null;
  readonly held: Reason | null;
}

/** As the board alone may change it. */
export interface Slot extends Bin {
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
  /** They and the node are not counted any more. */
  gone: boolean;
}

const NOBODY: readonly PodInput[] = [];
const NO_PORTS: readonly HostPort[] = [];
const NO_VOLUMES: ReadonlyMap<string, ReadonlySet<string>> = new Map();
const NO_LIMITS: Readonly<Record<string, number>> = {};

/** Where the slot stands on its board, and how it finds what is left of it. */
interface Position {
  readonly id: number;
  readonly face: number;
  readonly freeOf: (id: number) => Slot["free"];
}

type Fields = Omit<Slot, "free" | "id" | "face" | "placed" | "ports" | "volumes" | "gone">;

/** A class for the sake of `free`: with a getter of its own, ten thousand slots took a tenth of a decision to make. */
class BoardSlot implements Slot {
  readonly id: number;
  readonly kind: Slot["kind"];
  readonly host: string;
  readonly node: string | null;
  pool: PoolState | null;
  labels: Bin["labels"];
  taints: Bin["taints"];
  shape: NodeShape | null;
  volumeLimits: Bin["volumeLimits"];
  ports: readonly HostPort[] = NO_PORTS;
  volumes: ReadonlyMap<string, ReadonlySet<string>> = NO_VOLUMES;
  placed: PodInput[] = [];
  readonly notice: NoticeInput | null;
  held: Reason | null;
  usable: boolean;
  readonly standing: readonly PodInput[];
  gone = false;
  face: number;
  readonly #freeOf: Position["freeOf"];

  constructor(fields: Fields, { id, face, freeOf }: Position) {
    this.id = id;
    this.kind = fields.kind;
    this.host = fields.host;
    this.node = fields.node;
    this.pool = fields.pool;
    this.labels = fields.labels;
    this.taints = fields.taints;
    this.shape = fields.shape;
    this.volumeLimits = fields.volumeLimits;
    this.notice = fields.notice;
    this.held = fields.held;
    this.usable = fields.usable;
    this.standing = fields.standing;
    this.face = face;
    this.#freeOf = freeOf;
  }

  get free(): Slot["free"] {
    return this.#freeOf(this.id);
  }
}

export function slotOfNode(state: NodeState, position: Position): Slot {
  const { name, node, pods } = state;
  const fields = {
    kind: "node",
    host: name,
    node: name,
    pool: null,
    labels: node.labels,
    taints: node.taints,
    shape: null,
    volumeLimits: node.volumeLimits ?? NO_LIMITS,
    notice: null,
    held: null,
    usable: isUsable(state),
    standing: pods,
  } as const;
  return new BoardSlot(fields, position);
}

export function slotOfShape(
  kind: "booting" | "new",
  { pool, shape, notice, held }: Opening,
  position: Position,
): Slot {
  const fields = {
    kind,
    // No node can have a name with a blank.
    host: `${kind} ${position.id}`,
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
  };
  return new BoardSlot(fields, position);
}

/** The same node from another pool. */
export function reshape(slot: Slot, pool: PoolState, shape: NodeShape, face: number): void {
  slot.pool = pool;
  slot.shape = shape;
  slot.labels = shape.labels;
  slot.taints = shape.taints;
  slot.volumeLimits = shape.volumeLimits ?? NO_LIMITS;
  slot.face = face;
}

/** Its ports and volumes with those of one pod more. */
export function addBeside(
  slot: Slot,
  { hostPorts }: PodInput,
  claims: readonly (readonly [driver: string, claim: string])[],
): void {
  if (hostPorts !== undefined) slot.ports = [...slot.ports, ...hostPorts];
  if (claims.length === 0) return;
  const volumes = new Map(slot.volumes);
  for (const [driver, claim] of claims) volumes.set(driver, new Set(volumes.get(driver)).add(claim));
  slot.volumes = volumes;
}
