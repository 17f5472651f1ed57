// 2.6 to 2.9: gangs and queues, room that is kept, loops that end in time, and the scheduler's rules.

import type { PodInput } from "../../../../coordinator/decide/snapshot-pod.ts";
import { NODE_LABEL } from "../../../../shared/model/names.ts";
import { node } from "../../../build/node.ts";
import { HOUR, MINUTE } from "../../../build/now.ts";
import { pod, pods } from "../../../build/pod.ts";
import type { PodOptions } from "../../../build/pod.ts";
import { policy, pool } from "../../../build/policy.ts";
import { memory } from "../../../build/snapshot.ts";
import { BUSY, QUIET, ago, nodes } from "./case.ts";
import type { GoldenCase } from "./case.ts";

function spread(name: string, key: string, options: PodOptions & { readonly minDomains?: number } = {}): PodInput {
  return {
    ...pod(name, options),
    labels: { app: "train" },
    spread: [
      {
        topologyKey: key,
        maxSkew: 1,
        minDomains: options.minDomains ?? 1,
        selector: { matchLabels: { app: "train" } },
        nodeAffinityPolicy: "Honor",
        nodeTaintsPolicy: "Ignore",
      },
    ],
  };
}

const zoned = (name: string, zone: string) => pool(name, { fields: { availabilityZones: [zone] } });

