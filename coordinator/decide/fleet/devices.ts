// What a node of a pool shows once all that belongs to it has started: its GPUs, and what other plugins tell of later,
// such as network cards or slices of GPUs. A node that is young and does not show all of it is still on its way, since
// pods that wait for it would else buy a second one. An old one is taken as it is, as long as it has GPUs.

import { gpusIn } from "../../../shared/model/resources.ts";
import { elapsed } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { NodeInput } from "../snapshot.ts";

export interface Expected {
  readonly gpus: boolean;
  /** Names of devices that a young node has to show. */
  readonly devices: readonly string[];
  /** Keys of the taints that its like keep. Null: not known. */
  readonly taints: ReadonlySet<string> | null;
}

/** Of a node that no policy owns nobody knows what to wait for. */
export const NOTHING_EXPECTED: Expected = { gpus: false, devices: [], taints: null };

/** `known`: what is remembered of the pool's nodes, or declared. `gpusMs`: for how long a Ready node is young. */
export function expectedOf(
  nodes: readonly NodeInput[],
  known: NodeShape | null,
  { gpusMs, at }: { readonly gpusMs: Millis; readonly at: EpochMs },
): Expected {
  const ready = nodes.filter((node) => node.ready === "ready");
  const gpus =
    (known !== null && gpusIn(known.allocatable) > 0) || ready.some((node) => gpusIn(node.allocatable) > 0);
  const old = ready.filter((node) => !isYoung(node, gpusMs, at));
  if (old.length === ready.length) return { gpus, devices: [], taints: null };
  const taints =
    known === null && old.length === 0
      ? null
      : new Set([...(known?.taints ?? []), ...old.flatMap((node) => node.taints)].map(({ key }) => key));
  const [first, ...others] = old;
  // Where nodes of a pool differ, a new one may be like any of them: only what all have is waited for.
  const devices =
    first === undefined
      ? devicesIn(known)
      : devicesIn(first).filter((name) => others.every((node) => has(node, name)));
  return { gpus, devices, taints };
}

/** Whether a Ready node shows what is waited for. */
export function showsAll(node: NodeInput, { gpus, devices }: Expected, isInTime: boolean): boolean {
  if (gpus && gpusIn(node.allocatable) === 0) return false;
  return !isInTime || devices.every((name) => has(node, name));
}

function isYoung({ readyChangedAt, createdAt }: NodeInput, gpusMs: Millis, at: EpochMs): boolean {
  return elapsed(readyChangedAt ?? createdAt, at) <= gpusMs;
}

/** Device plugins name what they offer with a domain of their own. */
function devicesIn(seen: Pick<NodeInput, "allocatable"> | null): readonly string[] {
  const { allocatable = {} } = seen ?? {};
  return Object.keys(allocatable)
    .filter((name) => name.includes("/") && (allocatable[name] ?? 0) > 0)
    .toSorted();
}

function has({ allocatable }: NodeInput, name: string): boolean {
  return (allocatable[name] ?? 0) > 0;
}
