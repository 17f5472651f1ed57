// What is wrong with a pod's optional parts, in words, before anything calculates with them: a value of the wrong
// type, a number that cannot be, more terms than a decision can afford. It looks and changes nothing; what becomes
// of such a pod is for sane.ts.

import type {
  DaemonInput,
  GangInput,
  HostPort,
  NodeExpression,
  NodeTerm,
  PodInput,
  PodTerm,
  SpreadInput,
  VolumeInput,
} from "../snapshot-pod.ts";

/** Of one list. Real pods have a handful; a hostile one must not make a decision slow for all others. */
export const MAX_TERMS = 100;
/** Values of one expression, names of one term, labels of one selector. */
const MAX_VALUES = 1_000;
const MAX_PORT = 65_535;
const MAX_GANG = 1_000_000;

const NODE_OPERATORS: readonly unknown[] = ["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"];
const LABEL_OPERATORS: readonly unknown[] = ["In", "NotIn", "Exists", "DoesNotExist"];
const POLICIES: readonly unknown[] = ["Honor", "Ignore"];
const VOLUME_KINDS: readonly unknown[] = ["bound", "first-consumer", "missing", "unbound", "lost"];
const GANG_SOURCES: readonly unknown[] = ["PodGroup", "JobSet", "Kueue", "LeaderWorkerSet", "annotation"];

/** Null: what it has can be read. Else what cannot, the first in the order of this list. */
export function malformedPod(pod: PodInput): string | null {
  return (
    unless(isAbsentOr(isTexts)(pod.labels), "a label") ??
    listOf(pod.nodeTerms, "node affinity", isNodeTerm) ??
    listOf(pod.podAffinity, "pod affinity", isPodTerm) ??
    listOf(pod.podAntiAffinity, "pod anti-affinity", isPodTerm) ??
    listOf(pod.spread, "topology spread", isSpread) ??
    listOf(pod.hostPorts, "host ports", isHostPort, MAX_VALUES) ??
    listOf(pod.volumes, "volumes", isVolume) ??
    listOf(pod.resourceClaims, "resource claims", isText) ??
    unless(isAbsentOr(isGang)(pod.gang), "its gang") ??
    unless(isAbsentOr(isText)(pod.provisioningRequest), "its provisioning request") ??
    unless(isAbsentOr(isText)(pod.gpuModel), "its GPU model") ??
    unless(isAbsentOr(isFlag)(pod.localStorage), "its local storage") ??
    unless(isAbsentOr(isFlag)(pod.ready), "its readiness") ??
    unless(isAbsentOr(isInstant)(pod.startedAt), "its start") ??
    unless(isAbsentOr(isInstant)(pod.endsAt), "its end")
  );
}

/** A DaemonSet of which something cannot be read is left out: nobody knows where its pods will be. */
export function readableDaemons(daemons: unknown): readonly DaemonInput[] {
  return Array.isArray(daemons) ? daemons.filter(isDaemon) : [];
}

type Test = (value: unknown) => boolean;

function unless(isWell: boolean, what: string): string | null {
  return isWell ? null : what;
}

function listOf(list: unknown, name: string, isWell: Test, most = MAX_TERMS): string | null {
  if (list === undefined) return null;
  if (!Array.isArray(list)) return `${name}, which is no list`;
  if (list.length > most) return `${name}: ${list.length} entries, at most ${most} are read`;
  const wrong = (list as readonly unknown[]).findIndex((item) => !isWell(item));
  return wrong === -1 ? null : `entry ${wrong + 1} of ${name}`;
}

const isText: Test = (value) => typeof value === "string";
const isFlag: Test = (value) => typeof value === "boolean";
const isInstant: Test = (value) => typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function isAbsentOr(isWell: Test): Test {
  return (value) => value === undefined || isWell(value);
}

function isNullOr(isWell: Test): Test {
  return (value) => value === null || isWell(value);
}

function isShort(isWell: Test, most = MAX_VALUES): Test {
  return (value) =>
    Array.isArray(value) && value.length <= most && (value as readonly unknown[]).every(isWell);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const texts = Object.values(value);
  return texts.length <= MAX_VALUES && texts.every(isText);
}

function isCount(value: unknown, least: number, most: number): boolean {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least && value <= most;
}

/** The fields of `T`, each of them still to be looked at. */
type Unread<T> = { readonly [F in keyof T]?: unknown };

function isNodeTerm(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { labels, names }: Unread<NodeTerm> = value;
  return isShort(isNodeExpression, MAX_TERMS)(labels) && isShort(isNodeExpression, MAX_TERMS)(names);
}

function isNodeExpression(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { key, operator, values }: Unread<NodeExpression> = value;
  return isText(key) && NODE_OPERATORS.includes(operator) && isShort(isText)(values);
}

function isSelector(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { matchLabels, matchExpressions } = value;
  return (
    isAbsentOr(isTexts)(matchLabels) && isAbsentOr(isShort(isLabelExpression, MAX_TERMS))(matchExpressions)
  );
}

function isLabelExpression(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { key, operator, values } = value;
  return isText(key) && LABEL_OPERATORS.includes(operator) && isAbsentOr(isShort(isText))(values);
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
    isAbsentOr(isShort(isNodeTerm, MAX_TERMS))(nodeTerms) &&
    isShort(isRecord)(tolerations)
  );
}

function isPodTerm(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { topologyKey, selector, namespaces, namespaceSelector }: Unread<PodTerm> = value;
  return (
    isText(topologyKey) &&
    isNullOr(isSelector)(selector) &&
    isShort(isText)(namespaces) &&
    isNullOr(isSelector)(namespaceSelector)
  );
}

function isSpread(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const constraint: Unread<SpreadInput> = value;
  return (
    isText(constraint.topologyKey) &&
    isCount(constraint.maxSkew, 1, Number.MAX_SAFE_INTEGER) &&
    isCount(constraint.minDomains, 1, Number.MAX_SAFE_INTEGER) &&
    isNullOr(isSelector)(constraint.selector) &&
    POLICIES.includes(constraint.nodeAffinityPolicy) &&
    POLICIES.includes(constraint.nodeTaintsPolicy)
  );
}

function isHostPort(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { ip, protocol, port }: Unread<HostPort> = value;
  return isText(ip) && isText(protocol) && isCount(port, 1, MAX_PORT);
}

function isVolume(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { kind, claim, nodeTerms, driver }: Unread<Extract<VolumeInput, { kind: "bound" }>> = value;
  if (!VOLUME_KINDS.includes(kind) || !isText(claim)) return false;
  if (kind !== "bound" && kind !== "first-consumer") return true;
  // Terms of a class that is provisioned by hand are those of all its volumes, which may be many.
  return isNullOr(isShort(isNodeTerm))(nodeTerms) && isNullOr(isText)(driver);
}

function isGang(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { id, minimum, source }: Unread<GangInput> = value;
  return isText(id) && (minimum === null || isCount(minimum, 1, MAX_GANG)) && GANG_SOURCES.includes(source);
}
