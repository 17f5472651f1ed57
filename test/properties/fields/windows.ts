// Fields of what repeats in a policy: schedules, headroom, rules of behavior, disruption budgets. Of each list the
// first entry is the one whose field is changed.

import type { BehaviorMemory } from "../../../coordinator/decide/snapshot-memory.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node, reported } from "../../build/node.ts";
import { MINUTE, NOW } from "../../build/now.ts";
import { pod } from "../../build/pod.ts";
import { pool } from "../../build/policy.ts";
import type { PolicyOptions } from "../../build/policy.ts";
import { memory } from "../../build/snapshot.ts";
import type { SnapshotOptions } from "../../build/snapshot.ts";
import { OPEN, emptied, hot, onDemand, whole } from "./case.ts";
import type { FieldCase, FieldCases } from "./case.ts";

type Schedule = NonNullable<PolicyOptions["schedules"]>[number];
type Rules = NonNullable<NonNullable<PolicyOptions["behavior"]>["scaleUp"]>;

/** Open at 12:00 UTC, which is when it is in these cases. */
const OPEN_NOW = { name: "day", timeZone: "UTC", start: "0 12 * * *", durationSeconds: 3600 };

function scheduled(
  schedule: Partial<Schedule>,
  values: FieldCase["values"],
  more: Omit<FieldCase, "values" | "policy"> & { readonly policy?: PolicyOptions } = {},
): FieldCase {
  const schedules: Schedule[] = [{ ...OPEN_NOW, minNodes: 2, ...schedule }];
  return { ...more, values, policy: { schedules, ...more.policy } };
}

const room = (options: Partial<NonNullable<PolicyOptions["headroom"]>[number]> = {}): PolicyOptions => ({
  headroom: [{ name: "spare", gpus: 8, ...options }],
});

const ANY = { nodes: 1000, percent: 100 };
const event = (nodes: number) => ({ at: epochMs(NOW - MINUTE), nodes });

/** `past`: what the pool is remembered to have wanted and done a minute ago. */
function rule(
  direction: "scaleUp" | "scaleDown",
  rules: Rules,
  values: FieldCase["values"],
  { past, fleet }: { readonly past?: Partial<BehaviorMemory>; readonly fleet?: SnapshotOptions } = {},
): FieldCase {
  const usual = direction === "scaleUp" ? { pods: whole(3), memory: memory({}) } : emptied(3);
  const before = fleet ?? usual;
  const remembered = { recommendations: [], ups: [], downs: [], ...past };
  return {
    values,
    policy: {
      behavior: { [direction]: rules },
      disruption: OPEN,
      maxPercentOrNodesRemoved: ANY,
      scaleUpCooldownSeconds: 0,
      scaleDownCooldownSeconds: 0,
      scaleDownDelayAfterAddSeconds: 0,
    },
    fleet: {
      ...before,
      memory: { ...(before.memory ?? memory({})), behavior: { "demo/spot": remembered } },
    },
  };
}

const nodesOf = (value: number, periodSeconds = 60) => ({ type: "Nodes" as const, value, periodSeconds });
const NOW_DOWN = { stabilizationWindowSeconds: 0 };

const budget = (fields: object, values: FieldCase["values"]): FieldCase => ({
  values,
  policy: { disruption: { budgets: [{ nodes: 0, ...fields }] } },
  fleet: emptied(2),
});

