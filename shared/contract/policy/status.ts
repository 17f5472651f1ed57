// What we write back: sizes, decisions and what money depends on (cooldowns, moves in flight, launch failures), so
// that a restarted coordinator or a new leader continues where the last one stopped. Every list is bounded.

import * as z from "zod";

import { DISRUPTIONS } from "./removal.ts";

/** Why a machine did not come, whatever the back end calls it. */
export const LAUNCH_FAILURES = [
  "no-capacity",
  "quota",
  "denied",
  "misconfigured",
  "throttled",
  "unavailable",
  "timed-out",
] as const;
export type LaunchFailureKind = (typeof LAUNCH_FAILURES)[number];

/**
 * What a move in the journal may be next. `intended` is written before the call. `draining`: its agent, or we, empty the
 * node. `applied` and `failed` are the outcome. The crash tests cut a coordinator down at each of these writes.
 */
export const PHASES_AFTER = {
  intended: ["draining", "applied", "failed"],
  draining: ["applied", "failed"],
  applied: [],
  failed: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type MovePhase = keyof typeof PHASES_AFTER;

const moveState = z.object({
  /** Derived from policy, pool, kind and cause: acting twice is acting once. */
  key: z.string(),
  kind: z.enum(["grow", "shrink", "replace", "release"]),
  pool: z.string(),
  node: z.string().optional(),
  instance: z.string().optional(),
  from: z.number(),
  to: z.number(),
  phase: z.enum(Object.keys(PHASES_AFTER) as MovePhase[]),
  at: z.string(),
  detail: z.string().optional(),
  /** Of a release: the instance is a place that no machine fills, known by its number alone. */
  placeholder: z.boolean().optional(),
  /** Of a removal: why the node goes. Absent: an older version wrote it. */
  disruption: z.enum(DISRUPTIONS).optional(),
  /** Of a failed growth: what kind of failure it was, where the back end told. */
  failure: z.enum(LAUNCH_FAILURES).optional(),
  /** True: found not carried out after an interruption. It says nothing of the pool. */
  undone: z.boolean().optional(),
  /** Code of the first reason. Absent: an older version wrote it. */
  why: z.string().optional(),
  /** Of the leader that wrote the intent. Absent: an older version wrote it. */
  term: z.number().optional(),
});
export type MoveState = z.infer<typeof moveState>;

const poolStatus = z.object({
  name: z.string(),
  size: z.number().optional(),
  ready: z.number(),
  booting: z.number(),
  lastUpAt: z.string().optional(),
  lastDownAt: z.string().optional(),
  upCooldownEndsAt: z.string().optional(),
  downCooldownEndsAt: z.string().optional(),
  /** Of one node; absent when nobody knows it. */
  usdPerHour: z.number().optional(),
  priceSource: z.string().optional(),
  /** Of one of its spot nodes, as measured over the last weeks; absent when too little was seen. */
  interruptionsPerNodeDay: z.number().optional(),
  /** What sizes it: aws, scale, simulated. Absent: nothing does. */
  backEnd: z.string().optional(),
  /** How long its last machines took to a stage, from the one before; in the order of the stages. */
  stages: z
    .array(
      z.object({
        stage: z.string(),
        medianSeconds: z.number(),
        p90Seconds: z.number(),
        machines: z.number(),
      }),
    )
    .optional(),
  /** What this cycle decided: reason codes with a sentence each. */
  decision: z.enum(["grow", "shrink", "replace", "release", "hold"]).optional(),
  because: z.array(z.object({ code: z.string(), sentence: z.string() })).optional(),
});

/** Where machines did not come: instance type × zone × tier, and when it is tried again. */
const offeringState = z.object({
  /** `<instance type>|<zone>|<tier>`; for a failure that is the pool's own, `pool/<name>`. */
  offering: z.string(),
  kind: z.enum(LAUNCH_FAILURES),
  failures: z.number(),
  lastAt: z.string(),
  /** Until then nothing is asked of it; after that one node at a time until one comes. */
  until: z.string(),
  detail: z.string().optional(),
});

/** What is expected when a node that is ordered now would be there, how good such forecasts were, and why it stands down. */
const forecastState = z.object({
  gpuType: z.string().optional(),
  mode: z.string(),
  /** Whether it may add nodes and delay removals now. */
  acts: z.boolean(),
  at: z.string().optional(),
  /** GPUs. */
  p10: z.number().optional(),
  p50: z.number().optional(),
  p90: z.number().optional(),
  floorGpus: z.number().optional(),
  /** The chance that more is wanted than the nodes serve that are there. */
  confidence: z.number().optional(),
  startSeconds: z.number(),
  coverage: z.number().optional(),
  pinballRatio: z.number().optional(),
  /** The five that weigh most. */
  experts: z.array(z.object({ name: z.string(), weight: z.number() })),
  standsDown: z.array(z.string()),
  usefulNodes: z.number(),
  wastedNodes: z.number(),
});

const condition = z.object({
  type: z.string(),
  status: z.enum(["True", "False", "Unknown"]),
  reason: z.string(),
  message: z.string(),
  lastTransitionTime: z.string(),
  observedGeneration: z.number().optional(),
});

export const policyStatusSchema = z.object({
  observedGeneration: z.number().optional(),
  /** Raised by each new leader before it acts: an intent of an older term is refused. Absent: 0. */
  term: z.number().optional(),
  /** Who raised it last. */
  leader: z.string().optional(),
  currentNodes: z.number(),
  desiredNodes: z.number(),
  spotNodes: z.number(),
  onDemandNodes: z.number(),
  reservedNodes: z.number(),
  /** 0..1 over the GPUs that report; absent when none does. */
  averageGPUUtilization: z.number().optional(),
  pendingPods: z.number(),
  lastScaleUpTime: z.string().optional(),
  lastScaleDownTime: z.string().optional(),
  lastScalingAction: z.string().optional(),
  lastScalingReason: z.string().optional(),
  /** In the last 24 h. */
  spotInterruptions: z.number(),
  conditions: z.array(condition),
  pools: z.array(poolStatus),
  /** In flight and recently ended, newest last, bounded. */
  moves: z.array(moveState),
  /** Nodes added, for the rate of 10 minutes. */
  additions: z.array(z.object({ at: z.string(), nodes: z.number() })),
  /** Nodes taken away, for the rate of 10 minutes. */
  removals: z.array(z.object({ at: z.string(), nodes: z.number() })).optional(),
  /** Notices of the last 24 h that were counted: id and time. */
  interruptions: z.array(
    z.object({
      id: z.string(),
      at: z.string(),
      node: z.string().optional(),
      /** What its pods said to have saved, at most 16 of them; of the last 20 interruptions. Absent: nothing is known. */
      saved: z
        .array(z.object({ pod: z.string(), step: z.number().optional(), uri: z.string().optional() }))
        .optional(),
    }),
  ),
  /**
   * Of all its machines that are paid for, those on their way included, as `gpuasctl cost` counts. Absent: nobody has counted.
   */
  cost: z
    .object({
      /** Absent: the price of one is not known. */
      usdPerHour: z.number().optional(),
      usdPerMonthOf720Hours: z.number().optional(),
      /** Only where prices are not known: with the catalogue's estimates for those. No money, but what limits count with. */
      estimatedUsdPerHour: z.number().optional(),
      /** The oldest reading among the prices that are known. Absent: none is dated. */
      priceAt: z.string().optional(),
    })
    .optional(),
  /** What failed to launch and has not been forgotten; at most 100, the latest. */
  offerings: z.array(offeringState).optional(),
  /** Windows of schedules that are open or open in the next 14 days; at most 20, the next. */
  schedules: z.array(z.object({ name: z.string(), opens: z.string(), closes: z.string() })).optional(),
  /** One entry for each kind of GPU, at most 20. Absent: the policy wants no forecast. */
  forecast: z.array(forecastState).optional(),
});
export type PolicyStatus = z.infer<typeof policyStatusSchema>;

/** Reads `status`; an absent or unreadable one is null, which callers treat as "nothing known of the past". */
export function parsePolicyStatus(status: unknown): PolicyStatus | null {
  const parsed = policyStatusSchema.safeParse(status);
  return parsed.success ? parsed.data : null;
}
