// How a drill goes, made out of two things that everybody with a kubeconfig can see: the marks that its agent writes on the
// node, and the pods of the node. Looked at again and again, it tells each change once. Pure but for its own memory.

import type { DrainState } from "../../../shared/contract/node-marks.ts";
import { toInstantText } from "../../../shared/model/instant.ts";
import type { Node, Pod, PodDisruptionBudget } from "../../../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../../../shared/model/names.ts";
import { EVICTION_CLASSES, isTerminating } from "../../../shared/model/pod.ts";
import type { EvictionClass } from "../../../shared/model/pod.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { obstacleFor } from "./budgets.ts";
import type { DrillEvent, DrillReport } from "./events.ts";
import { drillPlan } from "./plan.ts";
import type { DrillPod } from "./plan.ts";
import { isDraining, isDrillState, stateOn } from "./standing.ts";

export interface DrillView {
  /** Null: not known yet. Undefined: the node is gone. */
  readonly node: Node | undefined | null;
  /** Null: not known yet. */
  readonly pods: readonly Pod[] | null;
  /** Null: nobody has looked, or may. */
  readonly budgets: readonly PodDisruptionBudget[] | null;
  readonly now: EpochMs;
}

export type DrillEnd =
  /** Drained, or its time has come. */
  | { readonly kind: "done"; readonly state: DrainState }
  | { readonly kind: "refused"; readonly why: string }
  | { readonly kind: "called-off" }
  /** A cloud takes the machine. */
  | { readonly kind: "overtaken"; readonly source: string }
  | { readonly kind: "node-gone" };

export interface Progress {
  /** The node's pods before anything is asked for: those that are being deleted then do not go by the drill. */
  before(pods: readonly Pod[]): void;
  /** What is new since the last look. */
  look(view: DrillView): readonly DrillEvent[];
  /** What its agent last wrote of it; null before it has. */
  readonly state: DrainState | null;
  readonly end: DrillEnd | null;
  /** Whether pods wait longer than the plan says, so that budgets are worth a look. */
  isLate(now: EpochMs): boolean;
  report(node: string): DrillReport | null;
}

interface Track {
  readonly pod: DrillPod;
  /** Null: not yet, or not seen. */
  askedAt: EpochMs | null;
  /** On the node's clock: when its turn came, as far as is known; null: never. It comes sooner when classes before it go. */
  dueAt: number | null;
  /** Deleted before the drill, by others. */
  readonly leaving: boolean;
  gone: boolean;
  /** What was last told of who stands in its way. */
  obstacle: string;
}

/** A call to the API server, and its word to us, may take so long; sooner nobody is late. */
const LATE_MS = 1_500;

