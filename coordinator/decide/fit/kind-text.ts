// What tells kinds of pods apart, as text: what a pod asks of a node, what it requests, and what matters only beside
// other pods. Made once for each pod, so it has to be cheap; equal text has to mean an equal answer of every check.

import type { Toleration } from "../../../shared/model/kube.ts";
import type { HostPort, PodInput, VolumeInput } from "../snapshot-pod.ts";
import { namespaceOf } from "./terms.ts";
import type { SpreadUse, TermUse } from "./terms.ts";

/** The pod's terms by their numbers. */
export interface TermUses {
  readonly affinity: readonly TermUse[];
  readonly antiAffinity: readonly TermUse[];
  readonly spread: readonly SpreadUse[];
}

const NO_CLAIMS: readonly never[] = [];

/** Volumes of the pod that take one of a driver's places on a node: driver and claim, the claim with its namespace. */
export function claimsOf(pod: PodInput): readonly (readonly [driver: string, claim: string])[] {
  if (pod.volumes === undefined || pod.volumes.length === 0) return NO_CLAIMS;
  const claims: [string, string][] = [];
  for (const volume of pod.volumes) {
    if (volume.kind !== "bound" && volume.kind !== "first-consumer") continue;
    if (volume.driver !== null) claims.push([volume.driver, `${namespaceOf(pod)}/${volume.claim}`]);
  }
  return claims;
}

export interface PodTexts {
  readonly where: string;
  readonly ask: string;
}

/** Pods are never changed, and most of one decision are the very objects of the one before. */
const known = new WeakMap<PodInput, PodTexts>();

export function textsOf(pod: PodInput): PodTexts {
  const before = known.get(pod);
  if (before !== undefined) return before;
  const texts = { where: whereText(pod), ask: askText(pod) };
  known.set(pod, texts);
  return texts;
}

function whereText(pod: PodInput): string {
  const selector = sortedText(pod.nodeSelector);
  const terms = pod.nodeTerms === undefined ? "" : JSON.stringify(pod.nodeTerms);
  const volumes = (pod.volumes ?? []).filter(isFirstOfItsClaim).map(volumeText).join();
  const refused = `${pod.resourceClaims?.length ? "c" : ""}${pod.provisioningRequest === undefined ? "" : "p"}`;
  return `${selector};${tolerationsText(pod.tolerations)};${terms};${volumes};${refused}`;
}

/** A claim that a pod mounts twice is one volume. */
function isFirstOfItsClaim({ claim }: VolumeInput, at: number, all: readonly VolumeInput[]): boolean {
  return all.findIndex((other) => other.claim === claim) === at;
}

function volumeText(volume: VolumeInput): string {
  switch (volume.kind) {
    case "bound":
    case "first-consumer":
      return `${volume.driver ?? ""}:${volume.nodeTerms === null ? "" : JSON.stringify(volume.nodeTerms)}`;
    case "missing":
    case "unbound":
    case "lost":
      return volume.kind;
  }
}

function tolerationsText(tolerations: readonly Toleration[]): string {
  let text = "";
  for (const { key = "", operator = "", value = "", effect = "" } of tolerations)
    text += marked(key) + operator + marked(value) + effect;
  return text;
}

function askText(pod: PodInput): string {
  const requests = sortedText(pod.requests);
  return pod.gpuModel === undefined ? requests : `${requests};${pod.gpuModel}`;
}

function sortedText(record: Readonly<Record<string, string | number>>): string {
  const keys = Object.keys(record);
  if (keys.length > 1) keys.sort();
  let text = "";
  for (const key of keys) text += marked(key) + marked(String(record[key]));
  return text;
}

/** With its length in front, no text can be taken for two others. */
function marked(text: string): string {
  return `${text.length}:${text}`;
}

/** What matters only where other pods are; empty for most pods. */
export function besideText(
  pod: PodInput,
  { affinity, antiAffinity, spread }: TermUses,
  isShared: (claim: string) => boolean,
): string {
  const parts = [
    ...affinity.map(({ term, topologyKey }) => `+${term} ${topologyKey}`),
    ...antiAffinity.map(({ term, topologyKey }) => `-${term} ${topologyKey}`),
    ...spread.map(
      ({ term, topologyKey, constraint: { maxSkew, minDomains, nodeAffinityPolicy, nodeTaintsPolicy } }) =>
        `~${term} ${topologyKey}/${maxSkew}/${minDomains}${nodeAffinityPolicy}${nodeTaintsPolicy}`,
    ),
    ...(pod.hostPorts ?? []).map(portText),
    // A claim that no other pod uses takes a place of its own wherever it goes.
    ...claimsOf(pod).map(([driver, claim]) => `#${driver}${isShared(claim) ? `/${claim}` : ""}`),
  ];
  return parts.length === 0 ? "" : parts.join(" ");
}

function portText({ ip, protocol, port }: HostPort): string {
  return `${ip}/${protocol}/${port}`;
}
