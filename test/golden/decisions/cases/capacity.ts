// 2.3, 2.4 and 2.5: shares of GPUs, clouds that have none, and spot with its interruptions.

import { epochMs } from "../../../../shared/model/units.ts";
import { NODE_LABEL } from "../../../../shared/model/names.ts";
import { node } from "../../../build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../build/now.ts";
import { pod, pods } from "../../../build/pod.ts";
import { move, policy, pool } from "../../../build/policy.ts";
import type { PoolOptions } from "../../../build/policy.ts";
import { memory, notice } from "../../../build/snapshot.ts";
import { ago, booting, failed, failure, nodes, onDemand, typed } from "./case.ts";
import type { GoldenCase } from "./case.ts";

/** A node of the template has these devices beside its cores. */
function offering(devices: Readonly<Record<string, string>>): PoolOptions {
  const allocatable = { cpu: "96", memory: "1000Gi", pods: "110", ...devices };
  return { gpus: null, fields: { template: { allocatable, labels: {}, taints: [] } } };
}

const wanting = (name: string, devices: Readonly<Record<string, number>>) =>
  pod(name, { requests: { pods: 1, cpu: 1000, memory: 2 ** 30, ...devices } });

const zones = ["us-west-2a", "us-west-2b", "us-west-2c"] as const;
const LETTERS = Array.from("abcdefghijkl");
const P4 = "p4d.24xlarge";

