// 2.1 and 2.2: nodes judged by what their GPUs do, and nodes that flap, hang or come too many times.

import { EMPTY_MEMORY } from "../../../../coordinator/decide/snapshot-memory.ts";
import { epochMs } from "../../../../shared/model/units.ts";
import { node } from "../../../build/node.ts";
import { HOUR, MINUTE, NOW, SECOND } from "../../../build/now.ts";
import { pod, pods } from "../../../build/pod.ts";
import { policy, pool } from "../../../build/policy.ts";
import { memory } from "../../../build/snapshot.ts";
import { BUSY, QUIET, ago, booting, nodes, onDemand } from "./case.ts";
import type { GoldenCase } from "./case.ts";

const priced = { fields: { price: { usdPerHour: 32 } } };
const since = (fields: object) => ({ idleSince: null, lastReportAt: null, emptySince: null, ...fields });

export const USE_GOLDEN: readonly GoldenCase[] = [
  {
    name: "idle-gpus-busy-cpu",
    rows: ["kubernetes/autoscaler#4773"],
    title: "a node whose GPUs idle stays while its CPU work has no other place",
    input: {
      nodes: nodes(2, { telemetry: QUIET, cpu: 32_000 }),
      pods: [
        pod("cpu", { node: "n1", gpus: 0, cpu: 20_000 }),
        pod("other", { node: "n2", gpus: 0, cpu: 20_000, owner: null }),
      ],
      memory: memory({ n1: { idleMs: HOUR } }),
    },
    moves: [],
    codes: ["fits-nowhere-else"],
    asks: ["node n1"],
  },
  {
    name: "idle-holder",
    rows: ["kubernetes/autoscaler#1367", "kubernetes/autoscaler PR#1589"],
    title: "GPUs that a pod holds are in use, whatever they read, unless the policy reclaims them",
    input: {
      nodes: nodes(2, { telemetry: QUIET }),
      pods: [pod("notebook", { node: "n1", gpus: 1 })],
      memory: memory({ n1: { idleMs: HOUR } }),
    },
    moves: [],
    codes: ["gpu-held"],
    asks: ["node n1"],
  },
  {
    name: "idle-holder-reclaimed",
    rows: ["kubernetes/autoscaler#1367", "kubernetes-sigs/karpenter#1686"],
    title: "with reclaimIdleHolders a measured idle GPU goes, though it is requested",
    input: {
      policies: [policy({ reclaimIdleHolders: true })],
      nodes: nodes(2, { telemetry: QUIET }),
      pods: [pod("notebook", { node: "n1", gpus: 1 })],
      memory: memory({ n1: { idleMs: HOUR } }),
    },
    moves: ["shrink demo/spot 2 to 1 (n1)"],
    codes: [],
    asks: ["node n1"],
  },
  {
    name: "cpu-pod",
    rows: ["kubernetes/autoscaler PR#1562", "kubernetes/community#6840"],
    title: "a pod that asks for no GPU opens no GPU node",
    input: { pods: [pod("web", { gpus: 0 })] },
    moves: [],
    codes: ["pod-not-gpu"],
  },
  {
    name: "threshold-said",
    rows: ["kubernetes/autoscaler#5170", "kubernetes/autoscaler PR#7577"],
    title: "a busy node names the reading and the threshold that it was held against",
    input: {
      nodes: nodes(2, { telemetry: BUSY }),
      pods: [pod("serve", { node: "n1" }), pod("serve-2", { node: "n2" })],
    },
    moves: [],
    codes: ["busy"],
    asks: ["node n1"],
  },
  {
    name: "empty-but-for-daemons",
    rows: ["kubernetes/autoscaler#2689", "C36"],
    title: "DaemonSet and static pods keep no GPU node, with or without telemetry",
    input: {
      nodes: nodes(1),
      pods: [
        pod("device-plugin", { node: "n1", gpus: 0, daemon: true }),
        pod("kube-proxy", { node: "n1", gpus: 0, mirror: true, owner: null }),
      ],
      memory: memory({ n1: { emptyMs: 10 * MINUTE } }),
    },
    moves: ["shrink demo/spot 1 to 0 (n1)"],
    codes: ["empty"],
  },
  {
    name: "many-pods-at-once",
    rows: ["kubernetes/community#6840", "kubernetes/autoscaler#8161", "A08"],
    title: "all nodes for all pods come in one move, not one at a time",
    input: { pods: pods(40, "train", { gpus: 2 }) },
    moves: ["grow demo/spot 0 to 10"],
    codes: ["pending-pods"],
  },
  {
    name: "idle-by-use",
    rows: ["kubernetes-sigs/karpenter#1686", "kubernetes-sigs/karpenter#1117", "aws/karpenter-provider-aws#5218"],
    title: "a node below the threshold for its whole window is emptied by measured use",
    input: {
      nodes: nodes(2, { telemetry: QUIET }),
      pods: [pod("web", { node: "n1", gpus: 0 }), pod("holder", { node: "n2" })],
      memory: memory({ n1: { idleMs: HOUR }, n2: { idleMs: HOUR } }),
    },
    moves: ["shrink demo/spot 2 to 1 (n1)"],
    codes: ["idle"],
  },
  {
    name: "idle-before-busy",
    rows: ["aws/karpenter-provider-aws#8868"],
    title: "the idle node goes and the busy one stays, whatever they cost",
    input: {
      policies: [
        policy({
          consolidation: { enabled: true },
          pools: [pool("cheap", { fields: { price: { usdPerHour: 1 } } }), pool("dear", priced)],
        }),
      ],
      nodes: [node("n1", { pool: "cheap", telemetry: QUIET }), node("n2", { pool: "dear", telemetry: BUSY })],
      pods: [pod("web", { node: "n1", gpus: 0 }), pod("train", { node: "n2", gpus: 8 })],
      memory: memory({ n1: { idleMs: HOUR } }),
    },
    moves: ["shrink demo/cheap 1 to 0 (n1)"],
    codes: ["idle", "movable-too-short"],
    asks: ["node n2"],
  },
  {
    name: "consolidation-waits",
    rows: ["kubernetes-sigs/karpenter#795", "kubernetes-sigs/karpenter#903"],
    title: "consolidation asks that the room elsewhere lasts, so that nothing churns",
    input: {
      policies: [policy({ consolidation: { enabled: true }, pools: [pool("spot", priced)] })],
      nodes: nodes(2, { telemetry: BUSY }),
      pods: [pod("a", { node: "n1" }), pod("b", { node: "n2", owner: null })],
      memory: { ...memory({}), nodes: { n1: since({ movableSince: ago(5 * MINUTE) }) } },
    },
    moves: [],
    codes: ["movable-too-short"],
    asks: ["node n1"],
  },
  {
    name: "serving-model",
    rows: ["defilantech/LLMKube#658"],
    title: "a node that serves a model is not moved to save money unless the policy says so",
    input: {
      policies: [policy({ pools: [pool("spot", priced)] })],
      nodes: nodes(2, { telemetry: BUSY }),
      pods: [pod("llm", { node: "n1" }), pod("other", { node: "n2" })],
      memory: { ...memory({}), nodes: { n1: since({ movableSince: ago(HOUR) }) } },
    },
    moves: [],
    codes: ["busy"],
    asks: ["node n1"],
  },
  {
    name: "reserved-stays",
    rows: ["METR/hawk#93"],
    title: "reserved capacity that is paid for is not given back because it is empty",
    input: {
      policies: [
        policy({
          spotInstancePercentage: 0,
          reservedPercentage: 1,
          pools: [pool("reserved", { capacityType: "reserved" })],
        }),
      ],
      nodes: nodes(1, { pool: "reserved" }),
      memory: memory({ n1: { emptyMs: HOUR } }),
    },
    moves: [],
    codes: ["reserved-paid"],
    asks: ["node n1"],
  },

  {
    name: "ready-before-gpus",
    rows: ["kubernetes/kubernetes#54959", "kubernetes/autoscaler#1949", "kubernetes/autoscaler#3464"],
    title: "a node that is Ready and shows no GPU yet is on its way, and no second one is bought",
    input: {
      nodes: [node("n1", { gpus: 0, ageMs: MINUTE })],
      pods: [pod("train")],
    },
    moves: [],
    codes: ["booting"],
  },
  {
    name: "gpus-before-network",
    rows: ["kubernetes/autoscaler#7956", "kubernetes/autoscaler#3164"],
    title: "a node that shows its GPUs and not yet its network cards is on its way too",
    input: {
      nodes: [
        { ...node("n1"), allocatable: { ...node("n1").allocatable, "rdma/hca": 8 } },
        node("n2", { ageMs: MINUTE }),
      ],
      pods: [
        pod("runs", { node: "n1", requests: { pods: 1, cpu: 1000, "nvidia.com/gpu": 8, "rdma/hca": 8 } }),
        pod("train", { requests: { pods: 1, cpu: 1000, "nvidia.com/gpu": 8, "rdma/hca": 8 } }),
      ],
    },
    moves: [],
    codes: ["booting"],
  },
  {
    name: "gpus-before-labels",
    rows: ["NVIDIA/gpu-operator#708"],
    title: "pods that ask for a label which the operator sets late buy one node each time, not four",
    input: {
      policies: [
        policy({
          pools: [pool("spot", { size: 1, labels: { "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB" } })],
        }),
      ],
      nodes: [node("n1", { gpus: 0, ageMs: MINUTE })],
      pods: [pod("train", { nodeSelector: { "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-40GB" } })],
    },
    moves: [],
    codes: ["booting"],
  },
  {
    name: "asked-already",
    rows: ["kubernetes/autoscaler#7095"],
    title: "machines that were asked for are counted on: 40 GPUs stay 40 GPUs",
    input: {
      policies: [policy({ pools: [pool("spot", { size: 5, instances: booting(5) })] })],
      pods: pods(5, "train", { gpus: 8 }),
    },
    moves: [],
    codes: ["booting"],
  },
  {
    name: "foreign-node-without-gpus",
    rows: ["kubernetes/autoscaler#10301"],
    title: "a GPU-labelled node of nobody without GPUs stops nothing",
    input: {
      nodes: [node("alien", { pool: null, gpus: 0, labels: { "cloud.google.com/gke-accelerator": "nvidia-l4" } })],
      pods: [pod("train", { gpus: 8 })],
    },
    moves: ["grow demo/spot 0 to 1"],
    codes: ["pending-pods"],
  },
  {
    name: "orphan-machine",
    rows: ["kubernetes/autoscaler#6810"],
    title: "a machine that never became a node leaves its group by name, and is paid no longer",
    input: {
      policies: [policy({ pools: [pool("spot", { size: 1, instances: booting(1, 20 * MINUTE) })] })],
    },
    moves: ["release demo/spot 1 to 0 (i-booting-1)"],
    codes: ["never-registered"],
  },
  {
    name: "from-zero",
    rows: ["kubernetes/autoscaler#5278", "kubernetes/autoscaler#903"],
    title: "a pool at zero is known by its instance type: no template is needed for its GPUs",
    input: {
      policies: [
        policy({
          provider: "aws",
          pools: [pool("spot", { gpus: null, fields: { instanceTypes: ["g5.12xlarge"], region: "us-east-1" } })],
        }),
      ],
      pods: [pod("train", { gpus: 4 })],
    },
    moves: ["grow demo/spot 0 to 1"],
    codes: ["pending-pods"],
    asks: ["pool demo/spot"],
  },
  {
    name: "other-vendor",
    rows: ["kubernetes/autoscaler#7374"],
    title: "GPUs of another vendor are GPUs",
    input: {
      policies: [
        policy({
          pools: [
            pool("mi300", {
              gpus: null,
              fields: { template: { allocatable: { cpu: "96", memory: "1000Gi", "amd.com/gpu": "8" }, labels: {}, taints: [] } },
            }),
          ],
        }),
      ],
      pods: [pod("train", { requests: { pods: 1, cpu: 1000, "amd.com/gpu": 8 } }), pod("web", { gpus: 0 })],
    },
    moves: ["grow demo/mi300 0 to 1"],
    codes: ["pending-pods", "pod-not-gpu"],
  },
  {
    name: "gpu-never-came",
    rows: ["Azure/karpenter-provider-azure#1790", "Azure/karpenter-provider-azure#181", "aws/karpenter-provider-aws#3910"],
    title: "a Ready node whose GPU never registers is replaced when its time is up",
    input: {
      policies: [policy({ pools: [pool("spot"), onDemand()] })],
      nodes: [{ ...node("n1", { gpus: 0, ageMs: 21 * MINUTE }), readyChangedAt: ago(20 * MINUTE) }],
      pods: [pod("train", { gpus: 8 })],
      memory: { ...memory({}), nodes: { n1: since({ comingSince: ago(21 * MINUTE) }) } },
    },
    moves: ["grow demo/od 0 to 1", "shrink demo/spot 1 to 0 (n1)"],
    codes: ["pending-pods", "gpu-missing"],
    asks: ["node n1"],
  },
  {
    name: "gpu-never-came-goes",
    rows: ["aws/karpenter-provider-aws#1914", "aws/karpenter-provider-aws#2737", "kubernetes-sigs/karpenter#2187"],
    title: "and with nobody waiting it leaves its group, though it was never a working node",
    input: {
      nodes: [{ ...node("n1", { gpus: 0, ageMs: 21 * MINUTE }), readyChangedAt: ago(20 * MINUTE) }],
      memory: { ...memory({}), nodes: { n1: since({ comingSince: ago(21 * MINUTE) }) } },
    },
    moves: ["shrink demo/spot 1 to 0 (n1)"],
    codes: ["gpu-missing"],
  },
  {
    name: "never-ready",
    rows: ["aws/karpenter-provider-aws#3794", "aws/karpenter-provider-aws#3862", "kubernetes-sigs/karpenter#341"],
    title: "a node that never became Ready is replaced",
    input: {
      nodes: [node("n1", { ready: "not-ready", ageMs: 16 * MINUTE })],
      memory: {
        ...EMPTY_MEMORY,
        at: epochMs(NOW - 10 * SECOND),
        nodes: { n1: since({ comingSince: ago(16 * MINUTE) }) },
      },
    },
    moves: ["shrink demo/spot 1 to 0 (n1)"],
    codes: ["never-registered"],
  },
];
