// B121–B131: what the guides' pages on trouble and practice ask for, each as the answer that an operator gets.

import { EMPTY_MEMORY } from "../../../../coordinator/decide/snapshot-memory.ts";
import type { SizeMemory } from "../../../../coordinator/decide/snapshot-memory.ts";
import { epochMs, ratio } from "../../../../shared/model/units.ts";
import { node, reported } from "../../../build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../build/now.ts";
import { pod, pods } from "../../../build/pod.ts";
import { move, policy, pool } from "../../../build/policy.ts";
import { memory, notice } from "../../../build/snapshot.ts";
import { QUIET, ago, failed, failure, nodes, onDemand, typed } from "./case.ts";
import type { GoldenCase } from "./case.ts";

const ASG = { aws: { region: "us-west-2", autoScalingGroup: "gpu-spot" } };
const whole = (count: number) => pods(count, "train", { gpus: 8 });
const gang = (name: string, index: number, minimum = 4) => ({
  ...pod(`${name}-${index}`, { gpus: 8 }),
  gang: { id: `default/${name}`, minimum, source: "PodGroup" as const },
});
const forecast = (earned: boolean) => ({
  gpus: 16,
  at: epochMs(NOW + 30 * MINUTE),
  confidence: ratio(0.75),
  earned,
});

/** The size that the group of pool spot had ten seconds ago, and who has changed it. */
function sizesBefore(size: number, byHand: SizeMemory["byHand"]): Readonly<Record<string, SizeMemory>> {
  const group = JSON.stringify([["cluster.x-k8s.io"], "MachineDeployment", "machines", "spot"]);
  return { "demo/spot": { group, size, at: ago(10_000), byHand } };
}

