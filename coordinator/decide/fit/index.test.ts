import { describe, expect, test } from "vitest";

import type { ReasonCode } from "../../../shared/model/reasons.ts";
import { contextOf, place, podWith, SIZE } from "../../../test/build/place.ts";
import type { PlaceOptions } from "../../../test/build/place.ts";
import type { PodInput, PodTerm } from "../snapshot-pod.ts";
import type { FitContext } from "./check.ts";
import { CHECKS, firstRefusal } from "./index.ts";

const near: PodTerm = {
  topologyKey: "zone",
  selector: { matchLabels: { app: "none" } },
  namespaces: ["default"],
  namespaceSelector: null,
};
const avoiding: PodTerm = {
  ...near,
  topologyKey: "kubernetes.io/hostname",
  selector: { matchLabels: { app: "x" } },
};

/** A pod that every check refuses, and one after the other what stops each of them from doing so. */
const HOPELESS: Partial<PodInput> = {
  labels: { app: "y" },
  requests: {
    cpu: 99_500,
    memory: 1,
    "nvidia.com/gpu": 9,
    "nvidia.com/mig-7g.40gb": 99,
    "example.com/nic": 1,
  },
  gpuModel: "T4",
  nodeSelector: { disk: "ssd" },
  nodeTerms: [],
  hostPorts: [{ ip: "", protocol: "TCP", port: 80 }],
  volumes: [{ kind: "lost", claim: "data" }],
  podAffinity: [near],
  podAntiAffinity: [avoiding],
  spread: [
    {
      topologyKey: "rack",
      maxSkew: 1,
      minDomains: 1,
      selector: {},
      nodeAffinityPolicy: "Honor",
      nodeTaintsPolicy: "Ignore",
    },
  ],
  gang: { id: "default/job", minimum: 2, source: "annotation" },
  resourceClaims: ["gpu"],
};
const THERE: PlaceOptions = {
  allocatable: { ...SIZE, cpu: 96_000 },
  overhead: { cpu: 2_000 },
  capacity: { ...SIZE, cpu: 99_000 },
  taints: [{ key: "repair", effect: "NoSchedule" }],
  pool: { gpuType: "A100-40GB" },
  ports: [{ ip: "", protocol: "TCP", port: 80 }],
};
const FLEET: Partial<FitContext> = {
  limitOf: () => ({ code: "at-maximum", scope: "pool", maximum: 1 }),
  healthOf: () => ({ code: "template-unknown" }),
  rankOf: () => ({ code: "outranked", priority: 1 }),
  gangOf: () => ({ code: "gang-incomplete", gang: "default/job", have: 1, need: 2 }),
};

interface Step {
  readonly code: ReasonCode;
  /** What makes an end of it. */
  readonly pod?: Partial<PodInput>;
  readonly there?: PlaceOptions;
  readonly fleet?: Partial<FitContext>;
}

const without = { limitOf: () => null, healthOf: () => null, rankOf: () => null, gangOf: () => null };
const requests = (fields: Readonly<Record<string, number>>): Partial<PodInput> => ({
  requests: { memory: 1, "nvidia.com/gpu": 9, "nvidia.com/mig-7g.40gb": 99, ...fields },
});

const STEPS: readonly Step[] = [
  { code: "untolerated-taint", there: { taints: [] } },
  { code: "selector-mismatch", pod: { nodeSelector: {} } },
  {
    code: "affinity-mismatch",
    pod: { nodeTerms: [{ labels: [{ key: "x", operator: "DoesNotExist", values: [] }], names: [] }] },
  },
  { code: "too-large", pod: requests({ cpu: 98_500, "example.com/nic": 1 }) },
  { code: "system-reserved", pod: requests({ cpu: 97_500, "example.com/nic": 1 }) },
  { code: "no-such-resource", pod: requests({ cpu: 97_500 }) },
  { code: "mig-geometry", pod: { requests: { memory: 1, cpu: 97_500, "nvidia.com/gpu": 9 } } },
  { code: "gpus-per-node", pod: { requests: { memory: 1, cpu: 97_500, "nvidia.com/gpu": 8 } } },
  { code: "gpu-model-differs", pod: { gpuModel: "A100" } },
  { code: "daemon-overhead", pod: { requests: { memory: 1, cpu: 96_000, "nvidia.com/gpu": 8 } } },
  { code: "host-port-taken", there: { ports: [] } },
  { code: "volume-lost", pod: { volumes: [] } },
  { code: "pod-affinity", pod: { podAffinity: [] } },
  { code: "pod-anti-affinity", pod: { podAntiAffinity: [] } },
  { code: "topology-spread", pod: { spread: [] } },
  { code: "at-maximum", fleet: { limitOf: without.limitOf } },
  { code: "template-unknown", fleet: { healthOf: without.healthOf } },
  { code: "outranked", fleet: { rankOf: without.rankOf } },
  { code: "gang-incomplete", fleet: { gangOf: without.gangOf } },
  { code: "claims-not-understood", pod: { resourceClaims: [] } },
];

describe("CHECKS", () => {
  test("are the list of the documentation, in its order", () => {
    expect(CHECKS.map(({ name }) => name)).toEqual([
      "taints",
      "node-selector",
      "node-affinity",
      "resources",
      "allocatable",
      "extended-resources",
      "mig-geometry",
      "gpu-topology",
      "daemon-overhead",
      "host-ports",
      "volumes",
      "pod-affinity",
      "pod-anti-affinity",
      "topology-spread",
      "preferences",
      "pool-limits",
      "pool-health",
      "priority",
      "gang",
      "claims",
    ]);
  });

  test("each fail first for a pod that all before it let through", () => {
    let pod = HOPELESS;
    let there = THERE;
    let fleet = FLEET;
    const seen: (ReasonCode | null)[] = [];
    const ask = (): ReasonCode | null => {
      const asked = podWith("p", pod);
      const at = place({ ...there, labels: { zone: "a" } });
      const context = contextOf([asked], [{ pod: podWith("x", { labels: { app: "x" } }), at }], fleet);
      return firstRefusal(asked, at, context)?.code ?? null;
    };
    for (const step of STEPS) {
      seen.push(ask());
      pod = { ...pod, ...step.pod };
      there = { ...there, ...step.there };
      fleet = { ...fleet, ...step.fleet };
    }
    expect(seen).toEqual(STEPS.map(({ code }) => code));
    expect(ask()).toBeNull();
  });
});
