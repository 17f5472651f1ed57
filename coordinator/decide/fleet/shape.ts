// What one more node of a pool would offer. A real node of the pool knows best, its memory next, then the template
// of the policy, then what the group itself says, then the catalogue's word about its instance types; without any of
// them the pool's nodes are unknown and no pod is planned onto them. How many nodes there are is none of its business.

import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import { machineOf } from "../../../shared/model/instance-types.ts";
import type { Taint } from "../../../shared/model/kube.ts";
import { NODE_LABEL, TAINT } from "../../../shared/model/names.ts";
import { gpusIn, minus, NO_RESOURCES, parseResources, plus } from "../../../shared/model/resources.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { regionOfZone, zoneLabelOf } from "../../../shared/model/zones.ts";
import { compareText } from "../order.ts";
import type { NodeShape } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { GroupTemplate, NodeInput } from "../snapshot.ts";
import { within } from "./daemons.ts";
import { knownMachine } from "./machine.ts";

/** The kubelet's own limit where a template does not name one. */
const DEFAULT_POD_SLOTS = 110;

export interface SeenNode {
  readonly node: NodeInput;
  readonly pods: readonly PodInput[];
}

/**
 * What the pool's nodes that are up offer, with the labels and taints that all of them carry: a taint that somebody
 * put on one node for a repair says nothing about the next one. The largest of a type counts, since one that shows
 * less than its like is ill; of several types the smallest, since the group may bring any. Null when none is up.
 */
export function learnedShape(pool: NodePoolSpec, up: readonly SeenNode[]): NodeShape | null {
  const largest = [...Map.groupBy(up, ({ node }) => node.labels[NODE_LABEL.instanceType] ?? "").values()].map(
    (alike) => alike.map(sampleOf).reduce((best, other) => (comesFirst(other, best) ? other : best)),
  );
  if (largest.length === 0) return null;
  const sample = largest.reduce((least, other) => (comesFirst(other, least) ? least : other));
  const others = up.map((seen) => seen.node);
  const labels = Object.entries(sample.node.labels).filter(
    ([key, value]) => !isOfOneNode(key, pool) && others.every((node) => node.labels[key] === value),
  );
  const taints = lasting(sample.node.taints).filter((taint) =>
    others.every((node) => node.taints.some((other) => isSame(taint, other))),
  );
  const { capacity, volumeLimits } = sample.node;
  return {
    allocatable: sample.allocatable,
    labels: Object.fromEntries(labels),
    taints,
    overhead: sample.overhead,
    daemons: sample.daemons,
    ...(capacity === undefined ? {} : { capacity }),
    ...(volumeLimits === undefined ? {} : { volumeLimits }),
    source: "node",
  };
}

/** What was seen of the pool's nodes before; null when nothing was, or the policy has other machines by now. */
export function rememberedShape(
  provider: string,
  pool: NodePoolSpec,
  shape: NodeShape | undefined,
  group?: GroupTemplate,
): NodeShape | null {
  const seen = shape?.labels[NODE_LABEL.instanceType];
  const types = declaredTypes(pool, group);
  // Names that the catalogue does not have may be written in another way than on nodes: those say nothing.
  const isOther =
    seen !== undefined &&
    !types.includes(seen) &&
    types.some((type) => machineOf(provider, type).kind === "known");
  return isOther ? null : (shape ?? null);
}

/** What its machines are, as the policy says, else as its group does. Empty: neither says it. */
export function declaredTypes(
  { instanceTypes }: NodePoolSpec,
  group: GroupTemplate | undefined,
): readonly string[] {
  return instanceTypes.length > 0 ? instanceTypes : (group?.instanceTypes ?? []);
}

/**
 * What is said of the pool before a node of it was seen: its template, else what its group says of its nodes, else the
 * catalogue's word about its instance types. Labels and taints of the group hold with each of them. What DaemonSets
 * will take is not in it. Null when none says anything that can be read.
 */