export const CAPACITY_GOLDEN: readonly GoldenCase[] = [
  {
    name: "time-sliced",
    rows: ["kubernetes-sigs/karpenter#729"],
    title: "shared GPUs count by the name and number that a real node shows",
    input: {
      nodes: [{ ...node("n1", { gpus: 0 }), allocatable: { cpu: 96_000, memory: 2 ** 40, pods: 110, "nvidia.com/gpu.shared": 32 } }],
      pods: [
        { ...wanting("runs", { "nvidia.com/gpu.shared": 30 }), node: "n1", waiting: null },
        wanting("fits", { "nvidia.com/gpu.shared": 2 }),
        wanting("waits", { "nvidia.com/gpu.shared": 4 }),
      ],
    },
    moves: ["grow demo/spot 1 to 2"],
    codes: ["pending-pods", "pod-fits-existing"],
  },
  {
    name: "custom-vgpu",
    rows: ["kubernetes/autoscaler#4315", "awslabs/aws-virtual-gpu-device-plugin#20"],
    title: "a device by any name opens a node that offers it",
    input: {
      policies: [policy({ pools: [pool("vgpu", offering({ "k8s.amazonaws.com/vgpu": "40" }))] })],
      pods: [wanting("infer", { "k8s.amazonaws.com/vgpu": 10 })],
    },
    moves: ["grow demo/vgpu 0 to 1"],
    codes: ["pending-pods"],
  },
  {
    name: "mig-profile",
    rows: ["NVIDIA/gpu-operator#693", "Azure/AKS#4216"],
    title: "pods that ask for a MIG profile open nodes that offer it, as many as it takes",
    input: {
      policies: [
        policy({ pools: [pool("mig", offering({ "nvidia.com/mig-1g.10gb": "14" })), pool("whole")] }),
      ],
      pods: pods(20, "infer", { requests: { pods: 1, cpu: 500, "nvidia.com/mig-1g.10gb": 1 } }),
    },
    moves: ["grow demo/mig 0 to 2"],
    codes: ["pending-pods"],
  },
  {
    name: "mig-not-configured-yet",
    rows: ["NVIDIA/gpu-operator#2670"],
    title: "a node that still shows whole cards is no node for MIG pods, and no second one is bought for that",
    input: {
      policies: [policy({ pools: [pool("mig", offering({ "nvidia.com/mig-1g.10gb": "56" }))] })],
      nodes: [node("n1", { pool: "mig", ageMs: MINUTE })],
      pods: [wanting("infer", { "nvidia.com/mig-1g.10gb": 1 })],
    },
    moves: [],
    codes: ["booting"],
  },

  {
    name: "one-offering-short",
    rows: ["kubernetes-sigs/karpenter#3198"],
    title: "a failure teaches one type in one zone only: the next zone is asked, the failed one is not",
    input: {
      policies: [
        policy({
          pools: zones.map((zone, index) => typed(`z${index + 1}`, P4, zone)),
          journal: { offerings: [failure(`${P4}|us-west-2a|spot`)] },
        }),
      ],
      pods: pods(2, "train", { gpus: 8 }),
    },
    moves: ["grow demo/z2 0 to 1", "grow demo/z3 0 to 1"],
    codes: ["pending-pods", "no-capacity"],
  },
  {
    name: "probe",
    rows: ["kubernetes-sigs/karpenter PR#3275"],
    title: "when the pause is over one node tries, whatever the number of pods",
    input: {
      policies: [
        policy({
          pools: [typed("spot", P4, "us-west-2a")],
          journal: {
            offerings: [failure(`${P4}|us-west-2a|spot`, { lastAt: ago(10 * MINUTE), until: ago(MINUTE) })],
          },
        }),
      ],
      pods: pods(9, "train", { gpus: 8 }),
    },
    moves: ["grow demo/spot 0 to 1"],
    codes: ["probe"],
  },
  {
    name: "pause-grows",
    rows: ["aws/karpenter-provider-aws PR#1715", "aws/karpenter-provider-aws#900", "aws/karpenter-provider-aws PR#7477"],
    title: "a shortage that lasts is asked about less and less often",
    input: {
      policies: [
        policy({
          pools: [
            typed("spot", P4, "us-west-2a", {
              size: 1,
              instances: failed(1, "no-capacity", "InsufficientInstanceCapacity"),
            }),
          ],
          journal: {
            offerings: [
              failure(`${P4}|us-west-2a|spot`, { failures: 5, lastAt: ago(20 * MINUTE), until: ago(MINUTE) }),
            ],
          },
        }),
      ],
      pods: [pod("train", { gpus: 8 })],
    },
    moves: ["release demo/spot 1 to 0 (i-failed-1)"],
    codes: ["no-capacity"],
  },
  {
    name: "next-group-at-once",
    rows: ["kubernetes/autoscaler#3241", "kubernetes/autoscaler PR#4489", "kubernetes/autoscaler#8323"],
    title: "a machine that the cloud refused is known at once: the next group is asked in the same decision",
    input: {
      policies: [
        policy({
          pools: [
            typed("spot", P4, "us-west-2a", {
              size: 1,
              instances: failed(1, "no-capacity", "OverconstrainedAllocationRequest"),
            }),
            onDemand(),
          ],
        }),
      ],
      pods: [pod("train", { gpus: 8 })],
    },
    moves: ["grow demo/od 0 to 1", "release demo/spot 1 to 0 (i-failed-1)"],
    codes: ["pending-pods", "no-capacity"],
  },
  {
    name: "both-spot-groups-short",
    rows: ["kubernetes/autoscaler#4958", "gardener/autoscaler#370"],
    title: "with both spot groups short, on-demand is asked, and the two do not alternate",
    input: {
      policies: [
        policy({
          spotInstancePercentage: 1,
          pools: [typed("a", P4, "us-west-2a"), typed("b", P4, "us-west-2b"), onDemand()],
          journal: {
            offerings: [failure(`${P4}|us-west-2a|spot`), failure(`${P4}|us-west-2b|spot`, { failures: 1 })],
          },
        }),
      ],
      pods: [pod("train", { gpus: 8 })],
    },
    moves: ["grow demo/od 0 to 1"],
    codes: ["pending-pods", "no-capacity"],
  },
  {
    name: "launch-timed-out",
    rows: ["gardener/autoscaler#370"],
    title: "a group whose machines do not come in time is no longer counted on, and another is asked",
    input: {
      policies: [
        policy({
          pools: [typed("spot", P4, "us-west-2a", { size: 1, instances: booting(1, 16 * MINUTE) }), onDemand()],
        }),
      ],
      pods: [pod("train", { gpus: 8 })],
    },
    moves: ["grow demo/od 0 to 1", "release demo/spot 1 to 0 (i-booting-1)"],
    codes: ["pending-pods", "launch-timed-out"],
  },
  {
    name: "twelve-groups",
    rows: ["kubernetes/autoscaler#6661", "kubernetes/autoscaler PR#5756"],
    title: "of twelve groups the one that has capacity is found in one decision",
    input: {
      policies: [
        policy({
          pools: LETTERS.map((letter, index) => typed(`g${index + 1}`, P4, `us-west-2${letter}`)),
          journal: {
            offerings: LETTERS.slice(0, 11).map((letter, index) =>
              failure(`${P4}|us-west-2${letter}|spot`, { failures: 1 + (index % 3) }),
            ),
          },
        }),
      ],
      pods: [pod("train", { gpus: 8 })],
    },
    moves: ["grow demo/g12 0 to 1"],
    codes: ["pending-pods"],
  },
  {
    name: "quota-partial",
    rows: ["kubernetes/autoscaler#2607", "Azure/AKS#2345"],
    title: "of ten machines six come and four meet the quota: the six count, the rest is bought elsewhere at once",
    input: {
      policies: [
        policy({
          pools: [
            typed("spot", P4, "us-west-2a", {
              size: 10,
              instances: [...booting(6), ...failed(4, "quota", "MaxSpotInstanceCountExceeded")],
            }),
            onDemand(),
          ],
        }),
      ],
      pods: pods(10, "train", { gpus: 8 }),
    },
    moves: [
      "grow demo/od 0 to 4",
      ...[1, 2, 3, 4].map((index) => `release demo/spot ${11 - index} to ${10 - index} (i-failed-${index})`),
    ],
    codes: ["pending-pods", "quota", "booting"],
  },
  {
    name: "back-to-spot",
    rows: ["kubernetes/autoscaler#3042", "kubernetes/autoscaler#4438", "kubernetes/autoscaler#4314", "aws/karpenter-provider-aws#3480", "aws/karpenter-provider-aws#8224"],
    title: "once spot has been well for long enough, an on-demand node above its share goes when its work has ended",
    input: {
      policies: [
        policy({ spot: { returnAfterSeconds: 1800 }, pools: [pool("spot"), onDemand()] }),
      ],
      nodes: [node("n1", { pool: "od" }), node("n2", { pool: "od" })],
      pods: [pod("job", { node: "n2", gpus: 8 })],
      memory: memory({ n1: { emptyMs: 2 * MINUTE } }),
    },
    moves: ["shrink demo/od 2 to 1 (n1)"],
    codes: ["return-to-spot"],
  },
  {
    name: "back-to-spot-first",
    rows: ["kubernetes/autoscaler#3042", "aws/karpenter-provider-aws#3480", "aws/karpenter-provider-aws#8224"],
    title: "where the policy replaces, a spot node is bought for what runs on demand; the on-demand node goes once that is there",
    input: {
      policies: [
        policy({
          spotInstancePercentage: 1,
          spot: { returnAfterSeconds: 1800, returnPolicy: "Replace" },
          pools: [
            pool("spot", { fields: { price: { usdPerHour: 1 } } }),
            pool("od", { capacityType: "on-demand", fields: { price: { usdPerHour: 3 } } }),
          ],
        }),
      ],
      nodes: [node("n1", { pool: "od" }), node("n2", { pool: "od" })],
      pods: [pod("web", { node: "n1", gpus: 8 }), pod("alone", { node: "n2", gpus: 8, owner: null })],
    },
    moves: ["grow demo/spot 0 to 1"],
    codes: ["return-to-spot", "return-waits"],
  },

  {
    name: "shares",
    rows: ["aws/karpenter-provider-aws#331", "aws/karpenter-provider-aws#2508", "aws/karpenter-provider-aws#5171", "kubernetes-sigs/karpenter#2503"],
    title: "ten nodes come as 60 % spot and the rest on demand",
    input: {
      policies: [policy({ onDemandPercentage: 0.4, pools: [pool("spot"), onDemand()] })],
      pods: pods(10, "train", { gpus: 8 }),
    },
    moves: ["grow demo/spot 0 to 6", "grow demo/od 0 to 4"],
    codes: ["tier-share"],
  },
  {
    name: "on-demand-floor",
    rows: ["aws/karpenter-provider-aws#3777", "kubernetes-sigs/karpenter#702"],
    title: "GPUs that must survive a mass loss of spot are bought on demand first",
    input: {
      policies: [
        policy({
          spotInstancePercentage: 1,
          spot: { onDemandFloorGpus: 16 },
          pools: [pool("spot"), onDemand()],
        }),
      ],
      pods: pods(3, "serve", { gpus: 8 }),
    },
    moves: ["grow demo/spot 0 to 1", "grow demo/od 0 to 2"],
    codes: ["on-demand-floor"],
  },
  {
    name: "on-demand-floor-kept",
    rows: ["aws/karpenter-provider-aws#3777"],
    title: "and are not given back when they are empty",
    input: {
      policies: [
        policy({ spot: { onDemandFloorGpus: 16 }, pools: [pool("spot"), onDemand()] }),
      ],
      nodes: [node("n1", { pool: "od" }), node("n2", { pool: "od" })],
      memory: memory({ n1: { emptyMs: HOUR }, n2: { emptyMs: HOUR } }),
    },
    moves: [],
    codes: ["tier-floor"],
    asks: ["node n1"],
  },
  {
    name: "spot-quota",
    rows: ["aws/karpenter-provider-aws#4318", "aws/karpenter-provider-aws#5513"],
    title: "a spot quota that is used up falls back to on-demand, and is not taken for a shortage",
    input: {
      policies: [
        policy({
          spotInstancePercentage: 1,
          pools: [
            pool("spot", { size: 1, instances: failed(1, "quota", "MaxSpotInstanceCountExceeded") }),
            onDemand(),
          ],
        }),
      ],
      pods: [pod("train", { gpus: 8 })],
    },
    moves: ["grow demo/od 0 to 1", "release demo/spot 1 to 0 (i-failed-1)"],
    codes: ["quota"],
  },
  {
    name: "rate-of-interruptions",
    rows: ["aws/karpenter-provider-aws#4026", "aws/karpenter-provider-aws#8298"],
    title: "a pool that is interrupted often loses to one that is a little dearer and is not",
    input: {
      policies: [
        policy({
          pools: [
            typed("often", P4, "us-west-2a", { fields: { price: { usdPerHour: 10 } } }),
            typed("seldom", "p4de.24xlarge", "us-west-2b", { fields: { price: { usdPerHour: 11 } } }),
          ],
        }),
      ],
      pods: [pod("train", { gpus: 8 })],
      memory: {
        ...memory({}),
        risk: { [`${P4}|us-west-2a|spot`]: { nodeDays: 1, interruptions: 12, at: NOW } },
      },
    },
    moves: ["grow demo/seldom 0 to 1"],
    codes: ["pending-pods"],
  },
  {
    name: "rebalance-replaced",
    rows: ["kubernetes-sigs/karpenter#2813"],
    title: "a rebalance hint buys the next node first where the policy says Replace, and empties nothing yet",
    input: {
      policies: [policy({ spot: { rebalance: "Replace" } })],
      nodes: nodes(1),
      pods: [pod("serve", { node: "n1", gpus: 8 })],
      notices: [notice("n1", { kind: "rebalance" })],
    },
    moves: ["grow demo/spot 1 to 2"],
    codes: ["rebalance", "fits-nowhere-else"],
    asks: ["node n1"],
  },
  {
    name: "rebalance-emptied",
    rows: ["kubernetes-sigs/karpenter#2813", "B08"],
    title: "and empties the node once the next one is Ready, however lately that was added",
    input: {
      policies: [
        policy({
          spot: { rebalance: "Replace" },
          journal: { lastUpAt: { spot: epochMs(NOW - MINUTE) } },
        }),
      ],
      nodes: [...nodes(1), node("n2", { ageMs: MINUTE })],
      pods: [pod("serve", { node: "n1", gpus: 8 })],
      notices: [notice("n1", { kind: "rebalance" })],
      memory: { ...memory({}), rebalanced: { "demo/spot": { n1: epochMs(NOW - 4 * MINUTE) } } },
    },
    moves: ["shrink demo/spot 2 to 1 (n1)"],
    codes: ["rebalance"],
  },
  {
    name: "rebalance-one-by-one",
    rows: ["kubernetes-sigs/karpenter#2813"],
    title: "one node of a small pool in half an hour, whatever a cloud says of all of them",
    input: {
      policies: [policy({ spot: { rebalance: "Replace" } })],
      nodes: nodes(3),
      pods: [1, 2, 3].map((at) => pod(`serve-${at}`, { node: `n${at}`, gpus: 8 })),
      notices: [1, 2, 3].map((at) => notice(`n${at}`, { kind: "rebalance" })),
    },
    moves: ["grow demo/spot 3 to 4"],
    codes: ["rebalance", "rebalance-waits"],
  },
  {
    name: "rebalance-seldom-true",
    rows: ["kubernetes-sigs/karpenter#2813", "B08"],
    title: "nobody is moved for hints that do not come true",
    input: {
      policies: [policy({ spot: { rebalance: "Replace" } })],
      nodes: nodes(1),
      pods: [pod("serve", { node: "n1", gpus: 8 })],
      notices: [notice("n1", { kind: "rebalance" })],
      memory: { ...memory({}), hintRecord: { "demo/spot": { followed: 0, spared: 12, at: NOW } } },
    },
    moves: [],
    codes: ["rebalance-seldom-true"],
  },
  {
    name: "rebalance-overtaken",
    rows: ["B26"],
    title: "a notice takes the place of the hint: the node that was bought for that is the replacement",
    input: {
      policies: [
        policy({
          spot: { rebalance: "Replace" },
          pools: [
            pool("spot", {
              size: 2,
              instances: [
                { id: "i-n1", node: "n1", state: "ready" },
                { id: "i-2", node: null, state: "booting" },
              ],
            }),
          ],
          journal: {
            moves: [move(NOW, { phase: "applied", from: 1, to: 2, agoMs: MINUTE, why: "pending-pods" })],
          },
        }),
      ],
      nodes: nodes(1),
      pods: [pod("serve", { node: "n1", gpus: 8 })],
      notices: [notice("n1", { kind: "rebalance", id: "hint" }), notice("n1")],
      memory: { ...memory({}), rebalanced: { "demo/spot": { n1: epochMs(NOW - MINUTE) } } },
    },
    moves: [],
    codes: ["node-under-notice"],
    asks: ["node n1"],
  },
  {
    name: "maintenance-told",
    rows: ["B08"],
    title: "maintenance that a machine lives through is told and moves nobody",
    input: {
      policies: [policy({ spot: { rebalance: "Replace" } })],
      nodes: nodes(1),
      pods: [pod("serve", { node: "n1", gpus: 8 })],
      notices: [
        notice("n1", {
          source: "azure",
          kind: "maintenance",
          action: "Freeze",
          endsMachine: false,
          deadline: epochMs(NOW + 15 * MINUTE),
        }),
      ],
    },
    moves: [],
    codes: ["maintenance-hint"],
    asks: ["node n1"],
  },
  {
    name: "rate-measured",
    rows: ["B08", "B101"],
    title: "how often spot is taken is told with the interval at which work is best saved",
    input: {
      policies: [
        policy({
          provider: "aws",
          pools: [
            pool("spot", { fields: { instanceTypes: ["p4d.24xlarge"], availabilityZones: ["us-west-2a"] } }),
          ],
        }),
      ],
      memory: {
        ...memory({}),
        risk: { "aws/us-west-2/p4d.24xlarge|us-west-2a|spot": { nodeDays: 8, interruptions: 4, at: NOW } },
      },
    },
    moves: [],
    codes: ["nothing-to-do"],
    asks: ["pool demo/spot"],
  },
  {
    name: "rebalance-reported",
    rows: ["kubernetes-sigs/karpenter#2813"],
    title: "and is only told where it says Report: the node works on",
    input: {
      nodes: nodes(1),
      pods: [pod("serve", { node: "n1", gpus: 4 }), pod("next", { gpus: 4 })],
      notices: [notice("n1", { kind: "rebalance" })],
    },
    moves: [],
    codes: ["rebalance-hint", "pod-fits-existing"],
  },
  {
    name: "spot-first",
    rows: ["kubernetes/autoscaler#8321", "kubernetes/autoscaler#8133"],
    title: "spot first is one number of the policy: the pods need no affinity for it",
    input: {
      policies: [policy({ spotInstancePercentage: 1, pools: [onDemand("a-od"), pool("b-spot")] })],
      pods: pods(2, "train", { gpus: 8 }),
    },
    moves: ["grow demo/b-spot 0 to 2"],
    codes: ["tier-share"],
  },
  {
    name: "spot-asked",
    rows: ["A10", "B73"],
    title: "a pod that asks for spot by label gets spot, whatever the shares are aimed at (A10)",
    input: {
      policies: [policy({ spotInstancePercentage: 0, pools: [onDemand(), pool("spot")] })],
      pods: [pod("batch", { gpus: 8, nodeSelector: { [NODE_LABEL.capacityType]: "spot" } })],
    },
    moves: ["grow demo/spot 0 to 1"],
    codes: ["selector-mismatch", "tier-share"],
  },
  {
    name: "critical-work",
    rows: ["A62"],
    title: "critical work stands on demand by its node selector; its priority alone chooses no tier",
    input: {
      policies: [policy({ spotInstancePercentage: 1, pools: [pool("spot"), onDemand()] })],
      pods: [
        pod("serve", { gpus: 8, priority: 1000, nodeSelector: { [NODE_LABEL.capacityType]: "on-demand" } }),
        pod("urgent", { gpus: 8, priority: 1000 }),
      ],
    },
    moves: ["grow demo/spot 0 to 1", "grow demo/od 0 to 1"],
    codes: ["pending-pods"],
  },
  {
    name: "spot-economics",
    rows: ["A56", "B133"],
    title: "the cheaper tier is bought, and what it costs stands beside what nothing could undercut",
    input: {
      policies: [
        policy({
          expander: "price",
          pools: [
            onDemand("od", { fields: { price: { usdPerHour: 33 } } }),
            pool("spot", { fields: { price: { usdPerHour: 10 } } }),
          ],
        }),
      ],
      pods: pods(2, "train", { gpus: 8 }),
    },
    moves: ["grow demo/spot 0 to 2"],
    codes: ["pending-pods"],
  },
  {
    name: "mass-interruption",
    rows: ["aws/karpenter-provider-aws#5505"],
    title: "all pods of a mass interruption are replaced in the decision that sees it, before the machines are gone",
    input: {
      policies: [policy({ pools: [pool("spot"), onDemand()] })],
      nodes: nodes(4),
      pods: [1, 2, 3, 4].map((index) => pod(`serve-${index}`, { node: `n${index}`, gpus: 8 })),
      notices: [1, 2, 3, 4].map((index) => notice(`n${index}`, { deadline: epochMs(NOW + 2 * MINUTE) })),
    },
    moves: [1, 2, 3, 4].map((index) => `replace demo/od ${index - 1} to ${index} (n${index})`),
    codes: ["interruption"],
  },
];