export const DEMAND_GOLDEN: readonly GoldenCase[] = [
  {
    name: "provisioning-request",
    rows: ["kubernetes-sigs/karpenter#742", "kubernetes-sigs/kueue#5133"],
    title: "pods of a ProvisioningRequest are refused by name, not left in silence",
    input: { pods: [{ ...pod("train", { gpus: 8 }), provisioningRequest: "reserve-8" }] },
    moves: [],
    codes: ["provisioning-request"],
  },
  {
    name: "gang-schedulable",
    rows: ["volcano-sh/volcano#2558", "volcano-sh/volcano#691", "volcano-sh/volcano#3804", "volcano-sh/volcano#3910"],
    title: "members that their scheduler calls schedulable while they wait for the rest count with the gang",
    input: {
      pods: [1, 2, 3].map((index) => ({
        ...pod(`train-${index}`, {
          gpus: 8,
          waiting: index === 1 ? { kind: "unschedulable", since: ago(5 * MINUTE) } : { kind: "gang", since: ago(5 * MINUTE) },
        }),
        gang: { id: "default/train", minimum: 3, source: "PodGroup" as const },
      })),
    },
    moves: ["grow demo/spot 0 to 3"],
    codes: ["pending-pods"],
  },
  {
    name: "pipelined",
    rows: ["volcano-sh/volcano#3000", "volcano-sh/volcano#3499"],
    title: "a pod for which its scheduler makes room on a node opens no other",
    input: {
      nodes: nodes(1),
      pods: [
        pod("ends", { node: "n1", gpus: 8, terminating: true }),
        pod("urgent", { gpus: 8, nominatedNode: "n1", priority: 1000 }),
      ],
    },
    moves: [],
    codes: ["pod-nominated"],
  },
  {
    name: "over-quota",
    rows: ["volcano-sh/volcano#4710", "volcano-sh/volcano#1775"],
    title: "pods that a queue holds back by a gate are no demand",
    input: { pods: [pod("train", { gpus: 8, waiting: { kind: "gated" } })] },
    moves: [],
    codes: ["pod-gated"],
  },
  {
    name: "job-kept",
    rows: ["kubernetes/autoscaler#4813", "kubernetes/autoscaler#2027"],
    title: "a Job's pod that would lose its work keeps its node",
    input: {
      nodes: nodes(2, { telemetry: QUIET }),
      pods: [pod("batch", { node: "n1", gpus: 0, owner: { uid: "j", kind: "Job" } }), pod("holder", { node: "n2" })],
      memory: memory({ n1: { idleMs: HOUR } }),
    },
    moves: [],
    codes: ["pod-of-job"],
    asks: ["node n1"],
  },
  {
    name: "job-says-it-may-go",
    rows: ["kubernetes/autoscaler#4813"],
    title: "and one that says it may be evicted does not",
    input: {
      nodes: nodes(2, { telemetry: QUIET }),
      pods: [
        pod("batch", {
          node: "n1",
          gpus: 0,
          owner: { uid: "j", kind: "Job" },
          annotations: { "cluster-autoscaler.kubernetes.io/safe-to-evict": "true" },
        }),
        pod("holder", { node: "n2" }),
      ],
      memory: memory({ n1: { idleMs: HOUR } }),
    },
    moves: ["shrink demo/spot 2 to 1 (n1)"],
    codes: ["idle"],
  },

  {
    name: "manual-size",
    rows: ["kubernetes-sigs/karpenter#749", "aws/karpenter-provider-aws#2050"],
    title: "nodes can be had by a number, without a pod",
    input: { policies: [policy({ pools: [pool("spot", { minSize: 2 })] })] },
    moves: ["grow demo/spot 0 to 2"],
    codes: ["below-minimum"],
  },
  {
    name: "headroom",
    rows: ["aws/karpenter-provider-aws#987", "aws/karpenter-provider-aws#3240"],
    title: "room is kept free in GPUs, in pieces that one pod takes on one node",
    input: {
      policies: [policy({ headroom: [{ name: "next-job", gpus: 8, gpusPerPod: 8 }] })],
      nodes: nodes(2),
      pods: [pod("a", { node: "n1", gpus: 4 }), pod("b", { node: "n2", gpus: 4 })],
    },
    moves: ["grow demo/spot 2 to 3"],
    codes: ["headroom"],
  },
  {
    name: "schedule",
    rows: ["aws/karpenter-provider-aws#3295", "kubernetes-sigs/karpenter#753", "ovh/public-cloud-roadmap#682"],
    title: "a floor for working hours, in the people's own time zone",
    input: {
      policies: [
        policy({
          schedules: [
            { name: "office-hours", timeZone: "Europe/Vienna", start: "0 8 * * 1-5", end: "0 18 * * 1-5", minNodes: 2 },
          ],
        }),
      ],
    },
    moves: ["grow demo/spot 0 to 2"],
    codes: ["schedule"],
  },
  {
    name: "dry-run",
    rows: ["kubernetes/autoscaler#1377"],
    title: "Recommend gives the whole plan with its reasons; the act layer touches nothing",
    input: { policies: [policy({ mode: "Recommend" })], pods: pods(3, "train", { gpus: 8 }) },
    moves: ["grow demo/spot 0 to 3"],
    codes: ["pending-pods"],
  },

  {
    name: "work-runs-out",
    rows: ["kubernetes-sigs/karpenter#2200", "kubernetes-sigs/karpenter#3152", "kubernetes/autoscaler#5769"],
    title: "what no work was left for is named and comes first next time; it is never just forgotten",
    input: { pods: pods(6, "train", { gpus: 8 }) },
    workUnits: 0,
    moves: [],
    codes: ["left-for-next", "work-exhausted"],
  },

  {
    name: "zone-spread",
    rows: ["kubernetes/autoscaler#3879", "kubernetes/autoscaler#9150", "kubernetes/autoscaler#8162", "kubernetes/autoscaler#5489"],
    title: "a spread over zones is bought in one decision, one node for each zone",
    input: {
      policies: [policy({ pools: [zoned("a", "us-west-2a"), zoned("b", "us-west-2b"), zoned("c", "us-west-2c")] })],
      pods: [1, 2, 3].map((index) => spread(`train-${index}`, NODE_LABEL.zone, { gpus: 8 })),
    },
    moves: ["grow demo/a 0 to 1", "grow demo/b 0 to 1", "grow demo/c 0 to 1"],
    codes: ["pending-pods"],
  },
  {
    name: "min-domains",
    rows: ["kubernetes/autoscaler#8161", "kubernetes/autoscaler PR#8181"],
    title: "minDomains opens zones that are still empty, though one node would have the room",
    input: {
      policies: [policy({ pools: [zoned("a", "us-west-2a"), zoned("b", "us-west-2b"), zoned("c", "us-west-2c")] })],
      pods: [1, 2, 3].map((index) => spread(`train-${index}`, NODE_LABEL.zone, { gpus: 1, minDomains: 3 })),
    },
    moves: ["grow demo/a 0 to 1", "grow demo/b 0 to 1", "grow demo/c 0 to 1"],
    codes: ["pending-pods"],
  },
  {
    name: "hostname-spread",
    rows: ["kubernetes/autoscaler#4129", "kubernetes/autoscaler#5019"],
    title: "a spread over hosts buys no more nodes than pods",
    input: {
      nodes: [node("n1"), node("n2")],
      pods: [
        spread("train-a", NODE_LABEL.hostname, { node: "n1", gpus: 8 }),
        spread("train-b", NODE_LABEL.hostname, { node: "n2", gpus: 8 }),
        ...[1, 2, 3].map((index) => spread(`train-${index}`, NODE_LABEL.hostname, { gpus: 1 })),
      ],
    },
    moves: ["grow demo/spot 2 to 4"],
    codes: ["pending-pods"],
  },
  {
    name: "spread-keeps-node",
    rows: ["kubernetes/autoscaler#9287"],
    title: "a node without which the spread could not be kept stays, so that nothing goes up and down",
    input: {
      policies: [policy({ consolidation: { enabled: true }, pools: [pool("spot", { fields: { price: { usdPerHour: 3 } } })] })],
      nodes: ["a", "b"].map((zone, index) =>
        node(`n${index + 1}`, { telemetry: BUSY, labels: { [NODE_LABEL.zone]: zone } }),
      ),
      pods: [
        spread("train-1", NODE_LABEL.zone, { node: "n1", minDomains: 2 }),
        spread("train-2", NODE_LABEL.zone, { node: "n2", minDomains: 2 }),
      ],
      memory: {
        ...memory({}),
        nodes: { n1: { idleSince: null, lastReportAt: null, emptySince: null, movableSince: ago(HOUR) } },
      },
    },
    moves: [],
    codes: ["fits-nowhere-else"],
    asks: ["node n1"],
  },
  {
    name: "daemon-overhead",
    rows: ["aws/karpenter-provider-aws#5406", "aws/karpenter-provider-aws#1573", "kubernetes-sigs/karpenter#1185", "kubernetes-sigs/karpenter#919"],
    title: "what DaemonSets take of a node is taken off before a pod is planned onto a new one",
    input: {
      nodes: nodes(1),
      pods: [
        pod("agent", { node: "n1", gpus: 0, cpu: 4_000, daemon: true }),
        pod("runs", { node: "n1", gpus: 8 }),
        pod("all-cores", { gpus: 1, cpu: 96_000 }),
        pod("most-cores", { gpus: 1, cpu: 92_000 }),
      ],
    },
    moves: ["grow demo/spot 1 to 2"],
    codes: ["daemon-overhead", "pending-pods"],
  },
  {
    name: "size-of-minus-one",
    rows: ["kubernetes/autoscaler#3240"],
    title: "a size that cannot be true is an unknown size: nothing is written",
    input: {
      policies: [policy({ pools: [pool("spot", { group: { kind: "known", size: -1, chosenRemoval: false } })] })],
      nodes: nodes(3),
      pods: pods(4, "train", { gpus: 8 }),
      memory: memory({ n1: { emptyMs: HOUR } }),
    },
    moves: [],
    codes: ["size-unknown"],
  },
];
