// What one more node of a pool would offer. A real node of the pool knows best, its memory next, the template
// of the policy last; without any of them the pool's nodes are unknown and no pod is planned onto them. Pure
// reading of the past: how many nodes there are is none of its business.

import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import type { Taint } from "../../../shared/model/kube.ts";
import { NODE_LABEL, TAINT } from "../../../shared/model/names.ts";
import { gpusIn, minus, parseResources } from "../../../shared/model/resources.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { compareText, firstDifference } from "../order.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { NodeInput } from "../snapshot.ts";

/** The kubelet's own limit where a template does not name one. */
const DEFAULT_POD_SLOTS = 110;

export interface SeenNode {
  readonly node: NodeInput;
  readonly pods: readonly PodInput[];
}

/**
 * The largest of the pool's nodes that are up, with the labels and taints that all of them carry: a taint that
 * somebody put on one node for a repair says nothing about the next one. Null when none is up.
 */
export function learnedShape(pool: NodePoolSpec, up: readonly SeenNode[]): NodeShape | null {
  const [largest] = up
    .map((seen) => ({ seen, allocatable: forWorkloads(seen) }))
    .toSorted((a, b) =>
      firstDifference(bySize(a.allocatable, b.allocatable), compareText(a.seen.node.name, b.seen.node.name)),
    );
  if (largest === undefined) return null;
  const others = up.map((seen) => seen.node);
  const labels = Object.entries(largest.seen.node.labels).filter(
    ([key, value]) => !isOfOneNode(key, pool) && others.every((node) => node.labels[key] === value),
  );
  const taints = lasting(largest.seen.node.taints).filter((taint) =>
    others.every((node) => node.taints.some((other) => isSame(taint, other))),
  );
  return { allocatable: largest.allocatable, labels: Object.fromEntries(labels), taints };
}

/** What the policy says of the pool; null when it has no template, or one that nobody can read. */
export function templateShape(pool: NodePoolSpec): NodeShape | null {
  if (pool.template === undefined) return null;
  let allocatable: Resources;
  try {
    allocatable = parseResources(pool.template.allocatable as Readonly<Record<string, string>>);
  } catch {
    return null;
  }
  const own = { [NODE_LABEL.pool]: pool.name, [NODE_LABEL.capacityType]: pool.capacityType };
  return {
    allocatable: { pods: DEFAULT_POD_SLOTS, ...allocatable },
    labels: { ...own, ...pool.labels, ...pool.template.labels },
    taints: lasting(
      [...pool.taints, ...pool.template.taints].map(({ key, value, effect }) => ({
        key,
        effect,
        ...(value === undefined ? {} : { value }),
      })),
    ),
  };
}

/** Taints that stay: not those by which Kubernetes marks a passing state, and not our own. */
export function lasting(taints: readonly Taint[]): readonly Taint[] {
  return taints.filter(
    ({ key }) =>
      !key.startsWith("node.kubernetes.io/") && key !== TAINT.spotInterruption && key !== TAINT.scaleDown,
  );
}

/** DaemonSet and static pods come with every node, so what they request is never there for others. */
function forWorkloads({ node, pods }: SeenNode): Resources {
  return pods
    .filter((pod) => pod.daemon || pod.mirror)
    .reduce((left, pod) => minus(left, pod.requests), node.allocatable);
}

function bySize(a: Resources, b: Resources): number {
  return firstDifference(
    gpusIn(b) - gpusIn(a),
    (b["memory"] ?? 0) - (a["memory"] ?? 0),
    (b["cpu"] ?? 0) - (a["cpu"] ?? 0),
  );
}

/** One node's zone is not the zone of a pool that spreads over several. */
function isOfOneNode(label: string, pool: NodePoolSpec): boolean {
  return label === NODE_LABEL.hostname || (label === NODE_LABEL.zone && pool.availabilityZones.length > 1);
}

function isSame(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect && (a.value ?? "") === (b.value ?? "");
}
