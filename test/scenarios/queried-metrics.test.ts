// Every metric and label that a dashboard or an alert asks for, on the pages that scrapes of the shipped agent and the
// shipped coordinator get; and the tables by which deploy checks queries, against the same pages. What only others serve
// (kube-state-metrics, Prometheus itself) stands in a list of its own, deploy/promql/foreign.ts.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { alertGroups } from "../../deploy/alerts/rules.ts";
import { dashboardQueries } from "../../deploy/dashboards/dashboards.ts";
import { FOREIGN_METRICS, TARGET_LABELS } from "../../deploy/promql/foreign.ts";
import { KNOWN_METRICS } from "../../deploy/promql/known.ts";
import type { KnownMetrics } from "../../deploy/promql/known.ts";
import { filled, namesIn } from "../../deploy/promql/names.ts";
import { encode } from "../../shared/contract/codec.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { millis } from "../../shared/model/units.ts";
import { eventually } from "../build/eventually.ts";
import { startFakeKubelet } from "../build/kubelet.ts";
import { aNotice, natsOf, publishNotice } from "../build/notices.ts";
import { aReport } from "../build/reports.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import { healthyGpu, healthyGpus } from "../nvml-double/fixture.ts";
import type { ScenarioGpu } from "../nvml-double/scenario.ts";
import { createScene } from "./agent-scene.ts";

const XID_EVENT = 0x8;
const XID = 31;
const CUT: ScenarioGpu = {
  ...healthyGpu(2),
  mig: {
    mode: 1,
    maxDevices: 7,
    instances: [
      {
        uuid: "MIG-00000001-aaaa-bbbb-cccc-dddddddddddd",
        gi: 1,
        ci: 0,
        gpuSlices: 1,
        computeSlices: 1,
        memoryTotalMib: 17_000,
        memoryUsedMib: 100,
        gpm: { 1: 12, 2: 11, 5: 3, 10: 5.5 },
      },
    ],
  },
};
const GPUS = [...healthyGpus(2), CUT];

/**
 * Asked for, and without a series where nothing of the kind has happened, or no cloud is there. Their heads are on the page
 * all the same, and of labels the page takes no others than the table has.
 */
const MAY_BE_WITHOUT: readonly string[] = [
  "gpu_autoscaler_checkpoint_seconds",
  "gpu_autoscaler_drain_pods_total",
  "gpu_autoscaler_drain_requests_total",
  "gpu_autoscaler_drains_unfinished_total",
  "gpu_autoscaler_drills_ignored_total",
  "gpu_autoscaler_estimated_monthly_savings_usd",
  "gpu_autoscaler_events_dropped_total",
  "gpu_autoscaler_demand_gpus",
  "gpu_autoscaler_forecast_gpus",
  "gpu_autoscaler_interruption_hints_total",
  "gpu_autoscaler_interruptions_survived_total",
  "gpu_autoscaler_messages_refused_total",
  "gpu_autoscaler_metadata_requests_total",
  "gpu_autoscaler_metadata_up",
  "gpu_autoscaler_nats_logins_total",
  "gpu_autoscaler_nvml_errors_total",
  "gpu_autoscaler_objects_unreadable_total",
  "gpu_autoscaler_offerings_paused",
  "gpu_autoscaler_packing_pods_left_out",
  "gpu_autoscaler_peer_words_total",
  "gpu_autoscaler_prewarmed_nodes_total",
  "gpu_autoscaler_price_age_seconds",
  "gpu_autoscaler_provider_backoff_seconds",
  "gpu_autoscaler_provider_call_duration_seconds",
  "gpu_autoscaler_provider_calls_total",
  "gpu_autoscaler_provider_groups_age_seconds",
  "gpu_autoscaler_rival",
  "gpu_autoscaler_spend_compared_on_demand_usd_total",
  "gpu_autoscaler_spend_compared_usd_total",
  "gpu_autoscaler_spend_unknown_node_seconds_total",
  "gpu_autoscaler_spot_interruptions_per_node_day",
  "gpu_autoscaler_spot_node_days_seen",
  "gpu_autoscaler_spot_savings_percentage",
  "gpu_autoscaler_watch_errors_total",
  "gpu_autoscaler_watch_trouble_total",
];

