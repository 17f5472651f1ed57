// What is said between the `simulated` back end and the simulated cloud: our own small JSON over HTTP. It stands for no
// provider; it has what a good one would have, a version on which every write depends.
//
//   GET  /groups?name=a&name=b        → { groups: { a: {…}, b: null } }, at most 100 names
//   POST /groups/a/desired            { to, version }
//   POST /groups/a/remove, …/release  { instance, version }
//   POST /groups/a/cancel             { count, version }
//   a refusal                         → { error: { code, message, retryAfterSeconds? } }

import * as z from "zod";

import { LAUNCH_FAILURES } from "../../../shared/contract/policy/status.ts";

/** Names in one GET. */
export const MAX_NAMES = 100;
/** Larger answers are refused. */
export const MAX_BYTES = 4 * 1024 * 1024;

const count = z.int().min(0);

const instance = z.object({
  id: z.string().min(1),
  zone: z.string(),
  instanceType: z.string(),
  state: z.enum(["pending", "running", "terminating"]),
  providerID: z.string().min(1),
  /** An age and not an instant: the two clocks need not agree. */
  ageMs: z.number().min(0),
});

export const simulatedGroup = z.object({
  desired: count,
  min: count,
  max: count,
  version: z.string().min(1),
  chosenRemoval: z.boolean(),
  instances: z.array(instance),
  /** Why the newest launch since the last change of `desired` failed. */
  failure: z
    .object({ kind: z.enum(LAUNCH_FAILURES), code: z.string(), message: z.string(), at: z.number() })
    .optional(),
  template: z.object({
    instanceTypes: z.array(z.string()),
    labels: z.record(z.string(), z.string()),
    taints: z.array(
      z.object({
        key: z.string(),
        value: z.string().optional(),
        effect: z.enum(["NoSchedule", "PreferNoSchedule", "NoExecute"]),
      }),
    ),
    /** Kubernetes quantities. */
    allocatable: z.record(z.string(), z.string()),
  }),
});
export type SimulatedGroupBody = z.infer<typeof simulatedGroup>;

export const groupsAnswer = z.object({ groups: z.record(z.string(), z.unknown()) });

export const refusalBody = z.object({
  error: z.object({
    code: z.string(),
    message: z.string(),
    retryAfterSeconds: z.number().min(0).optional(),
  }),
});

export const REFUSAL_CODES = [
  "no-capacity",
  "quota",
  "throttled",
  "denied",
  "not-found",
  "conflict",
  "refused",
  "misconfigured",
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** The body of each write, without the group's name, which is in the path. */
export const WRITES = {
  desired: z.object({ to: count, version: z.string() }),
  remove: z.object({ instance: z.string().min(1), version: z.string() }),
  release: z.object({ instance: z.string().min(1), version: z.string() }),
  cancel: z.object({ count: count.min(1), version: z.string() }),
} as const;
export type WriteName = keyof typeof WRITES;
