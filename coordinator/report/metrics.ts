// The coordinator's metrics: the table from which the reference page is made, and the one place that turns a
// cycle into values. A value that is not known has no sample. Names follow the guides that operators have
// dashboards for; labels are added where the guides name none and a pool matters.

import { takesNode } from "../../shared/model/interruption.ts";
import type { CapacityType } from "../../shared/model/node.ts";
import { CAPACITY_TYPES } from "../../shared/model/node.ts";
import { RIVAL_KINDS } from "../../shared/model/rival.ts";
import { defineMetrics } from "../../shared/runtime/metrics.ts";
import type { Metrics } from "../../shared/runtime/metrics.ts";
import { DENIALS } from "../auth/review.ts";
import type { Plan } from "../decide/plan.ts";
import type { PolicyInput, Snapshot } from "../decide/snapshot.ts";
import { FORECAST_ROWS } from "./forecast-rows.ts";
import { recordInterruptions } from "./metrics-interruptions.ts";
import { recordLaunches } from "./metrics-launches.ts";
import { recordMarket } from "./metrics-market.ts";
import { recordPools, recordRivals } from "./metrics-pools.ts";
import { MONEY_ROWS } from "./money-rows.ts";
import type { MoveReport } from "./move-report.ts";
import { RECORD_ROWS } from "./record-rows.ts";

const POOL = { policy: "name of the AutoscalingPolicy", pool: "name of the pool in its policy" };
const CAPACITY = { capacity_type: "spot, on-demand or reserved" };
const BACK_END = { back_end: "what sizes the pool: aws, scale, simulated or none" };
const ACCOUNT = {
  account: "back end with region or address of the account: aws us-west-2",
  back_end: "aws or simulated",
};
const STOCK = {
  cloud: "provider of the policy: aws, gcp, azure or custom",
  region: "empty where nobody knows it",
  zone: "empty where nobody knows it",
  zone_id: "AWS: the zone's id, else empty",
  instance_type: "name of the type, or of several with +, or of the pool where it has none",
};
const ACTION = { action: "grow, shrink, replace or release" };