/** What dcgm-exporter's own dashboard asks for, in its newest form: metric → labels. */
const OF_DCGM_DASHBOARD: Readonly<Record<string, readonly string[]>> = {
  DCGM_FI_DEV_GPU_TEMP: ["Hostname", "gpu"],
  DCGM_FI_DEV_POWER_USAGE: ["Hostname", "gpu"],
  DCGM_FI_DEV_SM_CLOCK: ["Hostname", "gpu", "UUID"],
  DCGM_FI_PROF_GR_ENGINE_ACTIVE: ["Hostname", "gpu", "GPU_I_ID", "GPU_I_PROFILE"],
  DCGM_FI_PROF_PIPE_TENSOR_ACTIVE: ["Hostname", "gpu"],
  DCGM_FI_DEV_FB_USED: ["Hostname", "gpu"],
};

interface Page {
  /** Families with a head. */
  readonly heads: ReadonlySet<string>;
  /** Name of a series → labels of each. */
  readonly series: ReadonlyMap<string, readonly (readonly string[])[]>;
}

function pageOf(text: string): Page {
  const heads = new Set([...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name = ""]) => name));
  const samples = [...text.matchAll(/^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? \S+$/gm)].map(
    ([, name = "", labels = ""]) => ({
      name,
      labels: [...labels.matchAll(/(\w+)="(?:[^"\\]|\\.)*"/g)].map(([, label = ""]) => label),
    }),
  );
  const byName = Map.groupBy(samples, ({ name }) => name);
  return {
    heads,
    series: new Map([...byName].map(([name, all]) => [name, all.map(({ labels }) => labels)])),
  };
}

const familyOf = (name: string): string => name.replace(/_(?:bucket|sum|count)$/, "");
const has = ({ heads }: Page, name: string): boolean => heads.has(name) || heads.has(familyOf(name));

const ASKED = [
  ...dashboardQueries(),
  ...alertGroups().flatMap(({ alerts }) => alerts.map(({ name, query }) => ({ at: name, query }))),
].flatMap(({ at, query }) => namesIn(filled(query)).metrics.map((metric) => ({ at, ...metric })));
const OURS = ASKED.filter(({ name }) => !Object.hasOwn(FOREIGN_METRICS, name));

