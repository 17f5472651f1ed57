// What a node looks like while it is emptied: cordon, taint, load-balancer label, source, time and drain-state, in one
// PATCH that is idempotent. What somebody else has put there stays: a node that was cordoned before us is not uncordoned
// by us, and only a label that bears our name is taken off. Who writes it, and how often it is tried, is marker.ts.

import { DRILL_ANNOTATIONS, drillWords } from "../../shared/contract/drill-permit.ts";
import { readDrainState } from "../../shared/contract/node-marks.ts";
import type { DrainState, InterruptionHint } from "../../shared/contract/node-marks.ts";
import type { Node, Taint } from "../../shared/model/kube.ts";
import { EXCLUDED_BY_US, NODE_ANNOTATION, NODE_LABEL, TAINT } from "../../shared/model/names.ts";
import { withoutTaint, withTaint } from "../../shared/runtime/kube/node-marks.ts";
import type { NodeChange } from "../../shared/runtime/kube/node-marks.ts";
import type { StateToWrite } from "./order.ts";

/** What the node is to look like: marked for a drain, only told of a refusal, or as if we had never been. */
export type Marks = StateToWrite | null;

export interface MoreMarks {
  /** Undefined: whatever stands there is left, for nobody knows yet whether it still holds. */
  readonly hint: InterruptionHint | null | undefined;
  readonly leaveLoadBalancers: boolean;
  /** The drill of these words has asked to be over when its time has come: its annotations go, unless they ask anew. */
  readonly endDrill: string | null;
}

const NOTHING_MORE: MoreMarks = { hint: undefined, leaveLoadBalancers: true, endDrill: null };

/** The change that brings the node to `wanted`; null when it is there already. */
export function changeFor(
  node: Node,
  /** Undefined: the marks that stand there are left. */
  wanted: Marks | undefined,
  more: MoreMarks = NOTHING_MORE,
): NodeChange | null {
  const before = readDrainState(node.metadata.annotations?.[NODE_ANNOTATION.drainState]);
  const ours = before.kind === "value" && isDraining(before.value) ? before.value : null;
  const change: NodeChange = wanted === undefined ? {} : markChange(node, wanted, ours, more);
  const { hint } = more;
  const withHint =
    hint === undefined
      ? change
      : {
          ...change,
          annotations: {
            ...change.annotations,
            [NODE_ANNOTATION.interruptionHint]: hint === null ? null : JSON.stringify(hint),
          },
        };
  return isNoChange(node, withHint) ? null : withHint;
}

function markChange(node: Node, wanted: Marks, ours: DrainState | null, more: MoreMarks): NodeChange {
  return wanted !== null && isDraining(wanted)
    ? marking(node, wanted, ours, more)
    : clearing(node, wanted, ours, more);
}

/** A state in which the node carries cordon and taint; the others are words only. */
export function isDraining(state: Pick<DrainState, "phase">): boolean {
  return state.phase !== "refused" && state.phase !== "cancelled";
}

function marking(
  node: Node,
  wanted: StateToWrite,
  ours: DrainState | null,
  { leaveLoadBalancers }: MoreMarks,
): NodeChange {
  const { spec, status, metadata } = node;
  const bootID = status?.nodeInfo?.bootID;
  const state: DrainState = {
    ...wanted,
    // Only whoever cordoned may uncordon. A drain that takes over from another one takes over its answer, unless somebody
    // has uncordoned the node meanwhile: then it is us who cordon it now.
    cordonedByUs: spec?.unschedulable !== true || ours?.cordonedByUs === true,
    ...(bootID === undefined ? {} : { bootID: ours?.id === wanted.id ? (ours.bootID ?? bootID) : bootID }),
  };
  return {
    unschedulable: true,
    taints: withOurs(withoutOurs(spec?.taints), taintOf(wanted)),
    // First of all, since leaving takes a balancer many seconds. A label that somebody else has set says the same.
    ...(leaveLoadBalancers && metadata.labels?.[NODE_LABEL.excludeFromLoadBalancers] === undefined
      ? { labels: { [NODE_LABEL.excludeFromLoadBalancers]: EXCLUDED_BY_US } }
      : {}),
    annotations: {
      [NODE_ANNOTATION.drainState]: JSON.stringify(state),
      ...noticeAnnotations(node, wanted),
    },
  };
}

