// What the agent attends to: from the node's marks, the coordinator's request and what the cloud says, to what the drain
// and the hints are to do. One look; when it is taken is the loop's business.

import { drillWords } from "../shared/contract/drill-permit.ts";
import type { DrillPermit } from "../shared/contract/drill-permit.ts";
import { readDrainRequest, readDrainState } from "../shared/contract/node-marks.ts";
import type { Node } from "../shared/model/kube.ts";
import { FOREIGN_DRAIN_TAINTS, NODE_ANNOTATION } from "../shared/model/names.ts";
import type { Millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { Drainer } from "./act/drain.ts";
import type { HintKeeper } from "./act/hints.ts";
import { orderFromNotice } from "./act/order.ts";
import { answerRequest } from "./act/request.ts";
import type { Annotations, Ignored } from "./assess/drill.ts";
import { dutyOf } from "./assess/duty.ts";
import { idleness } from "./assess/idle.ts";
import { interruptionOf, noticeFromState } from "./assess/interruption.ts";
import type { CallOff, Told } from "./assess/interruption.ts";
import type { Sight } from "./sight.ts";

export interface AttentionNews {
  /** Called once for each different thing that is wrong with a drill. */
  readonly drillIgnored: (ignored: Ignored) => void;
  /** A drill that may not begin, or of which nobody can tell yet whether it may: once for each answer. */
  readonly drillHeld: (permit: Exclude<DrillPermit, { readonly kind: "allowed" }>) => void;
  readonly requestMalformed: (why: string) => void;
  readonly requestAnswered: (answer: "accepted" | "refused") => void;
  readonly calledOff: (why: CallOff) => void;
  /** Somebody else empties this node too: once for each of their taints. */
  readonly otherDrainer: (taint: string) => void;
}

export interface AttentionOptions {
  readonly node: string;
  readonly drills: boolean;
  readonly maintenanceLeadMs: Millis;
  readonly sight: Pick<Sight, "view">;
  /** Undefined before the first list, and when the node is not registered. */
  readonly ownNode: () => Node | undefined;
  readonly podsSynced: () => boolean;
  readonly told: () => Told;
  /** May the drill of these words begin? Null until that is known, which wakes the loop. Asked with null: none waits. */
  readonly permit: (drill: string | null) => DrillPermit | null;
  readonly drainer: Drainer;
  readonly hints: HintKeeper;
  readonly news: AttentionNews;
  readonly clock: Clock;
  readonly log: Log;
}

/** A drain begins with the pods known, or without them when the API server is slow to list them. */
const PODS_WITHIN_MS = 1_000;
/** A machine that has started anew waits so long for its cloud's word before it is done with the notice of its life before. */
const CLOUD_WITHIN_MS = 5_000;
/** What the cloud took back here, newest last; a machine sees a few in its life. */
const OVER_AT_MOST = 64;

/** Each call is one look. It returns in how many milliseconds the next is wanted even if nothing changes. */
export function createAttention(options: AttentionOptions): () => number {
  const { drainer, clock, news, log } = options;
  const ignoredOnce = createOnce<Ignored>(
    (ignored) => JSON.stringify({ ...ignored, byMs: 0 }),
    news.drillIgnored,
  );
  const heldOnce = createOnce<Exclude<DrillPermit, { readonly kind: "allowed" }>>(
    (permit) => JSON.stringify(permit),
    news.drillHeld,
  );
  const otherOnce = createOnce<string>((taint) => taint, news.otherDrainer);
  const malformedOnce = createOnce<string>((why) => why, news.requestMalformed);
  let seenAt: number | null = null;
  let adopted = false;
  let drilled = false;
  /**
   * The drill that was refused; it stays refused until its annotation changes. `why`: what the node is still to be told,
   * null when it has been.
   */
  let refused: { readonly drill: string; why: string | null } | null = null;
  const over: string[] = [];

  const adopt = (annotations: Annotations): void => {
    adopted = true;
    const left = readDrainState(annotations?.[NODE_ANNOTATION.drainState]);
    // With a drain under way already, its marks are written over what an earlier process left.
    if (left.kind === "value" && drainer.state === null) {
      drainer.adopt(left.value);
      if (left.value.phase === "refused" && left.value.source === "drill")
        refused = { drill: drillWords(annotations), why: null };
    }
    if (left.kind === "malformed")
      log.warn({ reason: left.why }, "drain-state on the node cannot be read and is not continued");
  };

  /** Whether a drill that would begin now may; one that may not is refused once. */
  const mayBegin = (annotations: Annotations): boolean => {
    const drill = drillWords(annotations);
    // Until our marks are as they are to be, what stands on the node may be what is being taken back.
    if (drainer.writing || drill === refused?.drill) return false;
    const permit = options.permit(drill);
    heldOnce(permit === null || permit.kind === "allowed" ? null : permit);
    refused = permit?.kind === "refused" ? { drill, why: permit.detail } : null;
    return permit?.kind === "allowed";
  };

  return () => {
    const node = options.ownNode();
    const told = options.told();
    // What the cloud says is told and acted on although the API server has not shown the node yet.
    if (node === undefined && told.sightings.length === 0) return Number.POSITIVE_INFINITY;
    seenAt ??= clock.monotonic();
    const podsInMs = seenAt + PODS_WITHIN_MS - clock.monotonic();
    if (!options.podsSynced() && podsInMs > 0) return podsInMs;

    // 1. What stands on the node, and what the cloud says.
    const annotations = node?.metadata.annotations;
    if (!adopted && node !== undefined) adopt(annotations);
    const { state } = drainer;
    const previous = state === null ? null : (drainer.notice ?? noticeFromState(state));
    drilled ||= previous?.source === "drill";
    const restarted = hasRestarted(state?.bootID, node);
    const cloudInMs = seenAt + CLOUD_WITHIN_MS - clock.monotonic();
    if (restarted && !told.answered && told.sightings.length === 0 && cloudInMs > 0) return cloudInMs;
    const now = clock.now();
    const { interruption, hints, nextAt } = interruptionOf({
      node: options.node,
      annotations,
      now,
      previous,
      restarted,
      told,
      maintenanceLeadMs: options.maintenanceLeadMs,
      drills: options.drills,
      again: drilled,
      over,
    });
    ignoredOnce("ignored" in interruption ? interruption.ignored : null);
    const request = readDrainRequest(annotations?.[NODE_ANNOTATION.drainRequest]);
    malformedOnce(request.kind === "malformed" ? request.why : null);

    otherOnce(state === null ? null : foreignTaint(node));

    // 2. Is it over what was acted on, and may begin what would?
    const notice = interruption.kind === "notice" ? interruption.notice : null;
    if (previous !== null && previous.source !== "drill" && notice?.id !== previous.id) {
      over.push(previous.id);
      if (over.length > OVER_AT_MOST) over.shift();
    }
    if (interruption.kind === "none" || interruption.kind === "ignored") {
      refused = null;
      heldOnce(null);
      options.permit(null);
    }
    const waits = previous === null && notice?.source === "drill" && !mayBegin(annotations);

    // 3. What is to be done about it. A drill that waits, or may not begin, keeps nobody from what else is asked.
    const duty = dutyOf({ interruption: waits ? { kind: "none" } : interruption, request, state });
    switch (duty.kind) {
      case "rest":
        break;
      case "undo":
        if (waits && state?.cause === "notice") break;
        if (duty.why !== null) news.calledOff(duty.why);
        drainer.undo({ endDrill: duty.why === "drill-over" ? drillWords(annotations) : null });
        break;
      case "notice":
        drainer.follow(orderFromNotice(duty.notice));
        break;
      case "request": {
        const threshold = (share: number) => idleness(options.sight.view(), share);
        const answer = answerRequest(duty.request, { drainer, idleness: threshold, now });
        if (answer !== "answered-before") news.requestAnswered(answer);
        break;
      }
    }
    // On a node that answers a request there is no room for another answer until that is over.
    if (waits && refused !== null && refused.why !== null && drainer.state?.cause !== "request") {
      drainer.refuseDrill(orderFromNotice(notice), refused.why);
      refused.why = null;
    }
    options.hints.follow(hints, told.answered);
    return nextAt === null ? Number.POSITIVE_INFINITY : nextAt - now;
  };
}

/** Their evictions and ours compose; who uncordons is to be one of us, which people have to see to. */
function foreignTaint(node: Node | undefined): string | null {
  return node?.spec?.taints?.find(({ key }) => FOREIGN_DRAIN_TAINTS.includes(key))?.key ?? null;
}

function hasRestarted(bootIdThen: string | undefined, node: Node | undefined): boolean {
  const now = node?.status?.nodeInfo?.bootID;
  return bootIdThen !== undefined && now !== undefined && bootIdThen !== now;
}

/** Passes each different value on once; null in between makes the same value news again. */
function createOnce<T>(keyOf: (value: T) => string, tell: (value: T) => void): (value: T | null) => void {
  let last: string | null = null;
  return (value) => {
    const key = value === null ? null : keyOf(value);
    if (value !== null && key !== last) tell(value);
    last = key;
  };
}
