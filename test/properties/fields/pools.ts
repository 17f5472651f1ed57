// Fields of one node pool: its sizes, what its nodes are and cost, and the group behind it. The first pool is the one
// whose field is changed.

import type { PodInput } from "../../../coordinator/decide/snapshot-pod.ts";
import type { NodePoolSpec, PoolGroup } from "../../../shared/contract/policy/pool.ts";
import { NODE_LABEL } from "../../../shared/model/names.ts";
import { node } from "../../build/node.ts";
import { NOW } from "../../build/now.ts";
import { pod } from "../../build/pod.ts";
import { pool } from "../../build/policy.ts";
import type { PoolOptions } from "../../build/policy.ts";
import { onDemand, whole } from "./case.ts";
import type { FieldCase, FieldCases } from "./case.ts";

const TAINT = { key: "gpu", value: "true", effect: "NoSchedule" } as const;
const TOLERANT = pod("p", { tolerations: [{ ...TAINT, operator: "Equal" }] });

/** One pod that waits, and the one pool with the field. */
function asked(
  waits: PodInput,
  values: FieldCase["values"],
  options: PoolOptions = {},
  provider: "aws" | "custom" = "custom",
): FieldCase {
  return { values, policy: { provider, pools: [pool("spot", options)] }, fleet: { pods: [waits] } };
}

const selecting = (label: string, value: string): PodInput => pod("p", { nodeSelector: { [label]: value } });

const SHAPE = { cpu: "96", memory: "1000Gi", pods: "110" };

function template(fields: Partial<NonNullable<NodePoolSpec["template"]>>): PoolOptions {
  return {
    fields: {
      template: { allocatable: { ...SHAPE, "nvidia.com/gpu": "8" }, labels: {}, taints: [], ...fields },
    },
  };
}

const GCP = { project: "ml-prod-1", location: "us-central1-a", instanceGroupManager: "a" };
const AZURE = { subscriptionID: "0f3d1c5a-2b4e-4c6d-8e9f-a1b2c3d4e5f6", resourceGroup: "ml" };
const SCALE_SET = { ...AZURE, vmScaleSet: "a" };
const AGENT_POOL = { ...AZURE, managedCluster: "ml", agentPool: "a" };
const SCALE = {
  apiVersion: "cluster.x-k8s.io/v1beta1",
  kind: "MachineDeployment",
  name: "a",
  namespace: "machines",
};

/** Two pools of one group are refused; what differs makes them two. */
function grouped(other: string): (field: keyof typeof SCALE) => FieldCase {
  return (field) => ({
    values: [SCALE[field], other],
    policy: {
      pools: [
        pool("spot", { fields: { group: { scale: SCALE } } }),
        pool("b", { fields: { group: { scale: SCALE } } }),
      ],
    },
    fleet: { pods: whole(1) },
  });
}

/** The same for groups of clouds. */
function clouded(group: PoolGroup, values: readonly [unknown, unknown]): FieldCase {
  return {
    values,
    policy: { pools: [pool("spot", { fields: { group } }), pool("b", { fields: { group } })] },
    fleet: { pods: whole(1) },
  };
}

const reading = (usdPerHour: number) => ({
  provider: "aws",
  region: "us-east-1",
  instanceType: "p4d.24xlarge",
  tier: "spot" as const,
  usdPerHour,
  source: "test",
  at: NOW,
});

