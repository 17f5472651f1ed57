// An hour of a small fleet as Prometheus would have it, one sample a minute: two coordinators of which one leads, two GPU
// nodes, pods and what kube-state-metrics says of them. Everything happens now and then, so that no panel has nothing to
// show. In the notation of promtool's unit tests.

type Series = readonly (readonly [name: string, labels: Readonly<Record<string, string>>, values: string])[];

export const FLEET_MINUTES = 60;
const steady = (value: number): string => `${value}+0x${FLEET_MINUTES}`;
const growing = (by = 1): string => `0+${by}x${FLEET_MINUTES}`;

/** The one that leads, and one that led before and still shows what it saw then. */
const REPLICAS = ["10.1.0.1:9403", "10.1.0.2:9403"].map((instance) => ({
  instance,
  job: "gpu-autoscaler-coordinator",
}));
const NODES = ["gpu-7", "gpu-8"].map((node, index) => ({
  node,
  instance: `10.0.0.${index + 7}:9402`,
  job: "gpu/gpu-autoscaler-agent",
}));
const KUBE = { job: "kube-state-metrics", instance: "10.1.0.9:8080" };

const POOLS = [
  { policy: "gpus", pool: "spot-a" },
  { policy: "gpus", pool: "spot-b" },
  { policy: "gpus", pool: "od-a" },
];
const TIER: Readonly<Record<string, string>> = { "spot-a": "spot", "spot-b": "spot", "od-a": "on-demand" };
const USD: Readonly<Record<string, number>> = { "spot-a": 10, "spot-b": 14, "od-a": 30 };
const STOCK = {
  cloud: "aws",
  region: "us-west-2",
  zone: "us-west-2a",
  zone_id: "usw2-az1",
  instance_type: "p4d.24xlarge",
};
const ACCOUNT = { account: "aws us-west-2", back_end: "aws" };
const MODEL = "NVIDIA H200";

/** Ten events a minute, all of them within `le` and half of them within a tenth of it. */
function histogram(name: string, labels: Readonly<Record<string, string>>, le: number): Series {
  return [
    [`${name}_bucket`, { ...labels, le: String(le / 10) }, growing(5)],
    [`${name}_bucket`, { ...labels, le: String(le) }, growing(10)],
    [`${name}_bucket`, { ...labels, le: "+Inf" }, growing(10)],
    [`${name}_sum`, labels, growing(10)],
    [`${name}_count`, labels, growing(10)],
  ];
}