/** A real notice is told in the words in which a drill is asked for; those of a drill are the person's. */
function noticeAnnotations(
  node: Node,
  { cause, source, deadline }: StateToWrite,
): Record<string, string | null> {
  if (cause !== "notice") return withdrawn(node);
  if (source === "drill") return { [NODE_ANNOTATION.interruptionSource]: source };
  return {
    [NODE_ANNOTATION.interruptionSource]: source,
    [NODE_ANNOTATION.interruptionWarning]: "true",
    [NODE_ANNOTATION.terminationTime]: new Date(deadline).toISOString(),
  };
}

/** Ours are those beside a source of ours; with a cloud's the rest was written by us too. */
function withdrawn({ metadata: { annotations } }: Node): Record<string, null> {
  const source = annotations?.[NODE_ANNOTATION.interruptionSource];
  if (source === undefined) return {};
  const told =
    source === "drill" ? [] : [NODE_ANNOTATION.interruptionWarning, NODE_ANNOTATION.terminationTime];
  return Object.fromEntries([NODE_ANNOTATION.interruptionSource, ...told].map((name) => [name, null]));
}

function clearing(node: Node, wanted: Marks, ours: DrainState | null, { endDrill }: MoreMarks): NodeChange {
  const { annotations, labels } = node.metadata;
  const leftByUs = labels?.[NODE_LABEL.excludeFromLoadBalancers] === EXCLUDED_BY_US;
  return {
    // A state that we cannot read leaves the cordon alone: it is not known to be ours.
    ...(ours?.cordonedByUs === true ? { unschedulable: false } : {}),
    taints: withoutOurs(node.spec?.taints),
    ...(leftByUs ? { labels: { [NODE_LABEL.excludeFromLoadBalancers]: null } } : {}),
    annotations: {
      [NODE_ANNOTATION.drainState]:
        wanted === null ? null : JSON.stringify({ ...wanted, cordonedByUs: false } satisfies DrainState),
      ...(ours === null || annotations?.[NODE_ANNOTATION.interruptionSource] !== ours.source
        ? {}
        : withdrawn(node)),
      ...(endDrill !== null && endDrill === drillWords(annotations)
        ? Object.fromEntries(DRILL_ANNOTATIONS.map((name) => [name, null]))
        : {}),
    },
  };
}

/** NoSchedule and never NoExecute: that one would make the control plane delete every pod at once, past all budgets. */
function taintOf(state: StateToWrite): Taint {
  if (state.cause === "request") return { key: TAINT.scaleDown, effect: "NoSchedule" };
  return { key: TAINT.spotInterruption, value: shortId(state), effect: "NoSchedule" };
}

/** A taint's value has at most 63 letters, digits, "-", "_" and "."; an id holds a node's name of up to 253. */
function shortId(state: Pick<StateToWrite, "id" | "source">): string {
  const last = state.id.slice(state.id.lastIndexOf("-") + 1).replace(/[^A-Za-z0-9]/g, "");
  return `${state.source}-${last.slice(-32) || "0"}`;
}

function withoutOurs(taints: readonly Taint[] | undefined): readonly Taint[] {
  return withoutTaint(taints, TAINT.spotInterruption).filter((taint) => !isOurScaleDown(taint));
}

/** Ours has no value. With one it is the coordinator's note on a node that it retires, and says whose the cordon is. */
function isOurScaleDown({ key, value }: Taint): boolean {
  return key === TAINT.scaleDown && (value ?? "") === "";
}

/** A node carries one taint of a key and effect: where the coordinator's stands, ours would wipe it out. */
function withOurs(others: readonly Taint[], ours: Taint): readonly Taint[] {
  const taken = others.some((taint) => taint.key === ours.key && taint.effect === ours.effect);
  return taken ? others : withTaint(others, ours);
}

function isNoChange(node: Node, change: NodeChange): boolean {
  const { spec, metadata } = node;
  const sameCordon =
    change.unschedulable === undefined || change.unschedulable === (spec?.unschedulable === true);
  const sameTaints = change.taints === undefined || sameTaintsAs(change.taints, spec?.taints ?? []);
  const sameAnnotations = Object.entries(change.annotations ?? {}).every(
    ([key, value]) => (metadata.annotations?.[key] ?? null) === value,
  );
  const sameLabels = Object.entries(change.labels ?? {}).every(
    ([key, value]) => (metadata.labels?.[key] ?? null) === value,
  );
  return sameCordon && sameTaints && sameAnnotations && sameLabels;
}

function sameTaintsAs(a: readonly Taint[], b: readonly Taint[]): boolean {
  const text = (taint: Taint): string => `${taint.key}=${taint.value ?? ""}:${taint.effect}`;
  return a.length === b.length && a.every((taint) => b.some((other) => text(other) === text(taint)));
}