export const COORDINATOR_METRICS = defineMetrics({
  gpu_autoscaler_scaling_actions_total: {
    type: "counter",
    help: "Moves that ended: success is true when the group changed as decided.",
    labels: { ...ACTION, ...CAPACITY, success: "true or false" },
  },
  gpu_autoscaler_scaling_duration_seconds: {
    type: "histogram",
    help: "Time of the calls of one move, from reading the group to its answer.",
    labels: ACTION,
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128],
  },
  gpu_autoscaler_node_count: {
    type: "gauge",
    help: "Nodes of the pools that are in the cluster and Ready.",
    labels: CAPACITY,
  },
  gpu_autoscaler_desired_node_count: {
    type: "gauge",
    help: "Sum of the sizes that the groups of all pools are asked to have, as last read.",
    labels: {},
  },
  gpu_autoscaler_cluster_utilization: {
    type: "gauge",
    help: "Mean utilisation of the GPUs that report, from 0 to 1; absent when none does.",
    labels: {},
  },
  gpu_autoscaler_pending_pods: {
    type: "gauge",
    help: "GPU pods that count as demand and have no node.",
    labels: {},
  },
  gpu_autoscaler_underutilized_nodes: {
    type: "gauge",
    help: "Nodes below the policy's scaleDownThreshold.",
    labels: {},
  },
  gpu_autoscaler_nodes_unknown: {
    type: "gauge",
    help: "Nodes whose telemetry is missing or too old to decide on.",
    labels: {},
  },
  gpu_autoscaler_spot_interruptions_total: {
    type: "counter",
    help: "Interruption notices of spot nodes seen; drills, mere hints and notices of on-demand nodes left out.",
    labels: {},
  },
  gpu_autoscaler_spot_termination_warnings: {
    type: "gauge",
    help: "Nodes under an interruption notice now, drills included and mere hints left out.",
    labels: {},
  },
  gpu_autoscaler_interruption_hints: {
    type: "gauge",
    help: "Nodes of which their cloud says now that they may go soon, or that their host is worked on.",
    labels: { kind: "rebalance or maintenance" },
  },
  gpu_autoscaler_spot_interruptions_per_node_day: {
    type: "gauge",
    help: "Interruptions of one spot node in a day, as measured over the last weeks, fading; drills and hints left out. Absent below half a day of nodes seen.",
    labels: {
      ...STOCK,
    },
  },
  gpu_autoscaler_spot_node_days_seen: {
    type: "gauge",
    help: "Days of spot nodes on which that rate rests, fading by half in a week.",
    labels: { ...STOCK },
  },
  gpu_autoscaler_drills_refused: {
    type: "gauge",
    help: "Nodes whose drill its agent refuses now: another one runs, it would be over a tenth of the pool, or the policy has drills: Disabled.",
    labels: {},
  },
  gpu_autoscaler_peers_told_total: {
    type: "counter",
    help: "Agents that were told that a pod of a gang of theirs loses its node somewhere else.",
    labels: {},
  },
  gpu_autoscaler_scale_up_cooldown_remaining_seconds: {
    type: "gauge",
    help: "Time until the pool may grow again; 0 when it may.",
    labels: POOL,
  },
  gpu_autoscaler_scale_down_cooldown_remaining_seconds: {
    type: "gauge",
    help: "Time until the pool may shrink again; 0 when it may.",
    labels: POOL,
  },
  gpu_autoscaler_decision_total: {
    type: "counter",
    help: "Answers of the decision: one for each move and each hold, by the first reason.",
    labels: { ...POOL, action: "grow, shrink, replace, release or hold", reason: "reason code" },
  },
  gpu_autoscaler_reconcile_errors_total: {
    type: "counter",
    help: "Cycles in which a stage failed.",
    labels: {},
  },
  gpu_autoscaler_reconcile_duration_seconds: {
    type: "histogram",
    help: "Time of one cycle, from the snapshot to the report.",
    labels: {},
    buckets: [0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24],
  },
  gpu_autoscaler_last_reconcile_timestamp: {
    type: "gauge",
    help: "When the last complete cycle ended, in seconds since 1970.",
    labels: {},
  },
  gpu_autoscaler_messages_refused_total: {
    type: "counter",
    help: "NATS messages that were refused.",
    labels: {
      kind: "report, notice or drain",
      reason: "why: malformed, unknown-version, wrong-sender and others",
    },
  },
  gpu_autoscaler_nats_logins_total: {
    type: "counter",
    help: "Answers to NATS about who may connect, where the coordinator gives them (GPUAS_NATS_CALLOUT).",
    labels: {
      result: `accepted, or why not: ${Object.entries(DENIALS)
        .map(([reason, meaning]) => `${reason} (${meaning})`)
        .join(", ")}`,
    },
  },
  gpu_autoscaler_report_age_seconds: {
    type: "histogram",
    help: "How long ago a node's report was made when it was taken over: the way, the queue, and by how much the clocks differ.",
    labels: {},
    buckets: [0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.15, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4],
  },
  gpu_autoscaler_objects_unreadable_total: {
    type: "counter",
    help: "Kubernetes objects with a part that cannot be read; they are left out or held to be full.",
    labels: { kind: "node, pod, budget, daemonset or status" },
  },
  gpu_autoscaler_watch_errors_total: {
    type: "counter",
    help: "Broken watches and lists of the Kubernetes API.",
    labels: { kind: "kind of the error" },
  },
  gpu_autoscaler_pool_nodes: {
    type: "gauge",
    help: "Nodes of the pool that are in the cluster, each in one state.",
    labels: {
      ...POOL,
      state:
        "ready, draining (being emptied), booting (not ready yet), sick (not ready for too long) or leaving (out of its group)",
    },
  },
  gpu_autoscaler_pool_desired_nodes: {
    type: "gauge",
    help: "Size that the pool's group is asked to have, as last read; absent when it is not known.",
    labels: POOL,
  },
  gpu_autoscaler_policy_condition: {
    type: "gauge",
    help: "Conditions of policies as their status has them: 1 for the status that holds, 0 for the two others.",
    labels: {
      policy: POOL.policy,
      type: "type of the condition, such as Valid or Active",
      status: "True, False or Unknown",
    },
  },
  gpu_autoscaler_rival: {
    type: "gauge",
    help: "Something else that sizes the pool's group or exchanges its machines, as seen now: 1 while moves of the pool wait for it, 0 while it is only told of.",
    labels: {
      ...POOL,
      rival: RIVAL_KINDS.join(", "),
    },
  },
  gpu_autoscaler_inflight_nodes: {
    type: "gauge",
    help: "Nodes that were asked for, are not here yet and are still counted on.",
    labels: POOL,
  },
  gpu_autoscaler_node_price_usd_per_hour: {
    type: "gauge",
    help: "What one node of the pool costs an hour; absent when nobody knows.",
    labels: { ...POOL, source: "who says so: policy, catalogue or a source of prices" },
  },
  gpu_autoscaler_price_age_seconds: {
    type: "gauge",
    help: "How long ago the source said so; absent for a price that stands in the policy.",
    labels: POOL,
  },
  gpu_autoscaler_price_unknown_nodes: {
    type: "gauge",
    help: "Nodes of the pool, here or on the way, of which nobody knows the price.",
    labels: POOL,
  },
  ...MONEY_ROWS,
  ...RECORD_ROWS,
  ...FORECAST_ROWS,
  gpu_autoscaler_pool_info: {
    type: "gauge",
    help: "1 for each pool, with what sizes it and how its nodes are paid; a simulated back end buys nothing.",
    labels: { ...POOL, ...BACK_END, ...CAPACITY },
  },
  gpu_autoscaler_launch_stage_duration_seconds: {
    type: "histogram",
    help: "What a machine took to a stage of its launch, from the stage before; total: from the decision to its first pod. A stage that nobody saw, and the total of a machine that nobody here asked for, has no sample.",
    labels: {
      ...POOL,
      ...BACK_END,
      stage: "accepted, launched, registered, ready, first-pod or total",
    },
    buckets: [0.1, 0.5, 1, 2, 5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200],
  },
  gpu_autoscaler_offerings_paused: {
    type: "gauge",
    help: "Offerings that failed to launch and of which nothing is asked at this moment.",
    labels: {
      policy: POOL.policy,
      kind: "no-capacity, quota, denied, misconfigured, throttled, unavailable or timed-out",
    },
  },
  gpu_autoscaler_packing_work_units: {
    type: "gauge",
    help: "Units of work that the last packing took; absent when nothing was packed.",
    labels: {},
  },
  gpu_autoscaler_packing_pods_left_out: {
    type: "gauge",
    help: "Pods that the last packing had no work left for; they come first in the next.",
    labels: {},
  },
  gpu_autoscaler_provider_calls_total: {
    type: "counter",
    help: "Calls to the accounts of clouds, by how they ended.",
    labels: {
      ...ACCOUNT,
      call: "name of the call at the provider",
      result: "ok, given-up, the kind of the error, or not-sent: it had no turn in its time",
    },
  },
  gpu_autoscaler_provider_call_duration_seconds: {
    type: "histogram",
    help: "Time of calls that were sent to the accounts of clouds, the wait for their turn left out.",
    labels: { ...ACCOUNT, call: "name of the call at the provider" },
    buckets: [0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8],
  },
  gpu_autoscaler_provider_backoff_seconds: {
    type: "gauge",
    help: "For how long nothing will be sent to the account because its provider asked for fewer calls; 0: it did not.",
    labels: { account: ACCOUNT.account },
  },
  gpu_autoscaler_provider_groups_age_seconds: {
    type: "gauge",
    help: "How long ago the oldest answer about a group of the account was asked for; absent before the first.",
    labels: { account: ACCOUNT.account },
  },
  gpu_autoscaler_nats_connected: { type: "gauge", help: "1 while connected to NATS, else 0.", labels: {} },
  gpu_autoscaler_leader: { type: "gauge", help: "1 while this replica leads, else 0.", labels: {} },
});