function ofCoordinator(at: (typeof REPLICAS)[number], index: number): Series {
  const prefixed = (series: Series): Series =>
    series.map(([name, labels, values]) => [`gpu_autoscaler_${name}`, { ...at, ...labels }, values]);
  return prefixed([
    ["leader", {}, steady(index === 0 ? 1 : 0)],
    ["nats_connected", {}, steady(1)],
    ["last_reconcile_timestamp", {}, index === 0 ? growing(60) : steady(7)],
    ["reconcile_errors_total", {}, growing()],
    ["node_count", { capacity_type: "spot" }, steady(4 + index)],
    ["node_count", { capacity_type: "on-demand" }, steady(1 + index)],
    ["desired_node_count", {}, steady(6 + index)],
    ["cluster_utilization", {}, steady(0.5 + index / 10)],
    ["pending_pods", {}, steady(3 + index)],
    ["underutilized_nodes", {}, steady(1 + index)],
    ["nodes_unknown", {}, steady(1 + index)],
    ["packing_pods_left_out", {}, steady(index)],
    ["spot_interruptions_total", {}, growing()],
    ["spot_termination_warnings", {}, steady(1 + index)],
    ["interruption_hints", { kind: "rebalance" }, steady(1 + index)],
    ["drills_refused", {}, steady(1 + index)],
    ["peers_told_total", {}, growing()],
    ["spot_interruptions_per_node_day", STOCK, steady(0.4 + index)],
    ["spot_node_days_seen", STOCK, steady(20 + index)],
    ["policy_condition", { policy: "gpus", type: "Active", status: "True" }, steady(1 - index)],
    ["policy_condition", { policy: "gpus", type: "Active", status: "False" }, steady(index)],
    ["offerings_paused", { policy: "gpus", kind: "no-capacity" }, steady(2 + index)],
    ["fleet_cost_usd_per_hour", { policy: "gpus" }, steady(78 + index)],
    ["fleet_cost_estimate_usd_per_hour", { policy: "gpus" }, steady(78 + index)],
    ["fleet_cost_estimate_usd_per_hour", { policy: "unpriced" }, steady(12 + index)],
    ["spend_namespace_usd_total", { namespace: "team-a" }, index === 0 ? growing(0.4) : steady(5)],
    ["spend_label_usd_total", { label: "team", value: "vision" }, index === 0 ? growing(0.4) : steady(5)],
    ["demand_gpus", { policy: "gpus", gpu_type: "H200" }, steady(40 + index)],
    ...[
      ["0.5", 44],
      ["0.9", 56],
    ].map(([quantile, gpus]): Series[number] => [
      "forecast_gpus",
      { policy: "gpus", gpu_type: "H200", quantile: String(quantile) },
      steady(Number(gpus) + index),
    ]),
    ["spend_unobserved_seconds_total", {}, steady(12)],
    ["estimated_monthly_cost_usd", { capacity_type: "spot" }, steady(20_160 + index)],
    ["estimated_monthly_cost_usd", { capacity_type: "on-demand" }, steady(23_040 + index)],
    ["estimated_monthly_savings_usd", {}, steady(9_000 + index)],
    ["spot_savings_percentage", {}, steady(60 + index)],
    ...POOLS.flatMap((pool): Series => {
      const tier = TIER[pool.pool] ?? "";
      return [
        ["pool_info", { ...pool, back_end: "aws", capacity_type: tier }, steady(1)],
        ["inflight_nodes", pool, steady(1 + index)],
        ["pool_nodes", { ...pool, state: "ready" }, steady(2 + index)],
        ["pool_nodes", { ...pool, state: "draining" }, steady(index)],
        ["pool_desired_nodes", pool, steady(3 + index)],
        ["scale_up_cooldown_remaining_seconds", pool, steady(30)],
        ["scale_down_cooldown_remaining_seconds", pool, steady(60)],
        ["decision_total", { ...pool, action: "hold", reason: "nothing-to-do" }, growing(6)],
        ["decision_total", { ...pool, action: "grow", reason: "schedule" }, growing()],
        ["node_price_usd_per_hour", { ...pool, source: "catalogue" }, steady((USD[pool.pool] ?? 0) + index)],
        ["price_age_seconds", pool, steady(3_600)],
        ["price_unknown_nodes", pool, steady(0)],
        [
          "cost_rate_usd_per_hour",
          { ...pool, capacity_type: tier, state: "allocated" },
          steady(USD[pool.pool] ?? 0),
        ],
        ["cost_rate_usd_per_hour", { ...pool, capacity_type: tier, state: "idle" }, steady(2 + index)],
        ["cost_unknown_nodes", { ...pool, capacity_type: tier }, steady(0)],
        // Only whoever leads goes on counting.
        ...["allocated", "idle"].flatMap((state): Series => [
          [
            "spend_usd_total",
            { ...pool, capacity_type: tier, state },
            index === 0 ? growing(0.1) : steady(5),
          ],
          ["spend_unknown_node_seconds_total", { ...pool, capacity_type: tier, state }, steady(0)],
        ]),
        [
          "spend_compared_usd_total",
          { ...pool, capacity_type: tier },
          index === 0 ? growing(0.2) : steady(9),
        ],
        [
          "spend_compared_on_demand_usd_total",
          { ...pool, capacity_type: tier },
          index === 0 ? growing(0.5) : steady(20),
        ],
        ...histogram("launch_stage_duration_seconds", { ...pool, back_end: "aws", stage: "total" }, 600),
        ...histogram("launch_stage_duration_seconds", { ...pool, back_end: "aws", stage: "ready" }, 300),
      ];
    }),
    ...["true", "false"].flatMap((success): Series =>
      ["grow", "replace"].map((action) => [
        "scaling_actions_total",
        { action, capacity_type: "spot", success },
        growing(),
      ]),
    ),
    ["provider_calls_total", { ...ACCOUNT, call: "describe", result: "throttled" }, growing()],
    ["provider_backoff_seconds", { account: ACCOUNT.account }, steady(5)],
    ["provider_groups_age_seconds", { account: ACCOUNT.account }, steady(9)],
    ...histogram("provider_call_duration_seconds", { ...ACCOUNT, call: "describe" }, 0.4),
    ...histogram("reconcile_duration_seconds", {}, 0.1),
    ...histogram("report_age_seconds", {}, 0.1),
    ["watch_errors_total", { kind: "unavailable" }, growing()],
    ["objects_unreadable_total", { kind: "pod" }, growing()],
    ["messages_refused_total", { kind: "report", reason: "malformed" }, growing()],
    ["nats_logins_total", { result: "not-authentic" }, growing()],
  ]);
}

