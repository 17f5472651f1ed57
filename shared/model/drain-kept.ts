// Why a drain leaves a pod where it is. A machine that really goes takes every pod with it, so there nobody is left; a
// drill or a request moves only what somebody makes again and nobody has pinned.

import type { DrainKind } from "./drain-window.ts";
import { parseInstant } from "./instant.ts";
import type { Pod } from "./kube.ts";
import { NODE_ANNOTATION, POD_ANNOTATION } from "./names.ts";
import { podRefusal } from "./pod-refusal.ts";
import { controllerOf, EXPENDABLE_BELOW } from "./pod.ts";
import type { EpochMs } from "./units.ts";

export type Kept =
  /** It asks to be left alone until its node really goes. */
  | { readonly reason: "keep-mode" }
  /** An annotation of another autoscaler says that it is not to be moved. */
  | { readonly reason: "refuses"; readonly annotation: string }
  /** No controller makes it again. */
  | { readonly reason: "unmanaged" };

export interface KeptInput {
  readonly kind: DrainKind;
  readonly now: EpochMs;
  /** A drill moves pods without a controller too. */
  readonly moveUnmanaged: boolean;
}

/** Null: it leaves. */
export function keptReason(pod: Pod, { kind, now, moveUnmanaged }: KeptInput): Kept | null {
  if (kind === "real") return null;
  // The coordinator does not ask such a pod either before it takes the node.
  if ((pod.spec.priority ?? 0) < EXPENDABLE_BELOW) return null;
  if (isKeepMode(pod)) return { reason: "keep-mode" };
  const { annotations } = pod.metadata;
  const startedAt = parseInstant(pod.status?.startTime ?? "") ?? undefined;
  const annotation = podRefusal({ annotations, startedAt }, now);
  if (annotation !== null) return { reason: "refuses", annotation };
  const moves = annotations?.[POD_ANNOTATION.safeToEvict] === "true" || (kind === "drill" && moveUnmanaged);
  return controllerOf(pod) === null && !moves ? { reason: "unmanaged" } : null;
}

/** It is left alone as long as anybody can be: evicting it would only end work that nobody can begin again. */
export function isKeepMode(pod: Pod): boolean {
  return pod.metadata.annotations?.[POD_ANNOTATION.evictionMode] === "keep";
}

/** For people: why it stays and what would move it. */
export function keptDetail(kept: Kept): string {
  switch (kept.reason) {
    case "keep-mode":
      return `stays: ${POD_ANNOTATION.evictionMode} is "keep", so it leaves only when its node really goes`;
    case "refuses":
      return `stays: its annotation ${kept.annotation} refuses; only a node that really goes moves it`;
    case "unmanaged":
      return `stays: it has no controller that would make it again; ${POD_ANNOTATION.safeToEvict}: "true" on the pod, or ${NODE_ANNOTATION.drillUnmanaged}: "true" on the node in a drill, moves it`;
  }
}
