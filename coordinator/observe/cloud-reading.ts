// What a look at a cloud's group means for a pool: its size, its members joined to nodes by providerID, and what does not
// fit together, in words. A member whose node is not certain has none. Pure.

import type { CapacityType } from "../../shared/model/node.ts";
import type { GroupLook, Member } from "../cloud/account.ts";
import { providerIdKey } from "../cloud/provider-id.ts";
import type { InstanceInput } from "../decide/snapshot.ts";
import type { PoolReading } from "./groups.ts";
import type { LostNode, NodeMachines } from "./node-machines.ts";

export type SeenLook = Extract<GroupLook, { readonly kind: "seen" }>;

/** The pool whose group it is, for nodes that claim to belong to it. */
export interface PoolOf {
  readonly pool: string;
  readonly nodeSelector: Readonly<Record<string, string>>;
  /** As the policy says. */
  readonly capacityType: CapacityType;
}

export interface JoinSources {
  readonly nodesOf: NodeMachines["nodesOf"];
  readonly isNodeReady: (node: string) => boolean;
  /** Of a machine whose node has gone since the look was asked for: what it says of it is old. Null: of any other. */
  readonly lostSince: (providerID: string) => LostNode | null;
  /** The node that a machine was until a moment ago, whenever the look was. */
  readonly lostBy: NodeMachines["lostBy"];
}

/** Wrong either way: nodes of the other tier cost and go as nobody planned. */
export function tierMismatch({ capacityType: made }: SeenLook, of: PoolOf): readonly string[] {
  if (made === undefined || (made === "spot") === (of.capacityType === "spot")) return [];
  return [
    `its template makes ${made} machines, and pool ${of.pool} says capacityType ${of.capacityType}: correct one of the two`,
  ];
}

export function readingOf(
  look: SeenLook,
  sources: JoinSources,
  /** Sentences from outside of the group, after those of the group itself. */
  also: readonly string[],
): PoolReading {
  const {
    state,
    chosenRemoval,
    detaches,
    replacesLeaving,
    changeFailed,
    changeFailure,
    members,
    template,
    rivals = [],
  } = look;
  const joined = members.map((member) => joinedTo(member, sources, replacesLeaving === true));
  const mismatches = bounded([
    ...look.mismatches,
    ...joined.flatMap(({ mismatch }) => (mismatch === undefined ? [] : [mismatch])),
    ...also,
  ]);
  return {
    group: {
      kind: "known",
      size: state.size,
      chosenRemoval,
      ...(detaches ? { detaches } : {}),
      ...(replacesLeaving === true ? { replacesLeaving } : {}),
      ...(changeFailed === true ? { changeFailed } : {}),
      ...(changeFailed === true && changeFailure !== undefined ? { changeFailure } : {}),
      ...(state.min === undefined ? {} : { min: state.min }),
      ...(state.max === undefined ? {} : { max: state.max }),
    },
    instances: joined.map(({ instance }) => instance),
    ...(template === undefined ? {} : { template }),
    ...(mismatches.length === 0 ? {} : { mismatches }),
    ...(rivals.length === 0 ? {} : { rivals }),
  };
}

/** Members whose node has gone since the look was asked for, so that only another look tells what they are now. */
export function hasLost(
  { members }: SeenLook,
  { nodesOf, lostSince }: Pick<JoinSources, "nodesOf" | "lostSince">,
): boolean {
  return members.some(
    ({ state, providerID }) =>
      state === "present" &&
      providerID !== undefined &&
      nodesOf(providerID).length === 0 &&
      lostSince(providerID) !== null,
  );
}

/** Places or machines that no watch of the cluster would tell of. */
export function isMoving(look: GroupLook, nodesOf: NodeMachines["nodesOf"]): boolean {
  return (
    look.kind === "seen" &&
    look.members.some(
      ({ state, providerID }) =>
        state === "present" && (providerID === undefined || nodesOf(providerID).length === 0),
    )
  );
}

/** Group → sentences about machines that stand in the lists of several groups of one account. */
export function sharedMembers(
  looks: Iterable<readonly [string, GroupLook]>,
): ReadonlyMap<string, readonly string[]> {
  const groupsOf = new Map<string, { readonly id: string; readonly groups: string[] }>();
  for (const [key, look] of looks) {
    if (look.kind !== "seen") continue;
    for (const { id, placeholder, providerID } of look.members) {
      if (placeholder === true) continue;
      // A scale set gives its machines numbers, which mean something in that set only.
      const machine = providerIdKey(providerID ?? "") ?? id;
      const found = groupsOf.get(machine) ?? { id, groups: [] };
      found.groups.push(key);
      groupsOf.set(machine, found);
    }
  }
  const sentences = new Map<string, string[]>();
  for (const { id, groups } of groupsOf.values()) {
    if (groups.length < 2) continue;
    const sentence = `instance ${id} is listed in the groups ${groups.toSorted().join(" and ")}: detach it from all but one`;
    for (const group of groups) sentences.set(group, [...(sentences.get(group) ?? []), sentence]);
  }
  return sentences;
}

function joinedTo(
  { providerID, state, ...member }: Member,
  { nodesOf, isNodeReady, lostSince, lostBy }: JoinSources,
  isReplaced: boolean,
): { readonly instance: InstanceInput; readonly mismatch?: string } {
  const apart = (mismatch?: string) => ({
    instance: { ...member, node: null, state: state === "present" ? ("booting" as const) : state },
    ...(mismatch === undefined ? {} : { mismatch }),
  });
  if (providerID === undefined) return apart();
  if (providerIdKey(providerID) === null)
    return apart(`instance ${member.id}: its providerID ${JSON.stringify(providerID)} cannot be read`);
  const [node, second] = nodesOf(providerID);
  // Its node was there when the look was asked for: it is no machine on its way, which pods could wait for.
  const lost = node === undefined && state === "present" ? lostSince(providerID) : null;
  if (lost !== null) return { instance: { ...member, node: lost.node, state: "ready" } };
  // Whose place is being filled anew: the notice that took it knows it by the node that it was.
  const was = node === undefined && state === "leaving" && isReplaced ? lostBy(providerID) : null;
  if (was !== null) return { instance: { ...member, node: was.node, state: "leaving" } };
  if (node === undefined) return apart();
  if (second !== undefined)
    return apart(
      `instance ${member.id} is claimed by the nodes ${nodesOf(providerID).toSorted().join(" and ")}`,
    );
  if (state !== "present") return { instance: { ...member, node, state } };
  return { instance: { ...member, node, state: isNodeReady(node) ? "ready" : "booting" } };
}

const MOST_SENTENCES = 8;

function bounded(sentences: readonly string[]): readonly string[] {
  const left = sentences.length - MOST_SENTENCES;
  return left <= 0 ? sentences : [...sentences.slice(0, MOST_SENTENCES), `and ${left} more of the kind`];
}
