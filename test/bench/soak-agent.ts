// What soak.ts measures: the agent's parts that work without end, at twenty times their pace. The shipped sampler with
// its thread, the sight and the verdicts take in every cycle; reports are built and the page is rendered on their own
// schedule; each cloud's metadata is watched while it fails in every way. It talks to nobody else, and says on its log how
// much it has done. Runs as a bundle beside the worker's.

import { createHealth } from "../../agent/assess/health/health.ts";
import { healthSeries } from "../../agent/assess/health/series.ts";
import { sourceDetail } from "../../agent/assess/idle.ts";
import { nodeFigures } from "../../agent/publish/metrics/node-figures.ts";
import { AGENT_METRICS, countCycle } from "../../agent/publish/metrics/own.ts";
import { createMetricsPage, readPageNames } from "../../agent/publish/metrics/page.ts";
import { createReporter } from "../../agent/publish/reports.ts";
import { startSampler } from "../../agent/sample/nvml/sampler.ts";
import { createSight } from "../../agent/sight.ts";
import type { GpuAllocation } from "../../shared/model/gpu-allocation.ts";
import type { GpuCycle } from "../../shared/model/gpu.ts";
import { WINDOW_SPANS_MS } from "../../shared/model/gpu.ts";
import { SUBJECT_ROOT } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLog } from "../../shared/runtime/log.ts";
import { createMetrics } from "../../shared/runtime/metrics.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import { SOAK_INTERVAL_MS } from "./soak-interval.ts";
import { watchSoakMetadata } from "./soak-watch.ts";

const NODE = "soak-node";
const SLOW_MS = millis(1_000);
const PAGE_EVERY_MS = millis(1_000);
const PAGES_PER_REPORT = 5;

const log = createLog({ level: "info", base: { program: "soak" } });
const clock = systemClock;
const done = { cycles: 0, events: 0, pages: 0, reports: 0 };

// The windows reach back ten minutes. Their memory is used from the start, or it would seem to leak until it is.
let pastMs = 0;
const sightClock = { monotonic: () => millis(clock.monotonic() + pastMs) };
const sight = createSight({ intervalMs: SOAK_INTERVAL_MS, clock: sightClock, onChange: () => {} });
const fillWindows = (cycle: GpuCycle): void => {
  for (; pastMs < WINDOW_SPANS_MS.w600; pastMs += SOAK_INTERVAL_MS) sight.onCycle(cycle);
};

const moment = () => ({ at: clock.now(), steady: clock.monotonic() });
const health = createHealth({
  intervalMs: SOAK_INTERVAL_MS,
  slowIntervalMs: SLOW_MS,
  boot: null,
  memory: null,
  startedAt: moment(),
});
const metadata = watchSoakMetadata(readEnvironment(), NODE);
const metrics = createMetrics(AGENT_METRICS);
const page = createMetricsPage({
  own: metrics,
  names: await readPageNames(
    { metricNames: ["native", "guide", "dcgm"], dcgmCounters: null, dcgmHostnameLabel: "Hostname" },
    log,
  ),
  slowIntervalMs: SLOW_MS,
  shown: () => {
    const { seen, samples, ageMs, allocation } = sight;
    const xids = health.xids();
    const told = { findings: health.findings(), xids, node: health.node(moment()) };
    return {
      node: NODE,
      seen,
      samples,
      sampleAgeMs: ageMs,
      eventsWaiting: 0,
      allocation,
      health: { series: healthSeries(NODE, seen.gpus, told), xids },
      figures: () => nodeFigures(sight.view()),
      metadata: metadata.shown.health.state,
      cloud: metadata.shown.cloud,
      revision: sight.revision,
      steady: clock.monotonic(),
    };
  },
});
const reporter = createReporter({
  nats: { publishLatest: (_subject, bytes) => bytes.byteLength > 0 },
  node: NODE,
  subjectRoot: SUBJECT_ROOT,
  describeSource: sourceDetail,
});

startSampler({
  workerUrl: new URL("./nvml-worker.js", import.meta.url),
  intervalMs: SOAK_INTERVAL_MS,
  slowIntervalMs: SLOW_MS,
  gpm: true,
  library: { path: null, driverRoots: [] },
  clock,
  onCycle: (cycle) => {
    if (cycle.samples.length > 0) {
      if (done.cycles === 0) fillWindows(cycle);
      done.cycles++;
    }
    sight.onCycle(cycle);
    health.cycle(cycle, moment());
    countCycle(metrics, cycle, clock.now());
    page.onCycle(cycle);
  },
  onSource: (source) => {
    sight.onSource(source);
    health.source(source, moment());
  },
  onEvent: (event) => {
    done.events++;
    health.event(event, moment());
  },
});

say("sampling", {});
for (let second = 1; ; second++) {
  await clock.sleep(PAGE_EVERY_MS);
  health.tick(moment());
  sight.onHealth(health.findings(), health.node(moment()));
  const bytes = (await page.parts("openmetrics")).reduce((sum, { length }) => sum + length, 0);
  if (bytes > 0) done.pages++;
  if (second % PAGES_PER_REPORT !== 0) continue;
  // As the kubelet's answer comes: new objects each time.
  sight.onAllocation(allocation());
  if (reporter.send(sight.view(), clock.now())) done.reports++;
  say("done so far", { ...done, ...metadata.counts, at: clock.monotonic() });
}

function say(message: string, fields: Readonly<Record<string, number>>): void {
  console.log(JSON.stringify({ level: "info", message, ...fields }));
}

function allocation(): GpuAllocation {
  return {
    kind: "known",
    at: clock.now(),
    holders: sight.seen.gpus.map(({ uuid, index }) => ({
      namespace: "default",
      pod: `train-${index}`,
      container: "main",
      resource: "nvidia.com/gpu",
      device: uuid,
      gpu: uuid,
      instance: null,
      replica: null,
    })),
  };
}