export type CoordinatorMetrics = Metrics<typeof COORDINATOR_METRICS>;

/** The state of the fleet and of the decision, as of one cycle. */
export function recordCycle(metrics: CoordinatorMetrics, snapshot: Snapshot, plan: Plan): void {
  const figures = plan.figures;
  metrics.set("gpu_autoscaler_pending_pods", {}, total(figures.map(({ pendingPods }) => pendingPods)));
  metrics.set(
    "gpu_autoscaler_underutilized_nodes",
    {},
    total(figures.map(({ underutilizedNodes }) => underutilizedNodes)),
  );
  metrics.set("gpu_autoscaler_nodes_unknown", {}, total(figures.map(({ unknownNodes }) => unknownNodes)));
  metrics.set(
    "gpu_autoscaler_spot_termination_warnings",
    {},
    new Set(snapshot.notices.filter(takesNode).map(({ node }) => node)).size,
  );
  recordInterruptions(metrics, snapshot, plan);

  const sizes = figures.flatMap(({ pools }) => pools.flatMap(({ size }) => (size === null ? [] : [size])));
  metrics.setAll(
    "gpu_autoscaler_desired_node_count",
    sizes.length === 0 ? [] : [{ labels: {}, value: total(sizes) }],
  );
  const means = meanUtilization(snapshot);
  metrics.setAll("gpu_autoscaler_cluster_utilization", means === null ? [] : [{ labels: {}, value: means }]);

  metrics.setAll(
    "gpu_autoscaler_node_count",
    CAPACITY_TYPES.map((type) => ({
      labels: { capacity_type: type },
      value: readyNodes(snapshot, plan, type),
    })),
  );
  recordPools(metrics, plan);
  recordRivals(metrics, plan);
  recordMarket(metrics, plan);
  recordLaunches(metrics, snapshot, plan);
  metrics.setAll("gpu_autoscaler_scale_up_cooldown_remaining_seconds", cooldowns(plan, "upCooldownMs"));
  metrics.setAll("gpu_autoscaler_scale_down_cooldown_remaining_seconds", cooldowns(plan, "downCooldownMs"));

  for (const { policy, pool, kind, because } of plan.moves)
    countDecision(metrics, policy, pool, kind, because);
  for (const { policy, pool, because } of plan.holds) countDecision(metrics, policy, pool, "hold", because);
}

