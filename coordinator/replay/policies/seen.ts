// A snapshot as the simple policies of a comparison look at it: pools with their nodes and what is free on them, machines on
// their way, pods that wait. They fit by GPUs and by labels alone, which is all that a replay's pods ask for. Nothing here
// decides.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import { gpusIn } from "../../../shared/model/resources.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { regionOfZone } from "../../../shared/model/zones.ts";
import { machinePrices } from "../../decide/market/machine-price.ts";
import type { PodInput } from "../../decide/snapshot-pod.ts";
import type { InstanceInput, NodeInput, PoolInput, Snapshot } from "../../decide/snapshot.ts";

export interface SeenNode {
  readonly name: string;
  readonly instance: string;
  readonly gpus: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly pods: readonly PodInput[];
  /** Takes pods. */
  readonly open: boolean;
}

export interface SeenPool {
  readonly name: string;
  readonly tier: CapacityType;
  readonly size: number;
  readonly max: number;
  readonly gpusPerNode: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly nodes: readonly SeenNode[];
  /** Machines that are on their way. */
  readonly coming: number;
  /** Places for which the cloud had no machine. */
  readonly unfilled: readonly string[];
  /** Of one more node; null: nobody knows. */
  readonly usdPerHour: number | null;
}

export interface Seen {
  readonly at: EpochMs;
  readonly policy: string;
  readonly pools: readonly SeenPool[];
  /** Without a node, the oldest first. */
  readonly waiting: readonly PodInput[];
}

/** Null: there is no policy that can be used. With several, the first counts. */
export function seen(snapshot: Snapshot): Seen | null {
  const policy = snapshot.policies.find(({ kind }) => kind === "valid");
  if (policy?.kind !== "valid") return null;
  const nodes = new Map(snapshot.nodes.map((node) => [node.name, node]));
  const placed = Map.groupBy(snapshot.pods, ({ node }) => node ?? "");
  const price = machinePrices(snapshot.prices, () => ({
    kind: "unknown",
    because: "the trace does not say",
  }));
  const pools = policy.pools.flatMap((pool, at): readonly SeenPool[] => {
    const spec = policy.spec.nodePools[at];
    if (spec === undefined || pool.group.kind !== "known") return [];
    const [zone] = spec.availabilityZones;
    const [instanceType] = spec.instanceTypes;
    const region = spec.region ?? (zone === undefined ? null : regionOfZone(policy.spec.provider, zone));
    const found =
      instanceType === undefined || region === null
        ? null
        : price({
            provider: policy.spec.provider,
            region,
            zone: spec.availabilityZones.length === 1 ? (zone ?? null) : null,
            instanceType,
            tier: spec.capacityType,
          });
    return [
      {
        name: pool.name,
        tier: spec.capacityType,
        size: pool.group.size,
        max: Math.min(spec.maxSize, pool.group.max ?? Infinity),
        gpusPerNode: gpusIn(pool.template?.allocatable ?? {}),
        labels: pool.template?.labels ?? {},
        nodes: nodesOf(pool, nodes, placed),
        coming: pool.instances.filter(isComing).length,
        unfilled: pool.instances.filter(isUnfilled).map(({ id }) => id),
        usdPerHour: found?.kind === "known" ? found.usdPerHour : null,
      },
    ];
  });
  const waiting = snapshot.pods
    .filter(
      (pod) => pod.node === null && !pod.terminating && pod.waiting !== null && pod.waiting.kind !== "gated",
    )
    .toSorted((a, b) => a.createdAt - b.createdAt);
  return { at: snapshot.at, policy: policy.name, pools, waiting };
}

function nodesOf(
  { instances }: PoolInput,
  nodes: ReadonlyMap<string, NodeInput>,
  placed: ReadonlyMap<string, readonly PodInput[]>,
): readonly SeenNode[] {
  return instances.flatMap(({ id, node, state }): readonly SeenNode[] => {
    const found = node === null ? undefined : nodes.get(node);
    if (found === undefined || state !== "ready") return [];
    return [
      {
        name: found.name,
        instance: id,
        gpus: gpusIn(found.allocatable),
        labels: found.labels,
        pods: (placed.get(found.name) ?? []).filter(({ daemon, mirror }) => !daemon && !mirror),
        open: found.ready === "ready" && !found.unschedulable,
      },
    ];
  });
}

function isUnfilled({ placeholder, state }: InstanceInput): boolean {
  return placeholder === true && state === "failed";
}

function isComing({ state }: InstanceInput): boolean {
  return state === "booting";
}

export function gpusOfPod({ requests }: { readonly requests: Resources }): number {
  return gpusIn(requests);
}

/** Whether the pod's selector and affinity let it run on such a node. */
export function takes(pod: PodInput, labels: Readonly<Record<string, string>>): boolean {
  if (Object.entries(pod.nodeSelector).some(([key, value]) => labels[key] !== value)) return false;
  return (
    pod.nodeTerms === undefined ||
    pod.nodeTerms.some((term) =>
      term.labels.every(
        ({ key, operator, values }) => operator === "In" && values.includes(labels[key] ?? ""),
      ),
    )
  );
}
