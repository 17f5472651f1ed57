// How and how fast a policy grows, and what it keeps ready: rates, behaviour as of a horizontal pod autoscaler,
// schedules, headroom, spot, and the clocks of a launch. Semantics stand beside the code that keeps them.

import * as z from "zod";

import { count, cron, flag, labels, usd } from "./common.ts";

export const rate = (what: string) =>
  z
    .object({
      nodes: z.int32().min(0).default(10),
      percent: z.int32().min(0).max(100).default(25),
    })
    .default({ nodes: 10, percent: 25 })
    .meta({ description: `nodes that may be ${what} in 10 minutes: the larger of both` });

const scalingPolicy = z.object({
  type: z
    .enum(["Nodes", "GPUs", "Percent", "Pods"])
    .meta({ description: "Pods is read as Nodes, so that a behavior of a pod autoscaler can be pasted" }),
  value: z.int32().min(1),
  periodSeconds: z.int32().min(1).max(1800),
});

const scalingRules = z.object({
  stabilizationWindowSeconds: z.int32().min(0).max(3600).optional(),
  selectPolicy: z.enum(["Max", "Min", "Disabled"]).default("Max"),
  policies: z.array(scalingPolicy).min(1).optional(),
  tolerance: z.number().min(0).max(1).optional(),
});
export type ScalingRules = z.infer<typeof scalingRules>;

export const behavior = z
  .object({ scaleUp: scalingRules.optional(), scaleDown: scalingRules.optional() })
  .meta({
    description:
      "autoscaling/v2 semantics for each pool's size: windows, rate policies, tolerance. Minima, schedules and replacements do not wait for it",
  });

export const headroom = z.object({
  name: z.string().min(1).max(253).meta({ description: "for the explanation" }),
  gpus: z.int32().min(0).meta({ description: "GPUs that are kept free for pods that come" }),
  gpuType: z.string().optional().meta({ description: "of this model; any when left out" }),
  resource: z
    .string()
    .default("nvidia.com/gpu")
    .meta({ description: "whole GPUs, or the name of a MIG profile or of shared GPUs" }),
  gpusPerPod: z
    .int32()
    .min(1)
    .default(1)
    .meta({ description: "in pieces of so many on one node: 8 keeps whole 8-GPU nodes free" }),
  nodeSelector: labels.default({}),
});
export type Headroom = z.infer<typeof headroom>;

export const schedule = z.object({
  name: z.string().min(1).max(253),
  timeZone: z
    .string()
    .min(1)
    .max(64)
    .meta({ description: "IANA name such as Europe/Vienna; there is no default" }),
  start: cron.meta({ description: "cron with five fields: when the window opens" }),
  end: cron.optional().meta({
    description:
      "cron: when it closes; or durationSeconds. Its nodes then go by the rules and clocks of all removals, not at once",
  }),
  durationSeconds: z.int32().min(60).optional(),
  pools: z
    .array(z.string().max(63))
    .max(50)
    .default([])
    .meta({ description: "for each of these pools; none named: for the policy as a whole" }),
  minNodes: z.int32().min(0).default(0),
  maxNodes: z.int32().min(0).optional().meta({ description: "never below what the open floors ask for" }),
  targetUtilization: z
    .number()
    .min(0)
    .max(1)
    .optional()
    .meta({ description: "scaleUpThreshold while it is open" }),
  readyBy: flag(false, "true: nodes are asked for so early that they are ready at start"),
  allowDisruption: flag(
    false,
    "true: above maxNodes, nodes with pods that may be evicted go as well, not only empty and idle ones",
  ),
  suspend: flag(false, "true: as if it were not there"),
  from: z
    .string()
    .max(64)
    .optional()
    .meta({ description: "RFC 3339: it does not open before", format: "date-time" }),
  until: z
    .string()
    .max(64)
    .optional()
    .meta({ description: "RFC 3339: it does not open after", format: "date-time" }),
  priority: z
    .int32()
    .default(0)
    .meta({ description: "of windows that overlap only those of the highest count" }),
});
export type Schedule = z.infer<typeof schedule>;

export const spot = z
  .object({
    diversify: flag(true, "spread spot over instance types and zones, so that one shortage takes less"),
    onDemandFloorGpus: count(0, "GPUs that are kept in on-demand or reserved nodes, whatever the shares say"),
    rebalance: z.enum(["Ignore", "Report", "Replace"]).default("Report").meta({
      description:
        "what a cloud's hint of a coming interruption does; Replace finds the node's pods another place first, buying one where none is free, and empties it then, one node or a tenth of the pool in half an hour",
    }),
    maxInterruptionsPerNodeDay: z.number().min(0).optional().meta({
      description: "over this measured rate new capacity goes 10 points less spot for 24 hours",
    }),
    returnAfterSeconds: z.int32().min(60).optional().meta({
      description:
        "after so long without a spot shortage, on-demand nodes above their share go back to spot; without it none does",
    }),
    returnPolicy: z.enum(["WhenEmpty", "Replace"]).default("WhenEmpty").meta({
      description:
        "how a node goes back to spot: WhenEmpty waits until its work has ended; Replace also buys a cheaper spot node for pods that may be moved, and empties the on-demand one once that is there",
    }),
  })
  .default({ diversify: true, onDemandFloorGpus: 0, rebalance: "Report", returnPolicy: "WhenEmpty" });

export const provisioning = z
  .object({
    launchTimeoutSeconds: z.int32().min(30).default(300),
    registrationTimeoutSeconds: z.int32().min(60).default(900),
    gpuReadyTimeoutSeconds: z.int32().min(60).default(900),
  })
  .default({ launchTimeoutSeconds: 300, registrationTimeoutSeconds: 900, gpuReadyTimeoutSeconds: 900 })
  .meta({
    description:
      "how long a machine may take to exist, to become a Ready node, and a Ready node to show its GPUs, before it counts as failed and is replaced",
  });

export const expander = z.enum(["cost", "least-waste", "price", "priority"]).default("cost").meta({
  description:
    "what ranks pools: cost weighs price with measured interruptions, then GPU waste, then priority; the others put the named thing first",
});

export const maxHourlyCostUsd = usd(
  "all nodes of the policy together cost at most so much an hour; under it a node of unknown price is not bought",
).optional();