function ofAgent(at: (typeof NODES)[number], index: number): Series {
  const gpu = { gpu: "0", uuid: `GPU-${index}` };
  const card = { ...gpu, model: MODEL };
  const mig = { mig_uuid: `MIG-${index}`, gpu_instance: "1", compute_instance: "0", profile: "1g.18gb" };
  const series: Series = [
    ["agent_gpu_source", { state: "ready" }, steady(1)],
    ["agent_gpu_source", { state: "hung" }, steady(0)],
    ["agent_sample_age_seconds", {}, steady(0.5)],
    ...histogram("agent_cycle_delay_seconds", {}, 0.01),
    ["nvml_errors_total", { code: "15" }, growing()],
    ["reports_sent_total", {}, growing(12)],
    ["reports_dropped_total", {}, growing()],
    ["events_waiting", {}, steady(1)],
    ["events_dropped_total", { kind: "health" }, growing()],
    ["watch_trouble_total", { resource: "pods", kind: "unavailable" }, growing()],
    ["metadata_up", { source: "aws" }, steady(index)],
    ["metadata_requests_total", { source: "aws", outcome: "failed" }, growing()],
    ["spot_notice_total", { source: "drill" }, growing()],
    ["interruption_hints_total", { source: "aws", kind: "rebalance" }, growing()],
    ["interruptions_survived_total", { source: "aws" }, growing()],
    ["drain_requests_total", { answer: "accepted" }, growing()],
    ["drain_pods_total", { class: "medium", outcome: "evicted" }, growing()],
    ["drains_unfinished_total", { cause: "notice" }, growing()],
    ["drills_ignored_total", { reason: "time-past" }, growing()],
    ["peer_words_total", { outcome: "told" }, growing()],
    ...histogram("notice_to_cordon_seconds", {}, 0.25),
    ...histogram("drain_seconds", { cause: "notice" }, 90),
    ...histogram("checkpoint_seconds", { result: "saved" }, 30),
    ["node_gpu_health", { state: "healthy" }, steady(1)],
    ["node_gpu_health", { state: "fatal" }, steady(0)],
    ...["healthy", "allocated"].flatMap((of): Series => [
      ["node_gpus", { of }, steady(of === "healthy" ? 8 : 6)],
      ["node_gpu_utilization_ratio", { of }, steady(0.4 + index / 10)],
    ]),
    [
      "gpu_holder",
      {
        ...gpu,
        mig_uuid: "",
        namespace: "team-a",
        pod: `serve-${index}`,
        container: "main",
        resource: "nvidia.com/gpu",
        replica: "",
      },
      steady(1),
    ],
    ["gpu_utilization_ratio", card, steady(0.6 - index / 10)],
    ["gpu_memory_interface_utilization_ratio", card, steady(0.2)],
    ["gpu_memory_used_bytes", card, steady(80)],
    ["gpu_memory_free_bytes", card, steady(20)],
    ["gpu_memory_total_bytes", card, steady(101)],
    ["gpu_temperature_celsius", card, steady(60)],
    ["gpu_power_watts", card, steady(500)],
    ["gpu_clock_event_active", { ...card, reason: "power_cap" }, steady(1)],
    ["gpu_ecc_volatile_corrected_total", card, growing()],
    ["gpu_ecc_volatile_uncorrected_total", card, growing()],
    ["gpu_reading_state", { ...gpu, field: "fabric_state", state: "failed" }, steady(1)],
    ["gpu_xid_errors_total", { ...gpu, xid: "31", class: "application" }, growing()],
    ["gpu_health", { ...gpu, level: "application", rule: "xid" }, steady(1)],
    ["mig_gpm_sm_active_ratio", { ...card, ...mig }, steady(0.3)],
  ];
  return series.map(([name, labels, values]) => [`gpu_autoscaler_${name}`, { ...at, ...labels }, values]);
}

/** Two pods of a Deployment, one on each GPU node, and its autoscaler, which is at its limit. */
function ofKube(): Series {
  const pods = NODES.flatMap(({ node }, index): Series => {
    const pod = { ...KUBE, namespace: "team-a", pod: `serve-${index}`, uid: `uid-${index}` };
    const owner = { created_by_kind: "ReplicaSet", created_by_name: "serve-6c9f8d7b5" };
    return [
      ["kube_pod_info", { ...pod, node, ...owner }, steady(1)],
      ["kube_pod_status_phase", { ...pod, phase: "Running" }, steady(1)],
      ["kube_pod_status_phase", { ...pod, phase: "Pending" }, steady(0)],
      [
        "kube_pod_container_resource_requests",
        { ...pod, container: "main", node, resource: "nvidia_com_gpu", unit: "integer" },
        steady(1),
      ],
    ];
  });
  const deployment = { ...KUBE, namespace: "team-a", deployment: "serve" };
  const autoscaler = { ...KUBE, namespace: "team-a", horizontalpodautoscaler: "serve" };
  return [
    ...pods,
    ["kube_deployment_status_replicas", deployment, steady(2)],
    ["kube_deployment_spec_replicas", deployment, steady(3)],
    ["kube_horizontalpodautoscaler_status_current_replicas", autoscaler, steady(2)],
    ["kube_horizontalpodautoscaler_status_desired_replicas", autoscaler, "2+0x30 3+0x29"],
    ["kube_horizontalpodautoscaler_spec_max_replicas", autoscaler, steady(3)],
    ["jobs_queue_length", { namespace: "team-a", instance: "10.2.0.1:80" }, steady(40)],
    ...histogram("http_request_duration_seconds", { namespace: "team-a", instance: "10.2.0.1:80" }, 0.5),
  ];
}

/** Selector → values. */
export function fleetSeries(): Readonly<Record<string, string>> {
  const all = [...REPLICAS.flatMap(ofCoordinator), ...NODES.flatMap(ofAgent), ...ofKube()];
  return Object.fromEntries(
    all.map(([name, labels, values]) => {
      const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value}"`);
      return [`${name}{${pairs.join(", ")}}`, values];
    }),
  );
}
