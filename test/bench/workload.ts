// Policies and pending pods for the benches of decisions. Every draw comes from one seeded stream, so that a bench
// packs the same pods wherever it runs. Which figures are read off is for each bench to say.

import { EMPTY_JOURNAL, EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import type { PolicyInput, Snapshot } from "../../coordinator/decide/snapshot.ts";
import { policySpecSchema } from "../../shared/contract/policy.ts";
import { GPU_RESOURCE, NODE_LABEL } from "../../shared/model/names.ts";
import type { CapacityType } from "../../shared/model/node.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs } from "../../shared/model/units.ts";

export const NOW = epochMs(Date.UTC(2026, 0, 5, 9));
export const MI = 2 ** 20;
export const GI = 2 ** 30;
/** Limits that no bench comes near. */
const FAR = 1_000_000;

export interface Offering {
  readonly name: string;
  readonly type: string;
  readonly zone: string;
  readonly tier: CapacityType;
  readonly usdPerHour: number;
  /** As a policy writes it: cores, sizes with units, pieces. */
  readonly allocatable: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
  readonly maxSize?: number;
}

/** One policy with a pool for each offering, none of which has a node. */
export function policyOf(offerings: readonly Offering[]): PolicyInput {
  const pools = offerings.map(({ name, type, zone, tier, usdPerHour, allocatable, labels, maxSize }) => ({
    name,
    capacityType: tier,
    maxSize: maxSize ?? FAR,
    instanceTypes: [type],
    availabilityZones: [zone],
    price: { usdPerHour },
    group: {
      scale: { apiVersion: "cluster.x-k8s.io/v1beta1", kind: "MachineDeployment", name, namespace: "m" },
    },
    template: {
      allocatable,
      labels: { ...labels, [NODE_LABEL.instanceType]: type, [NODE_LABEL.zone]: zone },
    },
  }));
  return {
    kind: "valid",
    name: "bench",
    spec: policySpecSchema.parse({
      provider: "custom",
      pendingPodTimeoutSeconds: 0,
      maxNodes: FAR,
      maxPercentOrNodesAdded: { nodes: FAR, percent: 100 },
      nodePools: pools,
    }),
    pools: offerings.map(({ name }) => ({
      name,
      group: { kind: "known", size: 0, chosenRemoval: true },
      instances: [],
    })),
    journal: EMPTY_JOURNAL,
  };
}

export function snapshotOf(policy: PolicyInput, pods: readonly PodInput[]): Snapshot {
  return {
    v: 1,
    at: NOW,
    sync: { kind: "synced", since: epochMs(NOW - 3_600_000) },
    policies: [policy],
    nodes: [],
    pods,
    budgets: [],
    notices: [],
    memory: EMPTY_MEMORY,
  };
}

export type PodTraits = Partial<
  Pick<PodInput, "labels" | "spread" | "podAffinity" | "podAntiAffinity" | "gang" | "nodeSelector">
>;

/** A pod that the scheduler could not place a second ago. */
export function pending(name: string, requests: PodInput["requests"], traits: PodTraits = {}): PodInput {
  return {
    key: `bench/${name}`,
    uid: name,
    node: null,
    createdAt: epochMs(NOW - 2_000),
    waiting: { kind: "unschedulable", since: epochMs(NOW - 1_000) },
    nominatedNode: null,
    terminating: false,
    owner: { uid: "owner", kind: "ReplicaSet" },
    daemon: false,
    mirror: false,
    class: "medium",
    requests: { pods: 1, ...requests },
    nodeSelector: {},
    tolerations: [],
    priority: 0,
    annotations: {},
    ...traits,
  };
}

const ZONES = ["z1", "z2", "z3"] as const;

/** Karpenter's benchmark catalogue: 400 types, each as spot in two zones and on demand in three, at one price per core. */
export function diverseOfferings(): Offering[] {
  return Array.from({ length: 400 }, (_, index) => index + 1).flatMap((cores) => {
    const memory = 2 * cores * GI;
    const large = cores > 4 && memory > 8 * GI;
    const one = (tier: CapacityType, zone: string): Offering => ({
      name: `t${cores}-${tier}-${zone}`,
      type: `t${cores}`,
      zone,
      tier,
      usdPerHour: 0.1 * cores + (0.1 * memory) / 1e9,
      allocatable: {
        cpu: `${cores * 1000 - 100}m`,
        memory: String(memory - 10 * MI),
        pods: String(10 * cores),
      },
      labels: {
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        integer: String(cores),
        size: large ? "large" : "small",
      },
    });
    return [one("spot", "z1"), one("spot", "z2"), ...ZONES.map((zone) => one("on-demand", zone))];
  });
}

/**
 * Karpenter's mix: five fifths of generic pods, pods spread over zones and over hosts by the label of somebody else,
 * pods that want their kind in one zone, and pods that share a host with none of their kind. `antiAffinity: false`
 * leaves the last fifth out, which alone decides how many nodes there are.
 */
export function diversePods(count: number, options: { readonly antiAffinity?: boolean } = {}): PodInput[] {
  const random = seededRandom(42);
  const draw = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const letter = () => draw(["a", "b", "c", "d", "e", "f", "g"]);
  const requests = () => ({
    cpu: draw([100, 250, 500, 1000, 1500]),
    memory: draw([100, 256, 512, 1024, 2048, 4096]) * MI,
  });
  const spread = (topologyKey: string): PodTraits => ({
    labels: { "my-label": letter() },
    spread: [
      {
        topologyKey,
        maxSkew: 1,
        minDomains: 1,
        selector: { matchLabels: { "my-label": letter() } },
        nodeAffinityPolicy: "Honor",
        nodeTaintsPolicy: "Ignore",
      },
    ],
  });
  const term = (topologyKey: string, matchLabels: Readonly<Record<string, string>>) => ({
    topologyKey,
    selector: { matchLabels },
    namespaces: ["bench"],
    namespaceSelector: null,
  });
  const generic = (): PodTraits => ({ labels: { "my-label": letter() } });
  const affine = (): PodTraits => {
    const labels = { "my-affinity": letter() };
    return { labels, podAffinity: [term(NODE_LABEL.zone, labels)] };
  };
  const exclusive = (): PodTraits => {
    const labels = { app: "nginx" };
    return { labels, podAntiAffinity: [term(NODE_LABEL.hostname, labels)] };
  };
  const fifth = Math.floor(count / 5);
  const kinds = [generic, () => spread(NODE_LABEL.zone), () => spread(NODE_LABEL.hostname), affine];
  if (options.antiAffinity !== false) kinds.push(exclusive);
  const pods = kinds.flatMap((kind, group) =>
    Array.from({ length: fifth }, (_, index) => pending(`p${group}-${index}`, requests(), kind())),
  );
  const rest = options.antiAffinity === false ? 0 : count - pods.length;
  return [
    ...pods,
    ...Array.from({ length: rest }, (_, index) => pending(`rest-${index}`, requests(), generic())),
  ];
}

interface GpuMachine {
  readonly type: string;
  readonly usdPerHour: number;
  readonly allocatable: Readonly<Record<string, string>>;
}

/** The last is partitioned as the operator's "all-balanced" layout does it, on each of eight cards. */
const GPU_MACHINES: readonly GpuMachine[] = [
  { type: "l4x4", usdPerHour: 4.6, allocatable: { cpu: "46", memory: "180Gi", [GPU_RESOURCE]: "4" } },
  { type: "a100x8", usdPerHour: 32.8, allocatable: { cpu: "94", memory: "1100Gi", [GPU_RESOURCE]: "8" } },
  { type: "h100x8", usdPerHour: 55, allocatable: { cpu: "190", memory: "2000Gi", [GPU_RESOURCE]: "8" } },
  {
    type: "a100-mig",
    usdPerHour: 32.8,
    allocatable: {
      cpu: "94",
      memory: "1100Gi",
      "nvidia.com/mig-1g.10gb": "16",
      "nvidia.com/mig-2g.20gb": "8",
      "nvidia.com/mig-3g.40gb": "8",
    },
  },
];
const CPU_MACHINES: readonly GpuMachine[] = [
  { type: "cpu16", usdPerHour: 0.8, allocatable: { cpu: "15900m", memory: "62Gi" } },
  { type: "cpu64", usdPerHour: 3.2, allocatable: { cpu: "63900m", memory: "254Gi" } },
];
const TIERS = { spot: 0.4, "on-demand": 1, reserved: 0.7 } as const;

/** Four types with GPUs and two without, each in three zones and three tiers. */
export function gpuOfferings(options: { readonly maxSize?: number } = {}): Offering[] {
  return [...GPU_MACHINES, ...CPU_MACHINES].flatMap(({ type, usdPerHour, allocatable }) =>
    ZONES.flatMap((zone) =>
      (Object.keys(TIERS) as CapacityType[]).map((tier) => ({
        name: `${type}-${tier}-${zone}`,
        type,
        zone,
        tier,
        usdPerHour: usdPerHour * TIERS[tier],
        allocatable: { ...allocatable, pods: "110" },
        ...options,
      })),
    ),
  );
}

/** 30 % without GPUs, 40 % with one to eight, 20 % with a MIG profile, 10 % in gangs of whole nodes. */
export function gpuPods(count: number): PodInput[] {
  const random = seededRandom(7);
  const from = (least: number, most: number) => least + Math.floor(random() * (most - least + 1));
  const pods: PodInput[] = [];
  for (let index = 0; index < count * 0.3; index++)
    pods.push(pending(`cpu-${index}`, { cpu: 500 * from(1, 16), memory: from(1, 32) * GI }));
  for (let index = 0; index < count * 0.4; index++) {
    const gpus = from(1, 8);
    pods.push(
      pending(`gpu-${index}`, {
        cpu: gpus * 1000 * from(2, 10),
        memory: gpus * from(8, 40) * GI,
        [GPU_RESOURCE]: gpus,
      }),
    );
  }
  const profiles = ["1g.10gb", "2g.20gb", "3g.40gb"];
  for (let index = 0; index < count * 0.2; index++)
    pods.push(
      pending(`mig-${index}`, {
        cpu: 1000 * from(1, 4),
        memory: from(4, 24) * GI,
        [`nvidia.com/mig-${profiles[from(0, 2)] ?? ""}`]: 1,
      }),
    );
  for (let gang = 0; pods.length < count; gang++) {
    const members = Math.min(from(4, 32), count - pods.length);
    for (let member = 0; member < members; member++)
      pods.push(
        pending(
          `gang-${gang}-${member}`,
          { cpu: 64_000, memory: 800 * GI, [GPU_RESOURCE]: 8 },
          { gang: { id: `bench/gang-${gang}`, minimum: members, source: "PodGroup" } },
        ),
      );
  }
  return pods;
}

/** The four types on which the peers were measured, in one zone and one tier. */
export function choiceOfferings(): Offering[] {
  const one = (
    type: string,
    usdPerHour: number,
    allocatable: Readonly<Record<string, string>>,
  ): Offering => ({
    name: type,
    type,
    zone: "z1",
    tier: "on-demand",
    usdPerHour,
    allocatable: { ...allocatable, pods: "110" },
  });
  return [
    one("cpu16", 0.8, { cpu: "16", memory: "64Gi" }),
    one("cpu64", 3.2, { cpu: "64", memory: "256Gi" }),
    one("gpu1", 2, { cpu: "16", memory: "64Gi", [GPU_RESOURCE]: "1" }),
    one("gpu8", 15, { cpu: "96", memory: "768Gi", [GPU_RESOURCE]: "8" }),
  ];
}