export function declaredShape(provider: string, pool: NodePoolSpec, group?: GroupTemplate): NodeShape | null {
  const machine = knownMachine(provider, declaredTypes(pool, group));
  const labels = {
    ...machine?.labels,
    [NODE_LABEL.os]: "linux",
    ...whereOf(provider, pool),
    ...group?.labels,
    [NODE_LABEL.pool]: pool.name,
    [NODE_LABEL.capacityType]: pool.capacityType,
    ...pool.labels,
  };
  const template = templateResources(pool);
  if (template !== null) {
    return {
      allocatable: { pods: DEFAULT_POD_SLOTS, ...template },
      labels: { ...labels, ...pool.template?.labels },
      taints: declaredTaints([...pool.taints, ...(pool.template?.taints ?? []), ...(group?.taints ?? [])]),
      source: "template",
    };
  }
  const taints = declaredTaints([...pool.taints, ...(group?.taints ?? [])]);
  // A group names what is special about its nodes, such as their GPUs; the machine's type tells the rest.
  if (group?.allocatable !== undefined && Object.keys(group.allocatable).length > 0) {
    const allocatable = { pods: DEFAULT_POD_SLOTS, ...machine?.allocatable, ...group.allocatable };
    return { allocatable, labels, taints, source: "group" };
  }
  if (machine === null) return null;
  const { allocatable, capacity } = machine;
  return { allocatable, labels, taints, capacity, source: "catalogue" };
}

/** Null without a template, and for one that nobody can read. */
function templateResources({ template }: NodePoolSpec): Resources | null {
  if (template === undefined) return null;
  try {
    return parseResources(template.allocatable as Readonly<Record<string, string>>);
  } catch {
    return null;
  }
}

/** With several zones that of the next node is not known. */
function whereOf(provider: string, pool: NodePoolSpec): Readonly<Record<string, string>> {
  const [zone, another] = pool.availabilityZones;
  const region =
    pool.region ??
    (zone === undefined ? null : regionOfZone(provider, zone)) ??
    pool.group?.aws?.region ??
    null;
  const label = zone === undefined || another !== undefined ? null : zoneLabelOf(provider, region, zone);
  return {
    ...(region === null ? {} : { [NODE_LABEL.region]: region }),
    ...(label === null ? {} : { [NODE_LABEL.zone]: label }),
  };
}

/** One that the policy and the group both name is one. */
function declaredTaints(taints: readonly DeclaredTaint[]): readonly Taint[] {
  const said = taints.map(({ key, value, effect }): Taint => ({
    key,
    effect,
    ...(value === undefined ? {} : { value }),
  }));
  return lasting(said.filter((taint, index) => said.findIndex((other) => isSame(taint, other)) === index));
}

type DeclaredTaint = NodePoolSpec["taints"][number] | Taint;

/** Taints that stay: not those by which Kubernetes marks a passing state, and not our own. */
export function lasting(taints: readonly Taint[]): readonly Taint[] {
  return taints.filter(
    ({ key }) =>
      !key.startsWith("node.kubernetes.io/") && key !== TAINT.spotInterruption && key !== TAINT.scaleDown,
  );
}

interface Sample {
  readonly node: NodeInput;
  readonly overhead: Resources;
  readonly daemons: Readonly<Record<string, Resources>>;
  readonly allocatable: Resources;
}

/** DaemonSet and static pods come with every node, so what they request is never there for others. */
function sampleOf({ node, pods }: SeenNode): Sample {
  if (pods.every(({ daemon, mirror }) => !daemon && !mirror))
    return { node, overhead: NO_RESOURCES, daemons: {}, allocatable: node.allocatable };
  const daemons: Record<string, Resources> = {};
  let overhead = NO_RESOURCES;
  for (const { daemon, mirror, owner, requests } of pods) {
    if (!daemon && !mirror) continue;
    overhead = plus(overhead, requests);
    if (daemon && owner !== null) daemons[owner.uid] = plus(daemons[owner.uid] ?? NO_RESOURCES, requests);
  }
  // A node that has lost devices shows less than they were promised: what is left is then nothing, not less.
  const taken = within(overhead, node.allocatable);
  return { node, overhead: taken, daemons, allocatable: minus(node.allocatable, taken) };
}

/** The larger one, and of two equals the one whose name comes first. */
function comesFirst(a: Sample, b: Sample): boolean {
  const difference = bySize(a.allocatable, b.allocatable);
  return difference === 0 ? compareText(a.node.name, b.node.name) < 0 : difference < 0;
}

function bySize(a: Resources, b: Resources): number {
  const byGpus = gpusIn(b) - gpusIn(a);
  if (byGpus !== 0) return byGpus;
  const byMemory = (b["memory"] ?? 0) - (a["memory"] ?? 0);
  return byMemory === 0 ? (b["cpu"] ?? 0) - (a["cpu"] ?? 0) : byMemory;
}

/** One node's zone is not the zone of a pool that spreads over several. */
function isOfOneNode(label: string, pool: NodePoolSpec): boolean {
  return label === NODE_LABEL.hostname || (label === NODE_LABEL.zone && pool.availabilityZones.length > 1);
}

function isSame(a: Taint, b: Taint): boolean {
  return a.key === b.key && a.effect === b.effect && (a.value ?? "") === (b.value ?? "");
}
