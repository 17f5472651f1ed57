// Which places of a group are held by something that does not come any more: nodes that are here, members that failed
// or whose node is gone. What the size has beyond them is still to come, and when it is late is asked in launches.ts.

import type { InstanceInput } from "../snapshot.ts";
import type { NodeState } from "./standing.ts";

/** Members of the group that are here, or that will never be: what its size has beyond them is still to come. */
export function placesTaken(nodes: readonly NodeState[], instances: readonly InstanceInput[]): number {
  const present = new Set(
    nodes.filter((state) => state.standing === "up" || state.standing === "sick").map((state) => state.name),
  );
  const known = new Set(nodes.map((state) => state.name));
  const failed = instances.filter(
    (instance) => instance.state === "failed" && !present.has(instance.node ?? ""),
  );
  const lost = instances.filter((instance) => instance.state === "ready" && !known.has(instance.node ?? ""));
  return present.size + failed.length + lost.length;
}

/**
 * A member that failed and whose node nobody knows. A node that no member names may be that member's, and a group with
 * more members than places is about to replace some itself: then none is known to be dead. Of places that no machine
 * fills as many are dead at most as the size has beyond what is seen, since a machine may have come into the others.
 */
export function deadMembers(
  nodes: readonly NodeState[],
  instances: readonly InstanceInput[],
  size: number | null,
): readonly InstanceInput[] {
  const staying = instances.filter(({ state }) => state !== "leaving");
  if (size === null || staying.length > size) return [];
  // What we took out of the group a moment ago, as a machine under notice, is in none of its places.
  const unnamed = nodes.filter(
    ({ instance, standing }) => instance === null && standing !== "leaving",
  ).length;
  const known = new Set(nodes.map(({ name }) => name));
  const failed = staying.filter(({ state, node }) => state === "failed" && !known.has(node ?? ""));
  const machines = staying.filter(({ placeholder }) => placeholder !== true).length;
  return [
    ...(unnamed === 0 ? failed.filter(({ placeholder }) => placeholder !== true) : []),
    ...failed
      .filter(({ placeholder }) => placeholder === true)
      .slice(0, Math.max(0, size - machines - unnamed)),
  ];
}

/** Places of the group that no machine fills yet and that may still be filled. */
export function openPlaces(instances: readonly InstanceInput[]): readonly InstanceInput[] {
  return instances.filter(({ placeholder, state }) => placeholder === true && state === "booting");
}
