// Which places of a group are held by something that does not come any more: nodes that are here, members that failed
// or whose node is gone. What the size has beyond them is still to come, and when it is late is asked in launches.ts.

import type { EpochMs } from "../../../shared/model/units.ts";
import type { InstanceInput } from "../snapshot.ts";
import type { NodeState } from "./standing.ts";

/** Clouds date machines and clusters nodes, each by a clock of its own. */
const SKEW_MS = 60_000;

/** What a group says of itself, and what we remember of it. */
export interface Places {
  readonly nodes: readonly NodeState[];
  readonly instances: readonly InstanceInput[];
  readonly size: number | null;
  /** When it was last made to grow; null: nobody remembers that. */
  readonly grownAt: EpochMs | null;
  /** A machine that is still to be a node was made after that, where its group does not say when. */
  readonly youngerThan: EpochMs;
  /** Nodes that we took out of the group. */
  readonly hasLeft: (state: NodeState) => boolean;
}

/** Members of the group that are here, or that will never be: what its size has beyond them is still to come. */
export function placesTaken(places: Places): number {
  const { nodes, instances } = places;
  const strange = strangers(places);
  const present = new Set(
    nodes
      .filter((state) => (state.standing === "up" || state.standing === "sick") && !strange.has(state))
      .map((state) => state.name),
  );
  const known = new Set(nodes.map((state) => state.name));
  const failed = instances.filter(
    (instance) => instance.state === "failed" && !present.has(instance.node ?? ""),
  );
  const lost = instances.filter((instance) => instance.state === "ready" && !known.has(instance.node ?? ""));
  return present.size + failed.length + lost.length;
}

/**
 * Nodes that wear the pool's label and are in no place of its group: machines that left it and run on, as after a notice
 * that was withdrawn. Counted in, each would hide one that is coming, which would then be asked for twice. A node that
 * no member names may still be one that its machine does not name yet, or one of a growth that the group does not list
 * yet; what is older than those is neither.
 */
function strangers(places: Places): ReadonlySet<NodeState> {
  const { nodes, instances, size, grownAt, youngerThan, hasLeft } = places;
  const unnamed = nodes.filter(({ instance }) => instance === null);
  const staying = instances.filter(({ state }) => state !== "leaving");
  if (unnamed.length === 0 || size === null) return new Set();
  const known = new Set(nodes.map(({ name }) => name));
  const nameless = staying.filter(({ node, placeholder }) => placeholder !== true && !known.has(node ?? ""));
  const listsAll = staying.length >= size;
  const isOlder = (state: NodeState): boolean => {
    const isBefore = (at: EpochMs): boolean => state.node.createdAt + SKEW_MS < at;
    return (
      nameless.every(({ createdAt, state: stage }) =>
        createdAt === undefined ? stage === "booting" && isBefore(youngerThan) : isBefore(createdAt),
      ) &&
      (listsAll || (grownAt !== null && isBefore(grownAt)))
    );
  };
  // A group that lists nobody says nothing of its nodes.
  return new Set(unnamed.filter((state) => hasLeft(state) || (staying.length > 0 && isOlder(state))));
}

/**
 * A member that failed and whose node nobody knows. A node that no member names may be that member's, and a group with
 * more members than places is about to replace some itself: then none is known to be dead. Of places that no machine
 * fills as many are dead at most as the size has beyond what is seen, since a machine may have come into the others.
 */
export function deadMembers(places: Places): readonly InstanceInput[] {
  const { nodes, instances, size } = places;
  const staying = instances.filter(({ state }) => state !== "leaving");
  if (size === null || staying.length > size) return [];
  const known = new Set(nodes.map(({ name }) => name));
  const failed = staying.filter(({ state, node }) => state === "failed" && !known.has(node ?? ""));
  return [
    ...(unnamedNodes(places) === 0 ? failed.filter(({ placeholder }) => placeholder !== true) : []),
    ...failed.filter(({ placeholder }) => placeholder === true).slice(0, emptyPlaces(places)),
  ];
}

/** Places of the group that no machine fills yet, that may still be filled, and that can be given back by number. */
export function openPlaces(places: Places): readonly InstanceInput[] {
  const open = places.instances.filter(
    ({ placeholder, state }) => placeholder === true && state === "booting",
  );
  const dead = deadMembers(places).filter(({ placeholder }) => placeholder === true).length;
  return open.slice(0, Math.max(0, emptyPlaces(places) - dead));
}

/** As many as the size has for certain beyond machines and nodes. */
function emptyPlaces(places: Places): number {
  const machines = places.instances.filter(
    ({ placeholder, state }) => placeholder !== true && state !== "leaving",
  ).length;
  return Math.max(0, (places.size ?? 0) - machines - unnamedNodes(places));
}

/**
 * Nodes that may be in a place without its saying so. What we took out of the group, as a machine under notice, is in
 * none. That others are too old for any is not enough to give a place back.
 */
function unnamedNodes({ nodes, hasLeft }: Places): number {
  return nodes.filter((state) => state.instance === null && state.standing !== "leaving" && !hasLeft(state))
    .length;
}
