// The parts that few pods have, each as it has to look to be read: terms about nodes and about other pods, spreading,
// ports of the host, volumes, gangs. They look and change nothing.

import type {
  GangInput,
  HostPort,
  NodeExpression,
  NodeTerm,
  PodTerm,
  SpreadInput,
  VolumeInput,
} from "../snapshot-pod.ts";
import { isAbsentOr, isCount, isNullOr, isOneOf, isRecord, isShort, isText, isTexts } from "./sane-form.ts";
import type { Unread } from "./sane-form.ts";

/** Of one list. Real pods have a handful; a hostile one must not make a decision slow for all others. */
export const MAX_TERMS = 100;
const MAX_PORT = 65_535;
const MAX_GANG = 1_000_000;

const isNodeOperator = isOneOf(["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]);
const isLabelOperator = isOneOf(["In", "NotIn", "Exists", "DoesNotExist"]);
const isSpreadPolicy = isOneOf(["Honor", "Ignore"]);
const isVolumeKind = isOneOf(["bound", "first-consumer", "missing", "unbound", "lost"]);
const isGangSource = isOneOf(["PodGroup", "JobSet", "Kueue", "LeaderWorkerSet", "annotation"]);

export function isNodeTerm(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { labels, names }: Unread<NodeTerm> = value;
  return isShort(isNodeExpression, MAX_TERMS)(labels) && isShort(isNodeExpression, MAX_TERMS)(names);
}

function isNodeExpression(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { key, operator, values }: Unread<NodeExpression> = value;
  return isText(key) && isNodeOperator(operator) && isShort(isText)(values);
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
  return isText(key) && isLabelOperator(operator) && isAbsentOr(isShort(isText))(values);
}

export function isPodTerm(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { topologyKey, selector, namespaces, namespaceSelector }: Unread<PodTerm> = value;
  return (
    isText(topologyKey) &&
    isNullOr(isSelector)(selector) &&
    isShort(isText)(namespaces) &&
    isNullOr(isSelector)(namespaceSelector)
  );
}

export function isSpread(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const constraint: Unread<SpreadInput> = value;
  return (
    isText(constraint.topologyKey) &&
    isCount(constraint.maxSkew, 1, Number.MAX_SAFE_INTEGER) &&
    isCount(constraint.minDomains, 1, Number.MAX_SAFE_INTEGER) &&
    isNullOr(isSelector)(constraint.selector) &&
    isSpreadPolicy(constraint.nodeAffinityPolicy) &&
    isSpreadPolicy(constraint.nodeTaintsPolicy)
  );
}

export function isHostPort(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { ip, protocol, port }: Unread<HostPort> = value;
  return isText(ip) && isText(protocol) && isCount(port, 1, MAX_PORT);
}

export function isVolume(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { kind, claim, nodeTerms, driver }: Unread<Extract<VolumeInput, { kind: "bound" }>> = value;
  if (!isVolumeKind(kind) || !isText(claim)) return false;
  if (kind !== "bound" && kind !== "first-consumer") return true;
  // Terms of a class that is provisioned by hand are those of all its volumes, which may be many.
  return isNullOr(isShort(isNodeTerm))(nodeTerms) && isNullOr(isText)(driver);
}

export function isGang(value: unknown): boolean {
  if (!isRecord(value)) return false;
  const { id, minimum, succeeded, source }: Unread<GangInput> = value;
  return (
    isText(id) &&
    (minimum === null || isCount(minimum, 1, MAX_GANG)) &&
    (succeeded === undefined || isCount(succeeded, 0, MAX_GANG)) &&
    isGangSource(source)
  );
}
