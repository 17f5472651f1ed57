// Whether a pod may be put on a bin: the checks of fit/ in the order of their price. Amounts come first, since they
// fail most often; then labels and taints, once for all pods that ask the same of them; then what depends on other
// pods. An explanation asks the checks themselves, one by one.

import type { FitContext, Place } from "../fit/check.ts";
import { claims } from "../fit/claims.ts";
import { gpuTopology } from "../fit/gpu-topology.ts";
import { takenPort } from "../fit/host-ports.ts";
import type { PodKind } from "../fit/kind.ts";
import { nodeAffinity } from "../fit/node-affinity.ts";
import { nodeSelector } from "../fit/node-selector.ts";
import { taints } from "../fit/taints.ts";
import { misplaced, overLimit } from "../fit/volumes.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { Bin } from "./bin.ts";
import type { Board } from "./board.ts";

/** `never`: not in this decision, unless something is taken back. `not-now`: the next placement may change it. */
export type Verdict = "fits" | "never" | "not-now";

/** A place whose labels, taints and shape have a number; amounts are compared by the caller. */
export type Faced = Place & Pick<Bin, "face">;

export interface Admission {
  /** `pod`: of the kind; only its claims on volumes are its own. */
  verdict(kind: PodKind, bin: Bin, pod: PodInput): Verdict;
  /** Labels, taints and kind of machine alone. */
  wants(kind: PodKind, place: Faced): boolean;
  /** Of a node that would be opened. */
  admitsNew(kind: PodKind, place: Faced): boolean;
}

/** What pods with the same `where` are answered alike. */
const WHERE = [taints, nodeSelector, nodeAffinity, claims];

export function createAdmission(board: Board): Admission {
  const { kinds, topology } = board;
  const context: FitContext = { kinds, topology };
  /** By `where`, then by face: 1 yes, 2 no. */
  const known: Uint8Array[] = [];

  const wants = (kind: PodKind, place: Faced): boolean => {
    // A machine with GPUs is not bought for a pod that asks for none; on one that comes anyway it may run.
    if (place.kind === "new" && board.isForGpuPods(place.face) && board.amounts.askOf(kind).gpus === 0)
      return false;
    if (kind.pod.gpuModel !== undefined && gpuTopology.refusal(kind.pod, place, context) !== null)
      return false;
    const row = (known[kind.where] ??= new Uint8Array(board.faces));
    const before = row[place.face];
    if (before === 1 || before === 2) return before === 1;
    const answer =
      misplaced(kind.pod, place) === null &&
      WHERE.every((check) => check.refusal(kind.pod, place, context) === null);
    row[place.face] = answer ? 1 : 2;
    return answer;
  };
  const beside = (kind: PodKind, place: Faced, pod: PodInput): Verdict => {
    if (kind.plain) return "fits";
    if (takenPort(pod.hostPorts, place.ports) !== null) return "never";
    if (topology.conflict(kind, place) !== null) return "never";
    if (pod.volumes !== undefined && overLimit(pod, place) !== null) return "not-now";
    return topology.unmetAffinity(kind, place) === null && topology.unevenness(kind, place) === null
      ? "fits"
      : "not-now";
  };
  return {
    wants,
    verdict: (kind, bin, pod) => (bin.usable && wants(kind, bin) ? beside(kind, bin, pod) : "never"),
    admitsNew: (kind, place) => wants(kind, place) && beside(kind, place, kind.pod) === "fits",
  };
}