export const WINDOW_CASES: FieldCases = {
  "schedules[].name": scheduled({}, ["day", "shift"], { changes: "reasons" }),
  "schedules[].timeZone": scheduled({}, ["UTC", "Europe/Vienna"]),
  "schedules[].start": scheduled({}, ["0 12 * * *", "0 13 * * *"]),
  "schedules[].end": {
    values: ["0 13 * * *", "0 11 * * *"],
    policy: {
      schedules: [{ name: "day", timeZone: "UTC", start: "0 10 * * *", end: "0 11 * * *", minNodes: 2 }],
    },
  },
  "schedules[].durationSeconds": scheduled({ start: "0 11 * * *" }, [7200, 60]),
  "schedules[].pools[]": scheduled({ pools: ["spot"] }, ["spot", "od"], {
    policy: { pools: [pool("spot"), onDemand()] },
  }),
  "schedules[].minNodes": scheduled({}, [0, 2]),
  "schedules[].maxNodes": scheduled({ minNodes: 0 }, [1, undefined], { fleet: { pods: whole(2) } }),
  "schedules[].targetUtilization": scheduled({ minNodes: 0 }, [0.5, undefined], {
    fleet: { nodes: hot(0.7) },
  }),
  "schedules[].readyBy": scheduled({ start: "5 12 * * *" }, [true, false]),
  "schedules[].allowDisruption": scheduled({ minNodes: 0, maxNodes: 2 }, [true, false], {
    policy: { disruption: OPEN },
    fleet: {
      nodes: hot(0.5, 3),
      pods: ["n1", "n2", "n3"].map((name) => pod(`p-${name}`, { node: name })),
    },
  }),
  "schedules[].suspend": scheduled({}, [true, false]),
  "schedules[].from": scheduled({}, ["2026-02-01T00:00:00Z", undefined]),
  "schedules[].until": scheduled({}, ["2026-01-01T00:00:00Z", undefined]),
  "schedules[].priority": {
    values: [0, 1],
    policy: {
      schedules: [
        { ...OPEN_NOW, minNodes: 1 },
        { ...OPEN_NOW, name: "more", minNodes: 3 },
      ],
    },
  },

  "headroom[].name": { values: ["spare", "other"], policy: room(), changes: "reasons" },
  "headroom[].gpus": { values: [0, 8], policy: room() },
  "headroom[].gpuType": {
    values: ["A100", "T4"],
    policy: { ...room(), pools: [pool("spot", { fields: { gpuType: "A100" } })] },
  },
  "headroom[].resource": { values: ["nvidia.com/gpu", "nvidia.com/mig-1g.10gb"], policy: room() },
  // Two nodes with four free GPUs each have eight, and no eight for one pod.
  "headroom[].gpusPerPod": {
    values: [1, 8],
    policy: room(),
    fleet: {
      nodes: [node("n1"), node("n2")],
      pods: [pod("a", { node: "n1", gpus: 4 }), pod("b", { node: "n2", gpus: 4 })],
    },
  },
  "headroom[].nodeSelector": {
    values: [{}, { disk: "fast" }],
    policy: { ...room(), pools: [pool("spot"), pool("fast", { labels: { disk: "fast" } })] },
    fleet: { nodes: [node("n1")] },
  },

  "behavior.scaleUp.stabilizationWindowSeconds": rule("scaleUp", {}, [0, 300], {
    past: { recommendations: [event(0)] },
  }),
  "behavior.scaleUp.selectPolicy": rule("scaleUp", {}, ["Max", "Disabled"]),
  "behavior.scaleUp.policies[].type": rule("scaleUp", { policies: [nodesOf(8)] }, ["Nodes", "GPUs"]),
  "behavior.scaleUp.policies[].value": rule("scaleUp", { policies: [nodesOf(1)] }, [1, 4]),
  "behavior.scaleUp.policies[].periodSeconds": rule("scaleUp", { policies: [nodesOf(1)] }, [30, 600], {
    past: { ups: [event(1)] },
  }),
  "behavior.scaleUp.tolerance": rule("scaleUp", {}, [0, 0.2], { fleet: { nodes: hot(0.85) } }),
  "behavior.scaleDown.stabilizationWindowSeconds": rule("scaleDown", {}, [0, 300], {
    past: { recommendations: [event(3)] },
  }),
  "behavior.scaleDown.selectPolicy": rule("scaleDown", NOW_DOWN, ["Max", "Disabled"]),
  "behavior.scaleDown.policies[].type": rule("scaleDown", { ...NOW_DOWN, policies: [nodesOf(8)] }, [
    "Nodes",
    "GPUs",
  ]),
  "behavior.scaleDown.policies[].value": rule("scaleDown", { ...NOW_DOWN, policies: [nodesOf(1)] }, [1, 3]),
  "behavior.scaleDown.policies[].periodSeconds": rule(
    "scaleDown",
    { ...NOW_DOWN, policies: [nodesOf(1)] },
    [30, 600],
    { past: { downs: [event(1)] } },
  ),
  "behavior.scaleDown.tolerance": rule("scaleDown", NOW_DOWN, [0, 0.9], {
    fleet: {
      nodes: [1, 2].map((index) => node(`n${index}`, { telemetry: reported({ mean: 0.375, busiest: 0.5 }) })),
      pods: [pod("stays", { node: "n2", owner: null })],
      memory: memory({ n1: { emptyMs: 60 * MINUTE } }),
    },
  }),

  "disruption.budgets[].nodes": budget({}, [0, 2]),
  "disruption.budgets[].reasons[]": budget({ reasons: ["Empty"] }, ["Empty", "Idle"]),
  "disruption.budgets[].schedule": budget({ schedule: "0 12 * * *", durationSeconds: 3600 }, [
    "0 12 * * *",
    "0 15 * * *",
  ]),
  "disruption.budgets[].durationSeconds": budget({ schedule: "0 11 * * *", durationSeconds: 60 }, [60, 7200]),
  "disruption.budgets[].timeZone": budget({ schedule: "0 12 * * *", durationSeconds: 3600 }, [
    "UTC",
    "Europe/Vienna",
  ]),
};