export function recordMove(metrics: CoordinatorMetrics, snapshot: Snapshot, done: MoveReport): void {
  const { outcome, move } = done;
  if (outcome.kind !== "applied" && outcome.kind !== "failed") return;
  const success = outcome.kind === "applied" ? "true" : "false";
  const capacity = capacityOf(snapshot, done.policy, move.pool);
  if (capacity !== null)
    metrics.inc("gpu_autoscaler_scaling_actions_total", {
      action: move.kind,
      capacity_type: capacity,
      success,
    });
  metrics.observe("gpu_autoscaler_scaling_duration_seconds", { action: move.kind }, done.ms / 1000);
}

export function capacityOf(snapshot: Snapshot, policy: string, pool: string): CapacityType | null {
  const found = snapshot.policies.find((candidate) => candidate.name === policy);
  return found?.kind === "valid"
    ? (found.spec.nodePools.find(({ name }) => name === pool)?.capacityType ?? null)
    : null;
}

/** Over all nodes that report, whether a policy owns them or not: each GPU counts once. */
function meanUtilization(snapshot: Snapshot): number | null {
  const means = snapshot.nodes.flatMap(({ telemetry }) =>
    telemetry.kind === "reported" && snapshot.at - telemetry.receivedAt <= FRESH_MS
      ? telemetry.gpus.flatMap(({ mean60 }) => (mean60 === null ? [] : [mean60]))
      : [],
  );
  return means.length === 0 ? null : total(means) / means.length;
}

/** As old as a report may be for a decision. */
const FRESH_MS = 15_000;

function readyNodes(snapshot: Snapshot, plan: Plan, type: CapacityType): number {
  return total(
    plan.figures.flatMap(({ policy, pools }) =>
      pools.map(({ pool, ready }) => (capacityOf(snapshot, policy, pool) === type ? ready : 0)),
    ),
  );
}

function cooldowns(plan: Plan, field: "upCooldownMs" | "downCooldownMs") {
  return plan.figures.flatMap((figures) =>
    Object.entries(figures[field]).map(([pool, ms]) => ({
      labels: { policy: figures.policy, pool },
      value: ms / 1000,
    })),
  );
}

function countDecision(
  metrics: CoordinatorMetrics,
  policy: string,
  pool: string,
  action: string,
  because: PolicyReasons,
): void {
  metrics.inc("gpu_autoscaler_decision_total", { policy, pool, action, reason: because[0]?.code ?? "none" });
}

type PolicyReasons = Plan["holds"][number]["because"];
export type ValidPolicy = Extract<PolicyInput, { kind: "valid" }>;

function total(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