export const POOL_CASES: FieldCases = {
  "nodePools[].name": {
    values: ["spot", "train"],
    fleet: { pods: [selecting(NODE_LABEL.pool, "spot")] },
  },
  "nodePools[].minSize": asked(pod("p", { gpus: 9 }), [0, 1]),
  "nodePools[].maxSize": { values: [1, 2], fleet: { pods: whole(2) } },
  "nodePools[].gpuType": asked({ ...pod("p"), gpuModel: "A100" }, ["A100", "T4"]),
  "nodePools[].instanceTypes[]": asked(
    pod("p", { gpus: 4, cpu: 1_000 }),
    ["g5.12xlarge", "g5.xlarge"],
    {
      gpus: null,
      fields: { instanceTypes: ["g5.xlarge"] },
    },
    "aws",
  ),
  "nodePools[].capacityType": asked(selecting(NODE_LABEL.capacityType, "on-demand"), ["on-demand", "spot"]),
  // Two nodes of it and one on demand: with half of it spot, there is too little spot.
  "nodePools[].spotPercentage": {
    values: [1, 0.5],
    policy: { pools: [pool("spot"), onDemand()] },
    fleet: {
      nodes: [
        ...["n1", "n2"].map((name) => node(name, { unschedulable: true })),
        node("n3", { pool: "od", unschedulable: true }),
      ],
      pods: whole(1),
    },
  },
  "nodePools[].priority": {
    values: [0, -1],
    policy: { pools: [pool("a"), pool("b")] },
    fleet: { pods: whole(1) },
  },
  "nodePools[].labels": asked(selecting("team", "a"), [{}, { team: "a" }]),
  "nodePools[].taints[].key": asked(TOLERANT, ["gpu", "other"], { taints: [TAINT] }),
  "nodePools[].taints[].value": asked(TOLERANT, ["true", "false"], { taints: [TAINT] }),
  "nodePools[].taints[].effect": asked(TOLERANT, ["NoSchedule", "NoExecute"], { taints: [TAINT] }),
  "nodePools[].availabilityZones[]": asked(
    selecting(NODE_LABEL.zone, "us-east-1a"),
    ["us-east-1a", "us-east-1b"],
    {
      fields: { availabilityZones: ["us-east-1a"] },
    },
  ),
  "nodePools[].region": asked(selecting(NODE_LABEL.region, "us-east-1"), ["us-east-1", "us-west-2"]),
  "nodePools[].allowCpuPods": asked(pod("p", { gpus: 0 }), [true, false]),
  "nodePools[].price.usdPerHour": {
    values: [1, 10],
    policy: {
      pools: [
        pool("a", { fields: { price: { usdPerHour: 1 } } }),
        pool("b", { fields: { price: { usdPerHour: 5 } } }),
      ],
    },
    fleet: { pods: whole(1) },
  },
  "nodePools[].price.maxPricePerHour": {
    values: [3, undefined],
    policy: {
      provider: "aws",
      pools: [pool("spot", { fields: { instanceTypes: ["p4d.24xlarge"], region: "us-east-1", price: {} } })],
    },
    fleet: { pods: whole(1), prices: [reading(9)] },
  },
  "nodePools[].group.scale.apiVersion": grouped("example.com/v1beta1")("apiVersion"),
  "nodePools[].group.scale.kind": grouped("MachinePool")("kind"),
  "nodePools[].group.scale.name": grouped("c")("name"),
  "nodePools[].group.scale.namespace": grouped("others")("namespace"),
  "nodePools[].group.scale.manageLimits": {
    values: [true, undefined],
    policy: {
      pools: [
        pool("spot", {
          group: { kind: "known", size: 1, chosenRemoval: true, growsItself: true },
          instances: [],
          fields: { group: { scale: { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "a" } } },
        }),
      ],
    },
  },
  "nodePools[].group.aws.region": clouded({ aws: { region: "us-west-2", autoScalingGroup: "a" } }, [
    "us-west-2",
    "us-east-1",
  ]),
  "nodePools[].group.aws.autoScalingGroup": clouded({ aws: { region: "us-west-2", autoScalingGroup: "a" } }, [
    "a",
    "b",
  ]),
  "nodePools[].group.aws.tags": clouded({ aws: { region: "us-west-2", tags: { team: "ml" } } }, [
    { team: "ml" },
    { team: "web" },
  ]),
  "nodePools[].group.gcp.project": clouded({ gcp: GCP }, ["ml-prod-1", "ml-prod-2"]),
  "nodePools[].group.gcp.location": clouded({ gcp: GCP }, ["us-central1-a", "us-central1-b"]),
  "nodePools[].group.gcp.instanceGroupManager": clouded({ gcp: GCP }, ["a", "b"]),
  "nodePools[].group.azure.subscriptionID": clouded({ azure: SCALE_SET }, [
    SCALE_SET.subscriptionID,
    "1f3d1c5a-2b4e-4c6d-8e9f-a1b2c3d4e5f6",
  ]),
  "nodePools[].group.azure.resourceGroup": clouded({ azure: SCALE_SET }, ["ml", "web"]),
  "nodePools[].group.azure.vmScaleSet": clouded({ azure: SCALE_SET }, ["a", "b"]),
  "nodePools[].group.azure.managedCluster": clouded({ azure: AGENT_POOL }, ["ml", "web"]),
  "nodePools[].group.azure.agentPool": clouded({ azure: AGENT_POOL }, ["a", "b"]),
  "nodePools[].group.simulated.url": clouded({ simulated: { url: "http://cloud:1", name: "a" } }, [
    "http://cloud:1",
    "http://cloud:2",
  ]),
  "nodePools[].group.simulated.name": clouded({ simulated: { url: "http://cloud:1", name: "a" } }, [
    "a",
    "b",
  ]),
  "nodePools[].template.allocatable": asked(pod("p", { gpus: 8 }), [
    { ...SHAPE, "nvidia.com/gpu": "8" },
    { ...SHAPE, "nvidia.com/gpu": "4" },
  ]),
  "nodePools[].template.labels": asked(selecting("team", "a"), [{}, { team: "a" }], template({})),
  "nodePools[].template.taints[].key": asked(TOLERANT, ["gpu", "other"], template({ taints: [TAINT] })),
  "nodePools[].template.taints[].value": asked(TOLERANT, ["true", "false"], template({ taints: [TAINT] })),
  "nodePools[].template.taints[].effect": asked(
    TOLERANT,
    ["NoSchedule", "NoExecute"],
    template({ taints: [TAINT] }),
  ),
};
