// Fields of the policy as a whole: thresholds, clocks, limits, tiers, and how nodes go.

import { EMPTY_MEMORY } from "../../../coordinator/decide/snapshot-memory.ts";
import { epochMs, ratio } from "../../../shared/model/units.ts";
import { node, reported } from "../../build/node.ts";
import { HOUR, MINUTE, NOW, SECOND } from "../../build/now.ts";
import { pod } from "../../build/pod.ts";
import { policy, pool } from "../../build/policy.ts";
import { memory, notice } from "../../build/snapshot.ts";
import { OPEN, emptied, hot, onDemand, whole } from "./case.ts";
import type { FieldCases } from "./case.ts";

const quiet = reported({ busiest: 0.15 });
const busy = reported({ mean: 0.3, busiest: 0.5 });
const ago = (ms: number) => epochMs(NOW - ms);
const priced = (usdPerHour: number) => ({ fields: { price: { usdPerHour } } });

/** n1 is idle with a pod that needs no GPU and has room on n2. */
const idle = (idleMs: number) => ({
  nodes: [node("n1", { telemetry: quiet }), node("n2", { telemetry: quiet })],
  pods: [pod("web", { node: "n1", gpus: 0 })],
  memory: memory({ n1: { idleMs } }),
});

/** Both are busy; the pod of n1 has had room on n2 for so long. */
const movable = (forMs: number) => ({
  nodes: [node("n1", { telemetry: busy }), node("n2", { telemetry: busy })],
  pods: [pod("p", { node: "n1" }), pod("stays", { node: "n2", owner: null })],
  memory: {
    ...memory({}),
    nodes: { n1: { idleSince: null, lastReportAt: null, emptySince: null, movableSince: ago(forMs) } },
  },
});

const ill = (count: number, all: number) => ({
  nodes: Array.from({ length: all }, (_, index) => ({
    ...node(`n${index + 1}`, { telemetry: busy }),
    ...(index < count
      ? { gpuHealth: { verdict: "ill" as const, since: ago(MINUTE), detail: "XID 79" } }
      : {}),
  })),
});

const coming = (options: { readonly size: number }) => ({
  disruption: OPEN,
  pools: [pool("spot", { ...options, instances: [] }), onDemand()],
  spotInstancePercentage: 1,
});