export const REQUIREMENT_GOLDEN: readonly GoldenCase[] = [
  {
    name: "not-scaling-cooldown",
    rows: ["B121"],
    title: "a pool that has just grown says how long it waits",
    input: {
      policies: [policy({ journal: { lastUpAt: { spot: ago(MINUTE) } } })],
      pods: whole(1),
    },
    moves: [],
    codes: ["cooldown"],
  },
  {
    name: "not-scaling-maximum",
    rows: ["B121"],
    title: "a policy at maxNodes names the limit",
    input: { policies: [policy({ maxNodes: 1 })], nodes: nodes(1, { unschedulable: true }), pods: whole(1) },
    moves: [],
    codes: ["at-maximum"],
  },
  {
    name: "not-scaling-permission",
    rows: ["B121"],
    title: "a right that is missing is no shortage: the pool waits, and its offering is not blamed",
    input: {
      policies: [
        policy({
          pools: [
            pool("spot", {
              size: 1,
              instances: failed(1, "denied", "UnauthorizedOperation: ec2:RunInstances"),
            }),
          ],
        }),
      ],
      pods: whole(1),
    },
    moves: ["release demo/spot 1 to 0 (i-failed-1)"],
    codes: ["not-permitted"],
  },
  {
    name: "not-scaling-group-name",
    rows: ["B121"],
    title: "a group that does not exist is named as a wrong name",
    input: {
      policies: [
        policy({
          pools: [pool("spot", { group: { kind: "missing", detail: "MachineDeployment machines/spott not found" } })],
        }),
      ],
      pods: whole(1),
    },
    moves: [],
    codes: ["group-missing"],
  },
  {
    name: "not-scaling-template-name",
    rows: ["B121"],
    title: "a machine template that names what does not exist is the group's own mistake",
    input: {
      policies: [
        policy({
          pools: [pool("spot", { size: 1, instances: failed(1, "misconfigured", "launch template lt-1 not found") })],
        }),
      ],
      pods: whole(1),
    },
    moves: ["release demo/spot 1 to 0 (i-failed-1)"],
    codes: ["misconfigured"],
  },
  {
    name: "not-scaling-group-maximum",
    rows: ["B121"],
    title: "a group whose own maximum is under the pool's says which of the two numbers binds",
    input: {
      policies: [
        policy({
          pools: [
            pool("spot", {
              group: { kind: "known", size: 1, chosenRemoval: true, min: 0, max: 1 },
              instances: [{ id: "i-n1", node: "n1", state: "ready" }],
              fields: { group: ASG },
            }),
          ],
        }),
      ],
      nodes: nodes(1, { unschedulable: true }),
      pods: whole(1),
    },
    moves: [],
    codes: ["group-maximum"],
  },
  {
    name: "not-scaling-permission-aws",
    rows: ["B121"],
    title: "a call that AWS denies names the right and who lacks it",
    input: {
      policies: [
        policy({
          pools: [pool("spot", { size: 0, fields: { group: ASG } })],
          journal: {
            moves: [
              move(NOW, {
                phase: "failed",
                failure: "denied",
                agoMs: MINUTE,
                detail: "AccessDenied: autoscaling:SetDesiredCapacity",
              }),
            ],
          },
        }),
      ],
      pods: whole(1),
    },
    moves: [],
    codes: ["not-permitted"],
  },
  {
    name: "not-scaling-group-name-aws",
    rows: ["B121"],
    title: "an Auto Scaling group that does not exist is named with the fields that say which it is",
    input: {
      policies: [
        policy({
          pools: [
            pool("spot", {
              group: { kind: "missing", detail: "there is no Auto Scaling group gpu-spott in us-west-2" },
              instances: [],
              fields: { group: ASG },
            }),
          ],
        }),
      ],
      pods: whole(1),
    },
    moves: [],
    codes: ["group-missing"],
  },
  {
    name: "places-never-filled",
    rows: ["B121", "F10"],
    title: "places that no machine has filled in time are given back and bought elsewhere",
    input: {
      policies: [
        policy({
          pools: [
            pool("spot", {
              size: 2,
              instances: [0, 1].map((index) => ({
                id: `gpu-spot/placeholder-${index}`,
                node: null,
                state: "booting",
                placeholder: true,
              })),
              fields: { group: ASG },
            }),
            onDemand("od"),
          ],
          journal: { moves: [move(NOW, { phase: "applied", to: 2, agoMs: 6 * MINUTE, why: "pending-pods" })] },
        }),
      ],
      pods: whole(2),
    },
    moves: [
      "grow demo/od 0 to 2",
      "release demo/spot 2 to 1 (gpu-spot/placeholder-0)",
      "release demo/spot 1 to 0 (gpu-spot/placeholder-1)",
    ],
    codes: ["place-unfilled", "launch-timed-out"],
    asks: ["pool demo/spot"],
  },
  {
    name: "grows-itself",
    rows: ["B121"],
    title: "pods of a pool that something else grows know who buys their nodes",
    input: {
      policies: [
        policy({
          pools: [
            pool("spot", {
              group: { kind: "known", size: 0, chosenRemoval: true, growsItself: true },
              instances: [],
            }),
          ],
        }),
      ],
      pods: whole(1),
    },
    moves: [],
    codes: ["group-grows-itself"],
    asks: ["pod default/train-0"],
  },
  {
    name: "rival-autoscaler",
    rows: ["B113"],
    title: "a group that its cloud's autoscaler sizes too is left alone, and its pods get a node elsewhere",
    input: {
      policies: [
        policy({
          pools: [
            pool("spot", {
              minSize: 3,
              priority: 10,
              rivals: [{ rival: "mig-autoscaler", detail: "autoscaler gpu-spot keeps it at 0 to 50 by cpu" }],
            }),
            pool("other"),
          ],
        }),
      ],
      nodes: nodes(1),
      pods: whole(2),
    },
    moves: ["grow demo/other 0 to 1"],
    codes: ["rival"],
    asks: ["pool demo/spot"],
  },
  {
    name: "resized-by-hand-once",
    rows: ["B113"],
    title: "a size that somebody sets once is taken over: nothing is taken back before the cooldown is over",
    input: {
      policies: [policy({ pools: [pool("spot", { size: 0 })] })],
      pods: whole(1),
      memory: { ...EMPTY_MEMORY, at: ago(10_000), sizes: sizesBefore(2, []) },
    },
    moves: [],
    codes: ["resized-by-hand", "cooldown"],
    asks: ["pool demo/spot"],
  },
  {
    name: "resized-by-hand-twice",
    rows: ["B113"],
    title: "twice in ten minutes somebody works against us: the pool waits, also for its minimum",
    input: {
      policies: [policy({ pools: [pool("spot", { size: 0, minSize: 1 })] })],
      pods: whole(1),
      memory: {
        ...EMPTY_MEMORY,
        at: ago(10_000),
        sizes: sizesBefore(2, [{ at: ago(4 * 60_000), from: 0, to: 2 }]),
      },
    },
    moves: [],
    codes: ["rival"],
    asks: ["pool demo/spot"],
  },
  {
    name: "interruptions-diversify",
    rows: ["B122"],
    title: "a shortage asks for more types and zones",
    input: {
      policies: [
        policy({
          pools: [typed("spot", "p3.2xlarge", "us-west-2a")],
          journal: { offerings: [failure("p3.2xlarge|us-west-2a|spot")] },
        }),
      ],
      pods: [pod("train")],
    },
    moves: [],
    codes: ["no-capacity"],
    asks: ["pool demo/spot"],
  },
  {
    name: "interruptions-less-spot",
    rows: ["B123", "B129"],
    title: "too many interruptions take ten points from spot for a day, and say so with what to change",
    input: {
      policies: [
        policy({
          spot: { maxInterruptionsPerNodeDay: 0.1 },
          pools: [pool("spot"), onDemand()],
        }),
      ],
      nodes: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map((index) =>
        node(`n${index}`, { pool: index <= 6 ? "spot" : "od", unschedulable: true }),
      ),
      pods: whole(1),
      memory: {
        ...EMPTY_MEMORY,
        risk: { "policy/demo": { nodeDays: 4, interruptions: 2, at: NOW } },
        lessSpot: { demo: epochMs(NOW + 20 * HOUR) },
      },
    },
    moves: ["grow demo/od 4 to 5"],
    codes: ["interruption-rate", "tier-share"],
  },
  {
    name: "forecast-not-earned",
    rows: ["B124", "B125"],
    title: "a forecast that has not beaten its rivals moves nothing",
    input: { policies: [policy({ enablePredictiveScaling: true, forecast: forecast(false) })] },
    moves: [],
    codes: ["nothing-to-do"],
  },
  {
    name: "forecast-earned",
    rows: ["B124", "B125"],
    title: "one that has is a floor, with its confidence in the reason",
    input: { policies: [policy({ enablePredictiveScaling: true, forecast: forecast(true) })] },
    moves: ["grow demo/spot 0 to 2"],
    codes: ["forecast"],
  },
  {
    name: "conservative-start",
    rows: ["B126"],
    title: "a threshold of 0.7 grows sooner, and 0.4 of spot buys on demand first",
    input: {
      policies: [
        policy({ scaleUpThreshold: 0.7, spotInstancePercentage: 0.4, pools: [pool("spot"), onDemand()] }),
      ],
      nodes: nodes(2, { telemetry: reported({ mean: 0.75, busiest: 0.8 }) }),
    },
    moves: ["grow demo/od 0 to 1"],
    codes: ["utilization-high", "tier-share"],
  },
  {
    name: "pod-disruption-budget",
    rows: ["B127"],
    title: "a budget that allows nothing keeps an idle node",
    input: {
      nodes: nodes(2, { telemetry: QUIET }),
      pods: [pod("training", { node: "n1", gpus: 0 })],
      budgets: [{ key: "default/training-pdb", disruptionsAllowed: 0, pods: ["default/training"] }],
      memory: memory({ n1: { idleMs: HOUR } }),
    },
    moves: [],
    codes: ["budget"],
    asks: ["node n1"],
  },
  {
    name: "two-pod-disruption-budgets",
    rows: ["B127"],
    title: "two budgets for one pod are named, since the API evicts no such pod",
    input: {
      nodes: nodes(2, { telemetry: QUIET }),
      pods: [pod("training", { node: "n1", gpus: 0 })],
      budgets: ["a", "b"].map((name) => ({
        key: `default/${name}`,
        disruptionsAllowed: 1,
        pods: ["default/training"],
      })),
      memory: memory({ n1: { idleMs: HOUR } }),
    },
    moves: [],
    codes: ["several-budgets"],
    asks: ["node n1"],
  },
  {
    name: "eviction-drill",
    rows: ["B130"],
    title: "a drill buys the replacement as a real notice does, and takes no machine out of its group",
    input: {
      nodes: [node("n1")],
      pods: [pod("serve", { node: "n1", gpus: 8 })],
      notices: [notice("n1", { source: "drill", deadline: epochMs(NOW - 1_000), drained: true })],
    },
    moves: ["replace demo/spot 1 to 2 (n1)"],
    codes: ["interruption"],
  },
  {
    name: "gang-whole",
    rows: ["B131"],
    title: "a gang that can start gets all its nodes in one move",
    input: { pods: [1, 2, 3, 4].map((index) => gang("train", index)) },
    moves: ["grow demo/spot 0 to 4"],
    codes: ["pending-pods"],
  },
  {
    name: "gang-too-large",
    rows: ["B131"],
    title: "a gang of which one member finds no place buys nothing, and names the member",
    input: {
      policies: [policy({ pools: [pool("spot", { maxSize: 3 })] })],
      pods: [1, 2, 3, 4].map((index) => gang("train", index)),
    },
    moves: [],
    codes: ["gang-does-not-fit"],
  },
  {
    name: "gang-incomplete",
    rows: ["B131"],
    title: "a gang whose pods are not all there yet buys nothing",
    input: { pods: [1, 2, 3].map((index) => gang("train", index)) },
    moves: [],
    codes: ["gang-incomplete"],
  },
  {
    name: "gang-running",
    rows: ["B131"],
    title: "a running gang is not broken by taking one of its nodes",
    input: {
      nodes: nodes(3, { telemetry: QUIET }),
      pods: [1, 2].map((index) => ({
        ...gang("train", index, 2),
        ...pod(`train-${index}`, { node: `n${index}`, gpus: 0 }),
      })),
      memory: memory({ n1: { idleMs: HOUR }, n2: { idleMs: HOUR } }),
    },
    moves: [],
    codes: ["gang-member"],
    asks: ["node n1"],
  },
];