/** `earlier`: the id of a state that stood on the node before and is not this drill's. */
export function createProgress({ earlier }: { readonly earlier: string | null }): Progress {
  const tracks = new Map<string, Track>();
  const waves = new Set<EvictionClass>();
  /**
   * Pods that were being deleted before. What is seen later tells nothing: the word that a pod goes may come here sooner than the
   * agent's own, which it wrote first.
   */
  const leavingBefore = new Set<string>();
  let held: { state: DrainState; readonly at: EpochMs } | null = null;
  let planned = false;
  let end: DrillEnd | null = null;

  const readNode = (node: Node, now: EpochMs): readonly DrillEvent[] => {
    const state = stateOn(node);
    if (state === null || state.id === earlier) {
      if (held !== null) end = { kind: "called-off" };
      return [];
    }
    if (!isDrillState(state)) {
      if (state.cause === "notice" && isDraining(state)) end = { kind: "overtaken", source: state.source };
      else if (held !== null) end = { kind: "called-off" };
      return [];
    }
    if (state.phase === "refused") {
      end = { kind: "refused", why: state.why ?? "its agent gives no reason" };
      return [];
    }
    if (state.phase === "cancelled") {
      end = { kind: "called-off" };
      return [];
    }
    const isFirst = held === null;
    held = { state, at: held?.at ?? now };
    if (state.phase === "drained" || state.phase === "final" || state.phase === "survived")
      end = { kind: "done", state };
    if (!isFirst) return [];
    return [
      {
        kind: "held",
        id: state.id,
        deadline: toInstantText(epochMs(state.deadline)),
        clockSeconds: (state.seenAt - now) / 1000,
      },
    ];
  };

  /** The same moment on the node's clock, which may be set otherwise than ours. */
  const onNode = (now: EpochMs): number => (held === null ? now : held.state.seenAt + (now - held.at));

  const readPods = (view: DrillView, pods: readonly Pod[], of: DrainState): readonly DrillEvent[] => {
    const { now } = view;
    const unmanaged = view.node?.metadata.annotations?.[NODE_ANNOTATION.drillUnmanaged] === "true";
    const plan = drillPlan({
      pods,
      seenAt: epochMs(of.seenAt),
      deadline: epochMs(of.deadline),
      now,
      unmanaged,
    });
    const byUid = new Map(pods.map((pod) => [pod.metadata.uid ?? "", pod]));
    const events: DrillEvent[] = [];
    const arrived: DrillEvent[] = [];

    // 1. Who is here.
    for (const pod of plan.pods) {
      const known = tracks.get(pod.uid);
      if (known !== undefined) {
        if (pod.at !== null && known.dueAt !== null && pod.at < known.dueAt)
          known.dueAt = Math.min(known.dueAt, Math.max(pod.at, onNode(now)));
        continue;
      }
      const leaving = leavingBefore.has(pod.uid);
      tracks.set(pod.uid, { pod, askedAt: null, dueAt: pod.at, leaving, gone: false, obstacle: "" });
      if (planned && pod.kept === null) arrived.push({ kind: "arrived", pod: pod.key, class: pod.class });
    }
    if (!planned) {
      planned = true;
      const all = [...tracks.values()];
      events.push({
        kind: "plan",
        mode: plan.mode,
        pods: countByClass(all.filter(({ pod, leaving }) => pod.kept === null && !leaving)),
        leaving: all.filter(({ leaving }) => leaving).length,
        kept: all.flatMap(({ pod }) => (pod.kept === null ? [] : [{ pod: pod.key, why: pod.kept }])),
      });
    }
    events.push(...arrived);

    // 2. Who was asked, and who is gone.
    for (const [uid, track] of tracks) {
      if (track.gone) continue;
      const { key, class: of } = track.pod;
      const pod = byUid.get(uid);
      if (pod !== undefined && isTerminating(pod) && track.askedAt === null && !track.leaving) {
        track.askedAt = now;
        if (!waves.has(of)) events.push({ kind: "wave", class: of });
        waves.add(of);
        const graceSeconds = pod.metadata.deletionGracePeriodSeconds ?? null;
        events.push({ kind: "evicting", pod: key, class: of, graceSeconds });
      }
      if (!plan.pods.some((each) => each.uid === uid)) {
        track.gone = true;
        const tookSeconds = track.askedAt === null ? null : (now - track.askedAt) / 1000;
        events.push({ kind: "gone", pod: key, class: of, tookSeconds });
      }
    }

    // 3. Who should have been asked by now, and what stands in the way.
    for (const track of lateTracks(now)) {
      const pod = byUid.get(track.pod.uid);
      const obstacle = pod === undefined || view.budgets === null ? null : obstacleFor(pod, view.budgets);
      const text = obstacle?.why ?? "";
      if (obstacle !== null && text !== track.obstacle)
        events.push({ kind: "blocked", pod: track.pod.key, class: track.pod.class, ...obstacle });
      track.obstacle = text;
    }
    return events;
  };

  const lateTracks = (now: EpochMs): readonly Track[] =>
    [...tracks.values()].filter(
      ({ dueAt, askedAt, leaving, gone }) =>
        askedAt === null && !leaving && !gone && dueAt !== null && onNode(now) > dueAt + LATE_MS,
    );

  return {
    before: (pods) => {
      for (const pod of pods) if (isTerminating(pod)) leavingBefore.add(pod.metadata.uid ?? "");
    },
    get state() {
      return held?.state ?? null;
    },
    get end() {
      return end;
    },
    isLate: (now) => end === null && lateTracks(now).length > 0,
    look: (view) => {
      const { node, pods, now } = view;
      if (node === undefined && end === null) end = { kind: "node-gone" };
      const ofNode = node === null || node === undefined || end !== null ? [] : readNode(node, now);
      const ofPods = held === null || pods === null ? [] : readPods(view, pods, held.state);
      return [...ofNode, ...ofPods];
    },
    report: (node) => {
      if (held === null) return null;
      const { id, phase, seenAt, deadline, summary } = held.state;
      const here = [...tracks.values()].filter(({ gone }) => !gone);
      return {
        node,
        id,
        phase,
        seenAt: toInstantText(epochMs(seenAt)),
        deadline: toInstantText(epochMs(deadline)),
        summary: summary ?? null,
        left: here.filter(({ pod }) => pod.kept === null).map(({ pod }) => pod.key),
        kept: here.flatMap(({ pod }) => (pod.kept === null ? [] : [{ pod: pod.key, why: pod.kept }])),
      };
    },
  };
}

function countByClass(tracks: readonly Track[]): Readonly<Record<EvictionClass, number>> {
  const counts = { low: 0, medium: 0, high: 0, system: 0 };
  for (const of of EVICTION_CLASSES) counts[of] = tracks.filter(({ pod }) => pod.class === of).length;
  return counts;
}