export const RULE_CASES: FieldCases = {
  enabled: { values: [true, false], fleet: { pods: whole(1) } },
  // What it only recommends is the last that a pod gets; that nothing of it is touched is the actuator's test.
  mode: {
    values: ["Act", "Recommend"],
    fleet: { pods: whole(1), policies: [policy({ name: "other", pools: [pool("backup")] })] },
  },
  provider: {
    values: ["aws", "gcp"],
    policy: { pools: [pool("spot", { gpus: null, fields: { instanceTypes: ["g5.xlarge"] } })] },
    fleet: { pods: [pod("p")] },
  },

  scaleUpThreshold: { values: [0.8, 0.9], fleet: { nodes: hot(0.85) } },
  scaleDownThreshold: { values: [0.2, 0.1], fleet: idle(20 * MINUTE) },
  scaleUpCooldownSeconds: {
    values: [30, 180],
    policy: { journal: { lastUpAt: { spot: ago(MINUTE) } } },
    fleet: { pods: whole(1) },
  },
  scaleDownCooldownSeconds: {
    values: [30, 600],
    policy: { journal: { lastDownAt: { spot: ago(MINUTE) } } },
    fleet: emptied(1),
  },
  pendingPodTimeoutSeconds: { values: [30, 120], fleet: { pods: [pod("p", { waitedMs: MINUTE })] } },
  emptySeconds: { values: [60, 300], fleet: emptied(1, 100 * SECOND) },
  idleSeconds: { values: [60, 600], fleet: idle(100 * SECOND) },
  scaleDownDelayAfterAddSeconds: {
    values: [30, 600],
    policy: { journal: { lastUpAt: { spot: ago(MINUTE) } } },
    fleet: emptied(1),
  },

  minNodes: { values: [0, 1] },
  maxNodes: { values: [1, 2], fleet: { pods: whole(2) } },
  maxGpus: { values: [8, undefined], fleet: { pods: whole(2) } },
  maxHourlyCostUsd: {
    values: [5, undefined],
    policy: { pools: [pool("spot", priced(4))] },
    fleet: { pods: whole(2) },
  },
  "maxPercentOrNodesAdded.nodes": {
    values: [1, 5],
    policy: { maxPercentOrNodesAdded: { nodes: 1, percent: 0 } },
    fleet: { pods: whole(3) },
  },
  "maxPercentOrNodesAdded.percent": {
    values: [1, 50],
    policy: { maxPercentOrNodesAdded: { nodes: 0, percent: 1 } },
    fleet: { nodes: hot(0.5, 4).map((each) => ({ ...each, unschedulable: true })), pods: whole(3) },
  },
  "maxPercentOrNodesRemoved.nodes": {
    values: [1, 5],
    policy: { disruption: OPEN, maxPercentOrNodesRemoved: { nodes: 1, percent: 0 } },
    fleet: emptied(3),
  },
  "maxPercentOrNodesRemoved.percent": {
    values: [0, 100],
    policy: { disruption: OPEN, maxPercentOrNodesRemoved: { nodes: 0, percent: 0 } },
    fleet: emptied(3),
  },

  expander: {
    values: ["cost", "priority"],
    policy: { pools: [pool("a", priced(1)), pool("b", { priority: 9, ...priced(2) })] },
    fleet: { pods: whole(1) },
  },
  spotInstancePercentage: {
    values: [1, 0],
    policy: { pools: [pool("spot"), onDemand()] },
    fleet: { pods: whole(1) },
  },
  onDemandPercentage: {
    values: [1, 0],
    policy: { spotInstancePercentage: 0, pools: [pool("r", { capacityType: "reserved" }), onDemand()] },
    fleet: { pods: whole(1) },
  },
  reservedPercentage: {
    values: [1, 0],
    policy: { spotInstancePercentage: 0, pools: [pool("r", { capacityType: "reserved" }), onDemand()] },
    fleet: { pods: whole(1) },
  },
  enableSpotInstances: { values: [true, false], fleet: { pods: whole(1) } },
  enableMultiTierScaling: {
    values: [true, false],
    policy: { pools: [pool("spot", { gpus: 4 }), onDemand()] },
    fleet: { pods: whole(1) },
  },
  enablePredictiveScaling: {
    values: [true, false],
    policy: { forecast: { gpus: 8, at: epochMs(NOW + HOUR), confidence: ratio(0.9), earned: true } },
  },

  "spot.diversify": {
    values: [true, false],
    policy: { pools: [typed("a", "g5.48xlarge"), typed("b", "p4d.24xlarge")] },
    fleet: {
      nodes: [node("n1", { pool: "a", labels: { "node.kubernetes.io/instance-type": "g5.48xlarge" } })],
      pods: [pod("runs", { node: "n1", gpus: 8 }), ...whole(1)],
    },
  },
  "spot.onDemandFloorGpus": {
    values: [0, 8],
    policy: { spotInstancePercentage: 1, pools: [pool("spot"), onDemand()] },
    fleet: { pods: whole(1) },
  },
  "spot.rebalance": {
    values: ["Report", "Replace"],
    fleet: {
      nodes: [node("n1")],
      pods: [pod("runs", { node: "n1" })],
      notices: [notice("n1", { kind: "rebalance" })],
    },
  },
  drills: {
    values: ["Enabled", "Disabled"],
    fleet: {
      nodes: [node("n1")],
      pods: [pod("runs", { node: "n1" })],
      notices: [notice("n1", { source: "drill" })],
    },
  },
  // Six of ten nodes are spot: with ten points less the next one is not.
  "spot.maxInterruptionsPerNodeDay": {
    values: [undefined, 0.1],
    policy: { pools: [pool("spot"), onDemand()] },
    fleet: {
      nodes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((index) =>
        node(`n${index}`, { pool: index <= 6 ? "spot" : "od", unschedulable: true }),
      ),
      pods: whole(1),
      memory: { ...EMPTY_MEMORY, risk: { "policy/demo": { nodeDays: 1, interruptions: 3, at: NOW } } },
    },
    decisions: 2,
  },
  "spot.returnAfterSeconds": {
    values: [undefined, 1800],
    policy: { disruption: OPEN, pools: [pool("spot"), onDemand()] },
    fleet: {
      nodes: [node("o1", { pool: "od" }), node("o2", { pool: "od" })],
      memory: memory({ o1: { emptyMs: 2 * MINUTE }, o2: { emptyMs: 2 * MINUTE } }),
    },
  },

  "spot.returnPolicy": {
    values: ["WhenEmpty", "Replace"],
    policy: {
      disruption: OPEN,
      spot: { returnAfterSeconds: 1800 },
      pools: [
        pool("spot", { fields: { price: { usdPerHour: 1 } } }),
        pool("od", { capacityType: "on-demand", fields: { price: { usdPerHour: 3 } } }),
      ],
    },
    fleet: {
      nodes: ["o1", "o2"].map((name) => node(name, { pool: "od" })),
      pods: ["o1", "o2"].map((name) => pod(`on-${name}`, { node: name, gpus: 8 })),
    },
  },

  "provisioning.launchTimeoutSeconds": {
    values: [300, 1200],
    policy: coming({ size: 1 }),
    fleet: {
      pods: whole(1),
      memory: { ...EMPTY_MEMORY, launches: { "demo/spot": { missing: 1, since: ago(400 * SECOND) } } },
    },
  },
  "provisioning.registrationTimeoutSeconds": {
    values: [900, 1800],
    policy: {
      disruption: OPEN,
      pools: [
        pool("spot", {
          size: 1,
          instances: [{ id: "i-1", node: null, state: "booting", createdAt: ago(1000 * SECOND) }],
        }),
      ],
    },
  },
  "provisioning.gpuReadyTimeoutSeconds": {
    values: [900, 1800],
    policy: { disruption: OPEN },
    fleet: {
      nodes: [{ ...node("n1", { gpus: 0, ageMs: 1200 * SECOND }), readyChangedAt: ago(1000 * SECOND) }],
      memory: {
        ...memory({}),
        nodes: {
          n1: { idleSince: null, lastReportAt: null, emptySince: null, comingSince: ago(20 * MINUTE) },
        },
      },
    },
  },
  reclaimIdleHolders: {
    values: [true, false],
    fleet: {
      ...idle(20 * MINUTE),
      pods: [pod("a", { node: "n1", gpus: 4 }), pod("b", { node: "n2", gpus: 4 })],
    },
  },
  "consolidation.enabled": {
    values: [true, false],
    policy: { disruption: OPEN, pools: [pool("spot", priced(4))] },
    fleet: movable(HOUR),
  },
  "consolidation.afterSeconds": {
    values: [60, 600],
    policy: {
      disruption: OPEN,
      consolidation: { enabled: true, afterSeconds: 60 },
      pools: [pool("spot", priced(4))],
    },
    fleet: movable(5 * MINUTE),
  },
  "disruption.freeze": { values: [true, false], fleet: emptied(1) },
  "disruption.keepLocalStorage": {
    values: [true, false],
    fleet: {
      ...idle(20 * MINUTE),
      pods: [{ ...pod("web", { node: "n1", gpus: 0 }), localStorage: true }],
    },
  },
  "disruption.keepSystemPods": {
    values: [true, false],
    fleet: {
      ...idle(20 * MINUTE),
      pods: [{ ...pod("dns", { node: "n1", gpus: 0 }), key: "kube-system/dns" }],
    },
  },
  "health.replace": { values: ["Report", "Replace"], policy: { disruption: OPEN }, fleet: ill(1, 3) },
  "health.maxUnhealthyPercent": {
    values: [20, 100],
    policy: { disruption: OPEN, health: { replace: "Replace" } },
    fleet: ill(2, 3),
  },
  expireAfterSeconds: {
    values: [3600, undefined],
    policy: { disruption: OPEN },
    fleet: movable(0),
  },
  // Of a group that lists its members the list counts, of any other the labels.
  nodeSelector: {
    values: [{}, { team: "a" }],
    policy: { pools: [pool("spot", { size: 1, instances: [] })] },
    fleet: { nodes: hot(0.95) },
  },
};

function typed(name: string, type: string) {
  return pool(name, {
    fields: { instanceTypes: [type], availabilityZones: ["us-east-1a"], price: { usdPerHour: 9 } },
  });
}
