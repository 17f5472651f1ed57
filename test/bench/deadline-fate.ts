// What became of a pod, read from the world's ledger, with what the world does not model: a kubelet that needs a second
// until SIGTERM, and a machine that is off at the deadline with everything on it.

import type { LedgerEntry } from "../../coordinator/replay/world-core.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { DrawnClass, DrawnPod } from "./deadline-pods.ts";

/** From the API server's yes until the kubelet sends SIGTERM. */
export const KUBELET_MS = 1_000;
/** The least that a kubelet leaves between SIGTERM and SIGKILL; less is no grace. */
const LEAST_GRACE_MS = 2_000;

/** What became of one pod. */
export interface Fate {
  readonly class: DrawnClass;
  readonly blocked: boolean;
  /** When the first call for it was sent, after the notice; null: never. */
  readonly sentMs: number | null;
  /** The process was told to end while the machine was on. */
  readonly warned: boolean;
  /** SIGTERM until SIGKILL or the end of the machine; 0 without SIGTERM. */
  readonly givenMs: number;
  /** It was warned, and had less than the least grace. */
  readonly graceless: boolean;
  /** It ended by itself before both. */
  readonly clean: boolean;
}

/** SIGTERM comes a second after the yes; a later yes can only cut the grace, counted from that SIGTERM. */
export function fateOf(
  uid: string,
  { class: of, blocked, wantsMs }: DrawnPod,
  ledger: readonly LedgerEntry[],
  powerOffAt: EpochMs,
): Omit<Fate, "sentMs"> {
  const accepted = ledger.flatMap((entry) =>
    entry.kind === "pod-stopping" && entry.uid === uid ? [entry] : [],
  );
  const warnedAt = (accepted[0]?.at ?? Infinity) + KUBELET_MS;
  const warned = warnedAt <= powerOffAt;
  const graceMs = Math.min(...accepted.map((entry) => entry.graceMs));
  const givenMs = warned ? Math.min(graceMs, powerOffAt - warnedAt) : 0;
  return {
    class: of,
    blocked,
    warned,
    givenMs,
    graceless: warned && givenMs < LEAST_GRACE_MS,
    clean: warned && wantsMs <= givenMs,
  };
}
