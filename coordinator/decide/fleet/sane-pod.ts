// What is wrong with a pod, in words, before anything calculates with it: a value of the wrong type, a number that
// cannot be, more terms than a decision can afford. What becomes of such a pod: one that waits is refused with these
// words, one that has a node fills its place there and is not moved.

import type { Toleration } from "../../../shared/model/kube.ts";
import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import { EVICTION_CLASSES } from "../../../shared/model/pod.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { DaemonInput, PodInput } from "../snapshot-pod.ts";
import {
  isAbsentOr,
  isCount,
  isFlag,
  isList,
  isNullOr,
  isOneOf,
  isRecord,
  isShort,
  isText,
  isTexts,
  MAX_VALUES,
} from "./sane-form.ts";
import type { Form, Unread } from "./sane-form.ts";
import {
  isGang,
  isHostPort,
  isNodeTerm,
  isPodTerm,
  isSpread,
  isVolume,
  MAX_TERMS,
} from "./sane-pod-parts.ts";
import { instant, isInstant, malformedIn, saneResources } from "./sane-value.ts";

const isWaitingKind = isOneOf(["unschedulable", "gated", "undecided", "gang"]);
const isClass = isOneOf(EVICTION_CLASSES);
const isTextIfAny = isAbsentOr(isText);
const isTextOrNull = isNullOr(isText);
const isFlagIfAny = isAbsentOr(isFlag);
const isInstantIfAny = isAbsentOr((value) => typeof value === "number" && isInstant(value));

/** Null: what it has can be read. Else what cannot, the first in the order of this list. */
export function malformedPod(pod: PodInput): string | null {
  return (
    malformedRequest(pod.requests) ??
    unless(isText(pod.uid), "its uid") ??
    unless(pod.waiting === null || isWaiting(pod.waiting), "where the scheduler stands with it") ??
    unless(isTextOrNull(pod.nominatedNode), "its nominated node") ??
    unless(isFlag(pod.terminating), "whether it ends") ??
    unless(pod.owner === null || isOwner(pod.owner), "its owner") ??
    unless(isFlag(pod.daemon) && isFlag(pod.mirror), "whether it belongs to its node") ??
    unless(isClass(pod.class), "its eviction class") ??
    unless(Number.isFinite(pod.priority), "its priority") ??
    unless(isTexts(pod.nodeSelector), "its node selector") ??
    listOf(pod.tolerations, "tolerations", isToleration, MAX_VALUES) ??
    unless(isTexts(pod.annotations), "an annotation") ??
    unless(pod.labels === undefined || isTexts(pod.labels), "a label") ??
    listIfAny(pod.nodeTerms, "node affinity", isNodeTerm) ??
    listIfAny(pod.podAffinity, "pod affinity", isPodTerm) ??
    listIfAny(pod.podAntiAffinity, "pod anti-affinity", isPodTerm) ??
    listIfAny(pod.spread, "topology spread", isSpread) ??
    listIfAny(pod.hostPorts, "host ports", isHostPort, MAX_VALUES) ??
    listIfAny(pod.volumes, "volumes", isVolume) ??
    listIfAny(pod.resourceClaims, "resource claims", isText) ??
    unless(pod.gang === undefined || isGang(pod.gang), "its gang") ??
    unless(isTextIfAny(pod.provisioningRequest), "its provisioning request") ??
    unless(isTextIfAny(pod.gpuModel), "its GPU model") ??
    unless(isFlagIfAny(pod.localStorage), "its local storage") ??
    unless(isFlagIfAny(pod.ready), "its readiness") ??
    unless(isInstantIfAny(pod.startedAt), "its start") ??
    unless(isInstantIfAny(pod.endsAt), "its end") ??
    unless(isInstantIfAny(pod.endingSince), "the beginning of its end")
  );
}

/** It stands on a node, and something of it cannot be read: it fills its place there and is not moved. */
export function stayingPod(pod: PodInput, at: EpochMs): PodInput {
  return {
    key: pod.key,
    uid: isText(pod.uid) ? pod.uid : pod.key,
    node: pod.node,
    createdAt: instant(pod.createdAt, at),
    waiting: null,
    nominatedNode: null,
    terminating: pod.terminating === true,
    owner: isOwner(pod.owner) ? pod.owner : null,
    daemon: pod.daemon === true,
    mirror: pod.mirror === true,
    class: isClass(pod.class) ? pod.class : "medium",
    requests: isRecord(pod.requests) ? saneResources(pod.requests) : { pods: 1 },
    nodeSelector: {},
    tolerations: [],
    priority: Number.isFinite(pod.priority) ? pod.priority : 0,
    annotations: { [POD_ANNOTATION.safeToEvict]: "false" },
  };
}

/** A DaemonSet of which something cannot be read is left out: nobody knows where its pods will be. */
export function readableDaemons(daemons: unknown): readonly DaemonInput[] {
  return Array.isArray(daemons) ? daemons.filter(isDaemon) : [];
}

function unless(isWell: boolean, what: string): string | null {
  return isWell ? null : what;
}

function malformedRequest(requests: unknown): string | null {
  if (!isRecord(requests)) return "its requests";
  const resource = malformedIn(requests as PodInput["requests"]);
  return resource === null ? null : `the request for ${resource}`;
}

function listIfAny(list: unknown, name: string, isWell: Form, most = MAX_TERMS): string | null {
  return list === undefined ? null : listOf(list, name, isWell, most);
}

function listOf(list: unknown, name: string, isWell: Form, most: number): string | null {
  if (!isList(list)) return `${name}, which is no list`;
  if (list.length > most) return `${name}: ${list.length} entries, at most ${most} are read`;
  const wrong = list.findIndex((item) => !isWell(item));
  return wrong === -1 ? null : `entry ${wrong + 1} of ${name}`;
}

/** Since when is another question: an instant that cannot be read is now. */
function isWaiting(value: unknown): boolean {
  return isRecord(value) && isWaitingKind(value["kind"]);
}

function isOwner(value: unknown): value is NonNullable<PodInput["owner"]> {
  return isRecord(value) && isText(value["uid"]) && isText(value["kind"]);
}

function isToleration(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { key, operator, value: wanted, effect }: Unread<Toleration> = value;
  return [key, operator, wanted, effect].every(isTextIfAny);
}

function isDaemon(value: unknown): value is DaemonInput {
  if (!isRecord(value)) return false;
  const { key, uid, requests, nodeSelector, nodeTerms, tolerations }: Unread<DaemonInput> = value;
  return (
    isText(key) &&
    isText(uid) &&
    isRecord(requests) &&
    Object.values(requests).every((amount) => isCount(amount, 0, Number.MAX_SAFE_INTEGER)) &&
    isTexts(nodeSelector) &&
    (nodeTerms === undefined || isShort(isNodeTerm, MAX_TERMS)(nodeTerms)) &&
    isShort(isToleration)(tolerations)
  );
}
