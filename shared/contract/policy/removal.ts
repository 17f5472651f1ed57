// How nodes go: budgets, the freeze switch, consolidation, ill nodes and the age limit. What stands against each
// single removal is in coordinator/decide/rules.

import * as z from "zod";

import { count, cron, flag, nodesOrPercent } from "./common.ts";

/** Why a node goes, as budgets name it. */
export const DISRUPTIONS = [
  "Empty",
  "Idle",
  "Movable",
  "Expired",
  "Unhealthy",
  "Return",
  "Rebalance",
] as const;
export type Disruption = (typeof DISRUPTIONS)[number];

const budget = z.object({
  nodes: nodesOrPercent.meta({
    description: "nodes of a pool that may be on their way out at one time; a share is rounded up",
  }),
  reasons: z.array(z.enum(DISRUPTIONS)).min(1).optional().meta({ description: "left out: all" }),
  schedule: cron.optional().meta({ description: "cron: when the budget begins to bind; left out: always" }),
  durationSeconds: z.int32().min(60).optional().meta({ description: "for how long after schedule" }),
  timeZone: z.string().min(1).max(64).default("UTC"),
});
export type DisruptionBudget = z.infer<typeof budget>;

export const disruption = z
  .object({
    budgets: z
      .array(budget)
      .max(50)
      .default([{ nodes: "10%", timeZone: "UTC" }])
      .meta({ description: "the tightest that binds counts; an empty list binds nothing" }),
    freeze: flag(false, "true: no node is removed and none is moved; growth goes on"),
    keepLocalStorage: flag(false, "true: a pod with local storage keeps its node"),
    keepSystemPods: flag(false, "true: a pod of kube-system without a budget of its own keeps its node"),
  })
  .default({
    budgets: [{ nodes: "10%", timeZone: "UTC" }],
    freeze: false,
    keepLocalStorage: false,
    keepSystemPods: false,
  });

export const consolidation = z
  .object({
    enabled: flag(false, "true: a node whose pods all fit elsewhere goes when that makes the fleet cheaper"),
    afterSeconds: count(600, "how long that has to hold"),
  })
  .default({ enabled: false, afterSeconds: 600 });

export const health = z
  .object({
    replace: z.enum(["Report", "Replace"]).default("Report").meta({
      description:
        "what is done about a node whose GPUs its agent calls ill, or that is not Ready for 10 minutes",
    }),
    maxUnhealthyPercent: z.int32().min(0).max(100).default(20).meta({
      description: "with more of a pool's nodes ill than that, none is replaced: the fault lies elsewhere",
    }),
  })
  .default({ replace: "Report", maxUnhealthyPercent: 20 });
