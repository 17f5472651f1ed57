// What DaemonSets will take of the next node. A node that is here shows it; a template, the catalogue and the memory of
// a node that has gone know nothing of it or not all, and a pod that is planned beside too little of it waits on its
// new node for room that never comes, while the next decision buys again (kubernetes-sigs/karpenter#1185,
// aws/karpenter-provider-aws#5406). Nothing here is remembered: it is worked out anew from what was seen.

import { GPU_MODEL_LABELS, LATE_GPU_LABEL_PREFIXES, NODE_LABEL } from "../../../shared/model/names.ts";
import { untoleratedTaint } from "../../../shared/model/node.ts";
import { gpusIn, minus, most, NO_RESOURCES, plus } from "../../../shared/model/resources.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { holds } from "../node-terms.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { DaemonInput, NodeTerm } from "../snapshot-pod.ts";

/**
 * The shape with the DaemonSets of today: those that are gone give back what they took, one whose pods ask for more by
 * now takes that, one that came since is added where it runs on such a node.
 */
export function withDaemons(shape: NodeShape, daemons: readonly DaemonInput[] | undefined): NodeShape {
  const { daemons: seen = {}, overhead: before = NO_RESOURCES } = shape;
  // Whose the overhead is was not written down then: to add to it might count a DaemonSet twice.
  const isMixed = shape.daemons === undefined && shape.overhead !== undefined;
  if (daemons === undefined || isMixed) return shape;

  const takes = daemons
    .filter((daemon) => seen[daemon.uid] !== undefined || runsOn(daemon, shape))
    .map(({ uid, requests }) => most(seen[uid] ?? NO_RESOURCES, requests));
  const others = minus(before, total(Object.values(seen)));
  const gross = plus(shape.allocatable, before);
  const overhead = within(plus(others, total(takes)), gross);
  return { ...shape, allocatable: minus(gross, overhead), overhead };
}

/** Whether the DaemonSet controller makes a pod for such a node: as for a pod, without a look at the room. */
function runsOn({ nodeSelector, nodeTerms, tolerations }: DaemonInput, shape: NodeShape): boolean {
  const { labels } = shape;
  const mayHave = (key: string): boolean => labels[key] === undefined && comesLater(key, shape);
  const termHolds = ({ labels: expressions, names }: NodeTerm): boolean =>
    expressions.length + names.length > 0 &&
    expressions.every((expression) => mayHave(expression.key) || holds(expression, labels[expression.key])) &&
    names.every((expression) => holds(expression, undefined));
  return (
    Object.entries(nodeSelector).every(([key, value]) => mayHave(key) || labels[key] === value) &&
    (nodeTerms === undefined || nodeTerms.some(termHolds)) &&
    untoleratedTaint(shape.taints, tolerations) === null
  );
}

const OF_EVERY_NODE: readonly string[] = [
  NODE_LABEL.hostname,
  NODE_LABEL.os,
  NODE_LABEL.arch,
  NODE_LABEL.instanceType,
  NODE_LABEL.zone,
  NODE_LABEL.region,
];

/**
 * A label that a node will have and of which nothing is said beforehand has whatever value the DaemonSet asks for: room
 * that is counted out too often costs a node a little later, too seldom a node for nothing. A real node has shown all.
 */
function comesLater(key: string, { allocatable, source = "node" }: NodeShape): boolean {
  if (source === "node") return false;
  if (OF_EVERY_NODE.includes(key)) return true;
  const isOfGpus =
    GPU_MODEL_LABELS.includes(key) || LATE_GPU_LABEL_PREFIXES.some((prefix) => key.startsWith(prefix));
  return isOfGpus && gpusIn(allocatable) > 0;
}

function total(amounts: readonly Resources[]): Resources {
  return amounts.reduce(plus, NO_RESOURCES);
}

/** What a DaemonSet asks for and the machine lacks keeps its own pod waiting, and no other pod out. */
export function within(amounts: Resources, gross: Resources): Resources {
  return Object.fromEntries(
    Object.entries(amounts).map(([name, amount]) => [name, Math.max(0, Math.min(amount, gross[name] ?? 0))]),
  );
}
