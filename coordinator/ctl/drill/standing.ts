// What the marks on a node say of drills: whether one may be asked for here, goes on, or was refused, and what is left of
// one that was ended. Pure; the words for people that go with it are said where they are needed.

import { asksForDrill } from "../../../shared/contract/drill-permit.ts";
import { readDrainState } from "../../../shared/contract/node-marks.ts";
import type { DrainState } from "../../../shared/contract/node-marks.ts";
import { parseInstant } from "../../../shared/model/instant.ts";
import type { Node } from "../../../shared/model/kube.ts";
import {
  EXCLUDED_BY_US,
  NODE_ANNOTATION,
  NODE_CONDITION,
  NODE_LABEL,
  TAINT,
} from "../../../shared/model/names.ts";
import type { EpochMs } from "../../../shared/model/units.ts";

export type Standing =
  | { readonly kind: "free" }
  /** A cloud takes the machine, or a mark says so. */
  | { readonly kind: "real"; readonly source: string }
  /** The coordinator has asked its agent to empty it. */
  | { readonly kind: "request" }
  /** Null: nobody has answered yet, or what is written cannot be read. */
  | { readonly kind: "drill"; readonly state: DrainState | null }
  | { readonly kind: "refused"; readonly state: DrainState }
  /** Nobody asks for it any more, and its marks still stand. */
  | { readonly kind: "ending"; readonly state: DrainState };

export function standingOf(node: Node): Standing {
  const { annotations } = node.metadata;
  const state = stateOn(node);
  const going = state !== null && isDraining(state) ? state : null;
  if (going?.cause === "notice" && going.source !== "drill") return { kind: "real", source: going.source };
  const isMarked = annotations?.[NODE_ANNOTATION.interruptionWarning] === "true";
  if (isMarked && !asksForDrill(annotations))
    return { kind: "real", source: annotations?.[NODE_ANNOTATION.interruptionSource] ?? "" };
  if (going?.cause === "request") return { kind: "request" };
  if (isMarked) {
    const refused = state?.phase === "refused" && state.source === "drill" ? state : null;
    return refused === null ? { kind: "drill", state: going } : { kind: "refused", state: refused };
  }
  return going === null ? { kind: "free" } : { kind: "ending", state: going };
}

export function stateOn(node: Node): DrainState | null {
  const mark = readDrainState(node.metadata.annotations?.[NODE_ANNOTATION.drainState]);
  return mark.kind === "value" ? mark.value : null;
}

export function isDraining({ phase }: Pick<DrainState, "phase">): boolean {
  return phase !== "refused" && phase !== "cancelled";
}

export function isDrillState({ cause, source }: Pick<DrainState, "cause" | "source">): boolean {
  return cause === "notice" && source === "drill";
}

/** What the agent has still to take back after a drill; `cordoned`: whether the cordon was the drill's. */
export function leftOf(node: Node, cordoned: boolean): readonly string[] {
  const { metadata, spec } = node;
  const state = stateOn(node);
  return [
    ...(state !== null && isDrillState(state)
      ? [`annotation ${NODE_ANNOTATION.drainState} (${state.phase})`]
      : []),
    ...(metadata.annotations?.[NODE_ANNOTATION.interruptionSource] === "drill"
      ? [`annotation ${NODE_ANNOTATION.interruptionSource}`]
      : []),
    ...(spec?.taints?.some(({ key }) => key === TAINT.spotInterruption) === true
      ? [`taint ${TAINT.spotInterruption}`]
      : []),
    ...(metadata.labels?.[NODE_LABEL.excludeFromLoadBalancers] === EXCLUDED_BY_US
      ? [`label ${NODE_LABEL.excludeFromLoadBalancers}`]
      : []),
    ...(cordoned && spec?.unschedulable === true ? ["the cordon"] : []),
  ];
}

/** An agent writes its condition anew each five minutes; two of them may have failed. */
export const AGENT_QUIET_MS = 11 * 60_000;

/** Whether an agent can be expected to act here. Null: its condition is fresh. */
export function agentDoubt(node: Node, now: EpochMs): string | null {
  const { gpuHealthy } = NODE_CONDITION;
  const condition = node.status?.conditions?.find(({ type }) => type === gpuHealthy);
  const heardAt = parseInstant(condition?.lastHeartbeatTime ?? "");
  if (condition === undefined || heardAt === null)
    return `no agent has written the condition ${gpuHealthy} on this node, which takes it half a minute after its start: without an agent nothing will happen`;
  if (now - heardAt <= AGENT_QUIET_MS) return null;
  const minutes = Math.round((now - heardAt) / 60_000);
  return `the agent's condition ${gpuHealthy} on this node is ${minutes} minutes old: its agent may not run any more`;
}
