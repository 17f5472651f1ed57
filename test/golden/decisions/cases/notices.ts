// Machines that a cloud takes out of a group that they can leave at the notice: one new node for each, bought by us or
// made by the group, and never by both.

import type { NoticeInput } from "../../../../coordinator/decide/snapshot.ts";
import { node } from "../../../build/node.ts";
import { MINUTE, NOW } from "../../../build/now.ts";
import { pod } from "../../../build/pod.ts";
import { move, policy, pool } from "../../../build/policy.ts";
import type { PoolOptions } from "../../../build/policy.ts";
import { notice } from "../../../build/snapshot.ts";
import type { GoldenCase } from "./case.ts";
import { nodes, onDemand } from "./case.ts";

const group = { aws: { region: "us-west-2", autoScalingGroup: "gpu-spot" } };

/** Two full spot nodes at AWS, of which the first is under notice; on demand would take its pod too. */
function taken(
  bounds: { readonly min?: number; readonly max?: number } = {},
  said: Partial<NoticeInput> = {},
  options: PoolOptions = {},
): GoldenCase["input"] {
  const known = { kind: "known", size: 2, chosenRemoval: true, detaches: true, ...bounds } as const;
  return {
    policies: [
      policy({ pools: [pool("spot", { group: known, fields: { group }, ...options }), onDemand("od")] }),
    ],
    nodes: nodes(2),
    pods: [pod("goes", { node: "n1", gpus: 8 }), pod("stays", { node: "n2", gpus: 8 })],
    notices: [notice("n1", said)],
  };
}

export const NOTICE_GOLDEN: readonly GoldenCase[] = [
  {
    name: "notice-leaves-at-once",
    rows: ["B11", "B26"],
    title: "a machine that AWS takes is replaced elsewhere and leaves its group in the same decision",
    input: taken(),
    moves: ["replace demo/od 0 to 1 (n1)", "release demo/spot 2 to 1 (n1)"],
    codes: ["interruption", "lost-to-interruption"],
    asks: ["pool demo/spot", "node n1"],
  },
  {
    name: "notice-drill-stays",
    rows: ["B26"],
    title: "a drill buys what it asks for and takes nothing out of the group",
    input: taken({}, { source: "drill" }),
    moves: ["replace demo/od 0 to 1 (n1)"],
    codes: ["interruption", "node-under-notice"],
  },
  {
    name: "drills-disabled",
    rows: ["B26"],
    title: "where the policy wants no drills, one buys nothing and takes no room",
    input: {
      policies: [policy({ drills: "Disabled" })],
      nodes: nodes(1),
      pods: [pod("runs", { node: "n1", gpus: 4 }), pod("next", { gpus: 4 })],
      notices: [notice("n1", { source: "drill" })],
    },
    moves: [],
    codes: ["pod-fits-existing"],
  },
  {
    name: "notice-saved",
    rows: ["B26"],
    title: "what pods saved before their node went is told by the node's name, though it is gone",
    input: {
      policies: [pool("spot", { size: 1, instances: [{ id: "i-1", node: "lost", state: "ready" }] })].map((built) =>
        policy({ pools: [built] }),
      ),
      notices: [
        notice("lost", {
          drained: true,
          machine: { cloud: "aws", instanceType: "p4d.24xlarge", zoneId: "usw2-az1", lifecycle: "spot" },
          checkpoints: [
            { pod: "ml/train-0", result: "saved", tookMs: 4_000, step: 81_200, uri: "s3://runs/81200" },
            { pod: "ml/train-1", result: "late", tookMs: 60_000 },
          ],
        }),
      ],
    },
    moves: ["release demo/spot 1 to 0 (lost)"],
    codes: ["lost-to-interruption"],
    asks: ["node lost"],
  },
  {
    name: "notice-hint-stays",
    rows: ["kubernetes-sigs/karpenter#2813"],
    title: "and a hint takes nothing out either: the machine may never be taken",
    input: taken({}, { kind: "rebalance" }),
    moves: [],
    codes: ["rebalance-hint"],
  },
  {
    name: "notice-at-minimum",
    rows: ["B11", "B13"],
    title: "at the group's minimum one more comes in the same pool, so that the group makes no second one",
    input: taken({ min: 2 }),
    moves: ["replace demo/spot 2 to 3 (n1)"],
    codes: ["interruption"],
  },
  {
    name: "notice-at-both-bounds",
    rows: ["B11", "B13"],
    title: "where nothing may be added, what the group makes itself is the replacement",
    input: taken({ min: 2, max: 2 }),
    moves: [],
    codes: ["group-refills", "group-maximum"],
    asks: ["pool demo/spot"],
  },
  {
    name: "notice-withdrawn",
    rows: ["B26"],
    title: "a node whose notice was withdrawn runs on outside of its group, and hides no machine that comes",
    input: {
      policies: [
        policy({
          pools: [
            pool("spot", {
              group: { kind: "known", size: 1, chosenRemoval: true, detaches: true },
              instances: [{ id: "i-2", node: null, state: "booting" }],
              fields: { group },
            }),
          ],
          journal: {
            moves: [
              move(NOW, {
                kind: "release",
                key: "demo/spot/release/notice-n1",
                phase: "applied",
                from: 1,
                to: 0,
                node: "n1",
                agoMs: 20 * MINUTE,
              }),
              move(NOW, { phase: "applied", from: 0, to: 1, agoMs: MINUTE, why: "pending-pods" }),
            ],
          },
        }),
      ],
      nodes: [node("n1")],
      pods: [pod("runs", { node: "n1", gpus: 8 }), pod("waits", { gpus: 8 })],
    },
    moves: [],
    codes: ["booting"],
    asks: ["pod default/waits"],
  },
];