describe("what dashboards and alerts ask for", () => {
  const parts = new AsyncDisposableStack();
  let agent: Page;
  let coordinator: Page;

  beforeAll(async () => {
    const kubelet = parts.use(
      await startFakeKubelet([
        holder("train", "nvidia.com/gpu", healthyGpu(0).uuid),
        holder("infer", "nvidia.com/mig-1g.18gb", CUT.mig?.instances?.[0]?.uuid),
      ]),
    );
    const env = {
      GPUAS_SAMPLE_INTERVAL: "200ms",
      GPUAS_SLOW_INTERVAL: "1s",
      GPUAS_METRIC_NAMES: "native,guide,dcgm",
      GPUAS_POD_RESOURCES_SOCKET: kubelet.socket,
    };
    // 1. A node with everything that a GPU can show, a fault among it.
    const scene = parts.use(await createScene({ gpus: GPUS }));
    const process = await scene.agent({ env });
    scene.double.write({ gpus: GPUS, events: [{ afterMs: 0, gpu: 0, type: XID_EVENT, data: XID }] });
    // 2. A node whose mean is known, since none of its GPUs is cut, and which is drained.
    const plain = parts.use(await createScene({ gpus: [healthyGpu(0)] }));
    const drained = await plain.agent({ env });
    await plain.drill(120);
    const pages = await Promise.all([
      untilShown(process.url, [
        "gpu_autoscaler_gpu_holder",
        "gpu_autoscaler_gpu_xid_errors_total",
        "gpu_autoscaler_gpu_ecc_volatile_corrected_total",
        "gpu_autoscaler_mig_gpm_sm_active_ratio",
        "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
      ]),
      untilShown(drained.url, [
        "gpu_autoscaler_node_gpu_utilization_ratio",
        "gpu_autoscaler_spot_notice_total",
        "gpu_autoscaler_drain_seconds_count",
      ]),
    ]);
    agent = both(pages);
  });

  beforeAll(async () => {
    const price = { usdPerHour: 30 };
    const scene = parts.use(
      await openScene({
        pools: [aQuickPool({ replicas: 1 }), aQuickPool({ name: "od-b", capacityType: "on-demand" })],
      }),
    );
    await scene.until(() => scene.world.list("nodes").length === 1);
    scene.server.change((world) => world.submitJob({ id: "train", gpus: 8, durationMs: millis(600_000) }));
    await scene.until(() => scene.world.list("pods").some(({ status }) => status?.phase === "Running"));
    scene.policy(
      policySpec([poolSpec("spot-a", { price }), poolSpec("od-b", { capacityType: "on-demand", price })]),
    );
    const process = await scene.coordinator();
    await scene.until(() => scene.status()?.pools.some(({ ready }) => ready === 1));
    const node = scene.world.list("nodes")[0]?.metadata.name ?? "";
    const nats = await natsOf(scene);
    await publishNotice(scene, nats, aNotice(node));
    // Reports are not kept for whoever subscribes later, and grow old.
    let seq = 0;
    const report = (): void => {
      nats.publishLatest(
        subjectFor("report", node),
        encode<"report">(aReport(node, { utilization: 0.5, seq: seq++ })),
      );
    };
    coordinator = await untilShown(
      process.url,
      [
        "gpu_autoscaler_scaling_actions_total",
        "gpu_autoscaler_launch_stage_duration_seconds_count",
        "gpu_autoscaler_fleet_cost_usd_per_hour",
        "gpu_autoscaler_fleet_cost_estimate_usd_per_hour",
        "gpu_autoscaler_cluster_utilization",
        "gpu_autoscaler_spend_label_usd_total",
      ],
      report,
    );
  });
  afterAll(async () => {
    await parts.disposeAsync();
  });

  test("stands on the page of the program that the tables say, with its name", () => {
    const missing = OURS.filter(({ name }) => {
      const page = KNOWN_METRICS.agent.has(name) ? agent : coordinator;
      return !has(page, name);
    });
    expect(missing).toEqual([]);
  });

  test("has the labels by which it is chosen", () => {
    const wrong = OURS.flatMap(({ at, name, labels }) => {
      const series = agent.series.get(name) ?? coordinator.series.get(name) ?? [];
      const own = labels.filter((label) => !TARGET_LABELS.includes(label));
      return series.length === 0 || series.some((one) => own.every((label) => one.includes(label)))
        ? []
        : [`${at}: ${name} with ${own.join(", ")}`];
    });
    expect(wrong).toEqual([]);
  });

  test("has series here, but for what nothing has happened to count", () => {
    const seen = (name: string): boolean => agent.series.has(name) || coordinator.series.has(name);
    const without = OURS.filter(({ name }) => !seen(name)).map(({ name }) => familyOf(name));
    expect(without.filter((name) => !MAY_BE_WITHOUT.includes(name))).toEqual([]);
  });

  test("is told of by tables that know every series of both pages and all its labels", () => {
    const unknown = (page: Page, known: KnownMetrics): readonly string[] =>
      [...page.series].flatMap(([name, all]) => {
        const labels = known.get(name);
        if (labels === undefined) return [name];
        const strange = all.flat().filter((label) => !labels.includes(label));
        return [...new Set(strange)].map((label) => `${name}: ${label}`);
      });
    expect(unknown(agent, KNOWN_METRICS.agent)).toEqual([]);
    expect(unknown(coordinator, KNOWN_METRICS.coordinator)).toEqual([]);
  });

  test("is no hindrance to dcgm-exporter's own dashboard, which finds its names and labels", () => {
    for (const [name, labels] of Object.entries(OF_DCGM_DASHBOARD)) {
      const series = agent.series.get(name) ?? [];
      expect({ name, found: series.some((one) => labels.every((label) => one.includes(label))) }).toEqual({
        name,
        found: true,
      });
    }
  });
});

/** All that the page has shown, once it has had series of all these: a node that goes takes its own with it. */
async function untilShown(
  url: string,
  names: readonly string[],
  before: () => void = () => {},
): Promise<Page> {
  let shown: Page = { heads: new Set(), series: new Map() };
  const missing = (): readonly string[] => names.filter((name) => !shown.series.has(name));
  return await eventually(
    async () => {
      before();
      const page = pageOf(await (await fetch(new URL("/metrics", url))).text());
      // What is there now counts, and of what is gone the last that was seen.
      shown = {
        heads: new Set([...shown.heads, ...page.heads]),
        series: new Map([...shown.series, ...page.series]),
      };
      return missing().length === 0 ? shown : null;
    },
    { withinMs: 80_000, describe: () => `a page with ${missing().join(", ")}` },
  );
}

function both(pages: readonly Page[]): Page {
  const names = new Set(pages.flatMap(({ series }) => [...series.keys()]));
  return {
    heads: new Set(pages.flatMap(({ heads }) => [...heads])),
    series: new Map([...names].map((name) => [name, pages.flatMap(({ series }) => series.get(name) ?? [])])),
  };
}

function holder(name: string, resource: string, device: unknown) {
  return {
    namespace: "machine-learning",
    name,
    containers: [{ name: "main", devices: { [resource]: [String(device)] } }],
  };
}
