// Gangs: pods that run together or not at all. A gang counts once so many of its members are here as it starts with,
// those that run or have done their work included, and then as one: its members are placed together, and they are as old as the oldest of
// them. Whether it fits is for the packer.

import type { Reason } from "../../../../shared/model/reasons.ts";
import { millis } from "../../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../../shared/model/units.ts";
import type { PodInput } from "../../snapshot-pod.ts";

export interface GangDemand {
  readonly id: string;
  /** Members that have succeeded, that run, that the scheduler makes room for, or that wait and count. */
  readonly have: number;
  /** Members with which it starts. */
  readonly minimum: number;
  /** How many of those that wait have to get a place together; the rest are pods like any others. */
  readonly together: number;
  /**
   * How long it has waited. The oldest member decides: the scheduler has refused the gang since then, and a member
   * that was made anew must not begin the wait of all others again.
   */
  readonly waitedMs: Millis;
}

/** By gang; `counts`: whether a pod without a node counts as far as it alone is concerned. */
export function gangsOf(
  pods: readonly PodInput[],
  counts: (pod: PodInput) => boolean,
  at: EpochMs,
): ReadonlyMap<string, GangDemand> {
  const members = Map.groupBy(
    pods.filter(({ gang, terminating }) => gang !== undefined && !terminating),
    ({ gang }) => gang?.id ?? "",
  );
  return new Map([...members].map(([id, own]) => [id, gangDemand(id, own, counts, at)]));
}

function gangDemand(
  id: string,
  members: readonly PodInput[],
  counts: (pod: PodInput) => boolean,
  at: EpochMs,
): GangDemand {
  const there = members.filter(({ node, nominatedNode }) => node !== null || nominatedNode !== null);
  const waiting = members.filter((pod) => pod.node === null && pod.nominatedNode === null && counts(pod));
  const said = members.reduce((most, { gang }) => Math.max(most, gang?.minimum ?? 0), 0);
  const succeeded = members.reduce((most, { gang }) => Math.max(most, gang?.succeeded ?? 0), 0);
  // Where nobody says how many it starts with, it is all that there are, also those that do not count yet.
  const minimum = said > 0 ? said : succeeded + members.length;
  const settled = succeeded + there.length;
  return {
    id,
    have: settled + waiting.length,
    minimum,
    together: Math.max(0, Math.min(waiting.length, minimum - settled)),
    waitedMs: longest(waiting, at),
  };
}

function longest(waiting: readonly PodInput[], at: EpochMs): Millis {
  const first = waiting.reduce<number>((since, pod) => Math.min(since, sinceOf(pod) ?? since), at);
  return millis(Math.max(0, at - first));
}

/** Since when the scheduler has refused it; null when it has not. */
export function sinceOf({ waiting }: PodInput): EpochMs | null {
  return waiting?.kind === "unschedulable" || waiting?.kind === "gang" ? waiting.since : null;
}

/** Null: enough members are here. */
export function incomplete({ id, have, minimum }: GangDemand): Reason | null {
  return have >= minimum ? null : { code: "gang-incomplete", gang: id, have, need: minimum };
}
