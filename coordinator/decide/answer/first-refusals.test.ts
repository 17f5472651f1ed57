// Each check of the list is the first that fails somewhere: a check that never shows is one that nobody can act upon.

import { describe, expect, test } from "vitest";

import type { ReasonCode } from "../../../shared/model/reasons.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import type { PodOptions } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PoolOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decideAndExplain } from "../explained.ts";
import { CHECKS } from "../fit/index.ts";
import type { PodInput } from "../snapshot-pod.ts";

interface Case {
  readonly check: string;
  readonly code: ReasonCode;
  readonly pod?: PodOptions;
  readonly also?: Partial<PodInput>;
  readonly pool?: PoolOptions;
  readonly others?: readonly PodInput[];
  readonly rest?: Omit<SnapshotOptions, "policies" | "pods">;
  readonly policy?: Parameters<typeof policy>[0];
}

const GPU = "nvidia.com/gpu";
const ZONE = "topology.kubernetes.io/zone";
const selector = { matchLabels: { app: "a" } };
const term = { topologyKey: ZONE, selector, namespaces: ["default"], namespaceSelector: null };
const inZone = (zone: string): PoolOptions => ({ labels: { [ZONE]: zone } });
/** A pod with the label that terms ask for, in zone z1. */
const there: PodInput = { ...pod("there", { node: "n1", gpus: 0 }), labels: { app: "a" } };
const zoned = [node("n1", { pool: null, gpus: 0, labels: { [ZONE]: "z1" } })];
/** What the machine has, and what is left of it: 4 cores for the system, 2 for DaemonSets. */
const measured = [
  { ...node("n1", { cpu: 92_000 }), capacity: { cpu: 96_000, memory: 2 ** 40, pods: 110, [GPU]: 8 } },
];
const daemons = [pod("agent", { node: "n1", daemon: true, gpus: 0, cpu: 2_000 })];

const CASES: readonly Case[] = [
  {
    check: "taints",
    code: "untolerated-taint",
    pool: { taints: [{ key: "gpu", value: "true", effect: "NoSchedule" }] },
  },
  { check: "node-selector", code: "selector-mismatch", pod: { nodeSelector: { disk: "ssd" } } },
  {
    check: "node-affinity",
    code: "affinity-mismatch",
    also: { nodeTerms: [{ labels: [{ key: "disk", operator: "In", values: ["ssd"] }], names: [] }] },
  },
  { check: "resources", code: "too-large", pod: { cpu: 97_000 }, rest: { nodes: measured } },
  { check: "allocatable", code: "system-reserved", pod: { cpu: 94_000 }, rest: { nodes: measured } },
  {
    check: "daemon-overhead",
    code: "daemon-overhead",
    pod: { cpu: 91_000 },
    rest: { nodes: measured },
    others: daemons,
  },
  { check: "extended-resources", code: "pod-not-gpu", pod: { gpus: 0 } },
  {
    check: "extended-resources",
    code: "no-such-resource",
    pod: { requests: { cpu: 1, "nvidia.com/gpu.shared": 1 } },
  },
  {
    check: "mig-geometry",
    code: "mig-geometry",
    pod: { requests: { cpu: 1, "nvidia.com/mig-7g.80gb": 1 } },
    pool: { fields: { gpuType: "A100-40GB" } },
  },
  { check: "gpu-topology", code: "gpus-per-node", pod: { gpus: 16 } },
  {
    check: "gpu-topology",
    code: "gpu-model-differs",
    also: { gpuModel: "H100" },
    pool: { fields: { gpuType: "T4" } },
  },
  { check: "volumes", code: "volume-missing", also: { volumes: [{ kind: "missing", claim: "data" }] } },
  { check: "volumes", code: "volume-unbound", also: { volumes: [{ kind: "unbound", claim: "data" }] } },
  { check: "volumes", code: "volume-lost", also: { volumes: [{ kind: "lost", claim: "data" }] } },
  {
    check: "volumes",
    code: "volume-zone",
    pool: inZone("z1"),
    also: {
      volumes: [
        {
          kind: "bound",
          claim: "data",
          driver: null,
          nodeTerms: [{ labels: [{ key: ZONE, operator: "In", values: ["z2"] }], names: [] }],
        },
      ],
    },
  },
  {
    check: "pod-affinity",
    code: "pod-affinity",
    pool: inZone("z2"),
    also: { podAffinity: [term] },
    others: [there],
    rest: { nodes: zoned },
  },
  {
    check: "pod-anti-affinity",
    code: "pod-anti-affinity",
    pool: inZone("z1"),
    also: { podAntiAffinity: [term] },
    others: [there],
    rest: { nodes: zoned },
  },
  {
    check: "topology-spread",
    code: "topology-spread",
    pool: inZone("z1"),
    others: [there],
    rest: { nodes: [...zoned, node("n2", { pool: null, gpus: 0, labels: { [ZONE]: "z2" } })] },
    also: {
      labels: { app: "a" },
      spread: [
        {
          topologyKey: ZONE,
          maxSkew: 1,
          minDomains: 1,
          selector,
          nodeAffinityPolicy: "Honor",
          nodeTaintsPolicy: "Ignore",
        },
      ],
    },
  },
  { check: "pool-limits", code: "at-maximum", pool: { maxSize: 0 } },
  {
    check: "pool-health",
    code: "no-capacity",
    pool: { fields: { instanceTypes: ["p3.2xlarge"], availabilityZones: ["us-west-2a"] } },
    policy: {
      journal: {
        offerings: [
          {
            offering: "p3.2xlarge|us-west-2a|spot",
            kind: "no-capacity",
            failures: 1,
            lastAt: epochMs(NOW - MINUTE / 2),
            until: epochMs(NOW + MINUTE),
            detail: "none left",
          },
        ],
      },
    },
  },
  { check: "pool-health", code: "no-group", pool: { group: { kind: "none" } } },
  {
    check: "gang",
    code: "gang-incomplete",
    also: { gang: { id: "PodGroup default/g", minimum: 4, source: "PodGroup" } },
  },
  { check: "claims", code: "claims-not-understood", also: { resourceClaims: ["gpu"] } },
  { check: "claims", code: "provisioning-request", also: { provisioningRequest: "r" } },
];

describe("the first check that fails", () => {
  test.each(CASES.map((one) => [one.check, one.code, one] as const))("%s: %s", (_, code, one) => {
    const { explain } = decideAndExplain(
      snapshot({
        ...one.rest,
        policies: [policy({ pools: [pool("spot", one.pool)], ...one.policy })],
        pods: [{ ...pod("p", one.pod), ...one.also }, ...(one.others ?? [])],
      }),
    );
    expect(explain.pod("default/p")?.pools).toMatchObject([{ pool: "demo/spot", refusal: { code } }]);
  });

  test("is each of the list at least once, but for those that an empty new node cannot fail", () => {
    const shown = new Set(CASES.map(({ check }) => check));
    expect(CHECKS.map(({ name }) => name).filter((name) => !shown.has(name))).toEqual([
      // Its ports are all free.
      "host-ports",
      // Nothing that is only preferred ever refuses.
      "preferences",
      // Nobody outranks a pod for a node that is bought for it.
      "priority",
    ]);
  });
});
