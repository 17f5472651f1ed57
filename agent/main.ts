// The agent's process: reads the settings, builds the parts and ties them together. It starts with the driver,
// the API server and NATS away, and goes on when they come.

import { readFileSync } from "node:fs";

import { inboxPrefixFor } from "../shared/contract/subjects.ts";
import { FIELD_MANAGER } from "../shared/model/names.ts";
import { seededRandom } from "../shared/model/random.ts";
import { millis } from "../shared/model/units.ts";
import { startAdmin } from "../shared/runtime/admin.ts";
import { asksForVersion, versionLine } from "../shared/runtime/build-info.ts";
import { systemClock } from "../shared/runtime/clock.ts";
import { AppError, describe, ERROR_KINDS, kindOf } from "../shared/runtime/errors.ts";
import { createKubeClient } from "../shared/runtime/kube/client.ts";
import { createEventRecorder } from "../shared/runtime/kube/events.ts";
import { createLog } from "../shared/runtime/log.ts";
import type { Log } from "../shared/runtime/log.ts";
import { createMetrics } from "../shared/runtime/metrics.ts";
import { connectNats } from "../shared/runtime/nats.ts";
import { runProgram } from "../shared/runtime/process.ts";
import type { Program } from "../shared/runtime/process.ts";
import { effectiveSettings, loadSettings, readEnvironment } from "../shared/runtime/settings.ts";
import type { SettingValues } from "../shared/runtime/settings.ts";
import { createPulse } from "../shared/runtime/stream.ts";
import type { Drainer } from "./act/drain.ts";
import { nodeDetailOf } from "./assess/detail.ts";
import { healthSeries } from "./assess/health/series.ts";
import { sourceDetail } from "./assess/idle.ts";
import { noticeFromState } from "./assess/interruption.ts";
import { isAgentCommand } from "./ctl/arguments.ts";
import { untilPastHealing } from "./exit-watch.ts";
import { watchGpus } from "./gpus.ts";
import type { GpuWatch } from "./gpus.ts";
import { attendToInterruptions } from "./interruptions.ts";
import { agentKubeConfig } from "./kube-config.ts";
import { runLoop } from "./loop.ts";
import { createNews } from "./news.ts";
import { answerAsk } from "./publish/ask.ts";
import { createEventPublisher } from "./publish/events.ts";
import { nodeFigures } from "./publish/metrics/node-figures.ts";
import { AGENT_METRICS, countCycle } from "./publish/metrics/own.ts";
import { createMetricsPage, readPageNames } from "./publish/metrics/page.ts";
import { createReporter } from "./publish/reports.ts";
import { createTold } from "./publish/told.ts";
import { readyChecks } from "./ready.ts";
import { deviceNodesState, readDeviceNodes } from "./sample/device-nodes.ts";
import { watchMetadata } from "./sample/metadata/watch.ts";
import { watchOwnNode } from "./sample/node-watch.ts";
import { watchOwnPods } from "./sample/pods.ts";
import type { GpuSampler } from "./sample/source.ts";
import { AGENT_SETTINGS } from "./settings.ts";
import { createSight } from "./sight.ts";
import { openAgentWeb } from "./web.ts";

type AgentSettings = SettingValues<typeof AGENT_SETTINGS>;

const NAME = "gpu-autoscaler-agent";
/** With seconds left every pod of a full node is asked at once; beside them are watches, marks and events. */
const SOCKETS = 288;
const clock = systemClock;

if (asksForVersion(process.argv.slice(2))) {
  process.stdout.write(`${versionLine(NAME)}\n`);
  process.exit(0);
}

// A word is a person's command; what it needs is loaded by nobody else.
if (isAgentCommand(process.argv.slice(2))) {
  const { runAgentCommand } = await import("./ctl/commands.ts");
  const argv = process.argv.slice(2);
  process.exit(await runAgentCommand({ argv, environment: readEnvironment(), workerUrl: workerUrl() }));
}

const settings = readSettings();
const log = createLog({
  level: settings.values.logLevel,
  base: { program: NAME, node: settings.values.nodeName },
});
log.info({ settings: effectiveSettings(AGENT_SETTINGS, settings) }, "starting");
await runProgram({
  name: NAME,
  log,
  main: (program) => runAgent(settings.values, program),
  settleWithinMs: settings.values.shutdownGrace + 5_000,
});

async function runAgent(values: AgentSettings, { signal, onStop }: Program): Promise<void> {
  const { nodeName: node, subjectRoot } = values;
  const random = seededRandom(seedOf(node) ^ clock.now());
  const metrics = createMetrics(AGENT_METRICS);
  const pulse = createPulse(clock);
  let gpus: GpuWatch | null = null;
  /** Outlives `signal`: a drain in progress is brought to its end after the agent was asked to stop. */
  const lasting = new AbortController();

  // 1. What is seen of the GPUs. The driver is stopped last: a call that does not return leaves no other way out than
  //    SIGKILL.
  const sight = createSight({ intervalMs: values.sampleInterval, clock, onChange: pulse.trigger });
  onStop("sampler", async () => {
    const sampler = gpus?.sampler;
    if (sampler === undefined || (await sampler.stop(millis(2_000))) === "stopped") return;
    log.error({ reason: sourceDetail(sampler.source()) }, "a driver call does not return; ending by SIGKILL");
    process.kill(process.pid, "SIGKILL");
  });

  // 2. The API server and NATS: both may be away now and come later.
  const kube = createKubeClient({
    config: await agentKubeConfig(values, clock),
    clock,
    userAgent: NAME,
    fieldManager: FIELD_MANAGER.agent,
    maxSockets: SOCKETS,
  });
  onStop("kubernetes client", () => {
    kube.close();
  });
  const nats = connectNats({
    servers: values.natsServers,
    name: `agent ${node}`,
    inboxPrefix: inboxPrefixFor(node),
    ...natsAuth(values),
    log,
    clock,
    random,
  });
  onStop("nats", () => nats.close());
  onStop("what outlives the agent", () => gpus?.ended, 3_000);
  onStop("waits", () => {
    lasting.abort();
  });

  // 3. Our own node and its pods, by watch.
  const watched = (resource: "nodes" | "pods", onChange: () => void) => ({
    client: kube,
    node,
    clock,
    random,
    log: log.child({ resource }),
    signal: lasting.signal,
    onChange,
    onTrouble: (kind: string) => {
      metrics.inc("gpu_autoscaler_watch_trouble_total", { resource, kind });
    },
  });
  const own = watchOwnNode(
    watched("nodes", () => {
      gpus?.nodeChanged();
      metadata.nodeKnown();
      pulse.trigger();
    }),
  );
  const pods = watchOwnPods(
    watched("pods", () => {
      interruptions.drainer.podsChanged();
      gpus?.podsChanged();
      pulse.trigger();
    }),
  );

  // 4. What the machine's own metadata says of its end.
  const metadata = watchMetadata({
    settings: values,
    nodeName: node,
    ownNode: own.current,
    clock,
    random,
    log,
    onChange: pulse.trigger,
    onAnswer: (source, outcome) => {
      metrics.inc("gpu_autoscaler_metadata_requests_total", { source, outcome });
    },
    signal: lasting.signal,
  });

  // 5. What we say, and to whom.
  const told = createTold(clock);
  const publisher = createEventPublisher({
    nats,
    node,
    subjectRoot,
    clock,
    random,
    log,
    onSent: (kind, id) => {
      metrics.inc("gpu_autoscaler_events_stored_total", { kind });
      if (kind === "notice") told.stored(id);
    },
    onDropped: (kind) => {
      metrics.inc("gpu_autoscaler_events_dropped_total", { kind });
    },
    signal: lasting.signal,
  });
  onStop("events", () => publisher.flushed(), 2_000);
  const news = createNews({
    node,
    nodeUid: () => own.current()?.metadata.uid,
    publisher,
    record: createEventRecorder({ client: kube, component: NAME, clock }),
    metrics,
    log,
    about: () => ({ machine: metadata.machine, gpus: sight.seen.gpus.length }),
    onPhase: pulse.trigger,
    signal: lasting.signal,
  });

  // 6. What we do about it.
  const interruptions = attendToInterruptions({
    values,
    metadata,
    kube,
    nats,
    ownNode: own.current,
    pods: pods.store,
    news,
    metrics,
    publishedAt: told.at,
    onChange: pulse.trigger,
    clock,
    random,
    log,
    signal: lasting.signal,
  });
  const { drainer } = interruptions;
  onStop("marks", () => drainer.settled(), 3_000);

  // 7. The GPUs: driver, kernel log, verdicts, and who holds what.
  const page = createMetricsPage({
    own: metrics,
    names: await readPageNames(values, log),
    slowIntervalMs: values.slowInterval,
    shown: () => {
      const { seen, samples, ageMs, allocation } = sight;
      const xids = gpus?.desk.xids() ?? [];
      const findings = gpus?.desk.findings() ?? [];
      const health = gpus?.desk.node() ?? "unknown";
      return {
        node,
        seen,
        samples,
        sampleAgeMs: ageMs,
        eventsWaiting: publisher.waiting,
        allocation,
        figures: () => nodeFigures(sight.view()),
        metadata: metadata.health.state,
        cloud: metadata.cloud,
        revision: sight.revision,
        steady: clock.monotonic(),
        health: { series: healthSeries(node, seen.gpus, { findings, xids, node: health }), xids },
      };
    },
  });
  gpus = await watchGpus({
    values,
    workerUrl: workerUrl(),
    sight,
    kube,
    ownNode: own.current,
    pods: () => pods.store,
    publisher,
    news: news.health,
    onCycle: (cycle) => {
      countCycle(metrics, cycle, clock.now());
      page.onCycle(cycle);
    },
    clock,
    random,
    log,
    signal: lasting.signal,
  });
  gpus.nodeChanged();
  const asked = answerAsk({
    nats,
    node,
    subjectRoot,
    detail: () => nodeDetailOf({ node, at: clock.now(), view: sight.view(), samples: sight.samples }),
    signal: lasting.signal,
  });
  asked.catch((error: unknown) => {
    if (!lasting.signal.aborted) log.error({ part: "ask", error }, "questions are answered no longer");
  });

  // 8. Metrics and probes.
  const web = await openAgentWeb(values, { client: kube, log, clock });
  const admin = await startAdmin({
    host: values.metricsHost,
    port: values.metricsPort,
    metrics: () => page.parts("text"),
    openMetrics: () => page.parts("openmetrics"),
    // A hung driver is nothing that a restart heals, so liveness does not look at it.
    live: {},
    ready: readyChecks({ sight, own, nats, gpus, metadata, drainer, stopping: signal, clock }),
    web,
    log,
  });
  onStop("admin", () => admin.close());
  log.info({ url: admin.url }, "metrics and probes");

  // 9. The loop, until we are asked to stop and no drain is under way, or until only a new container helps.
  const looping = runLoop({
    node,
    drills: values.drills,
    reportIntervalMs: values.reportInterval,
    shutdownGraceMs: values.shutdownGrace,
    sight,
    ownNode: own.current,
    podsSynced: () => pods.store.synced,
    maintenanceLeadMs: values.maintenanceLead,
    told: () => metadata,
    permit: interruptions.permit,
    drainer,
    hints: interruptions.hints,
    reporter: createReporter({ nats, node, subjectRoot, describeSource: sourceDetail }),
    news,
    pulse,
    clock,
    random,
    log,
    signal,
    lasting: lasting.signal,
  });
  await Promise.race([looping, leaving({ sampler: gpus.sampler, drainer, signal: lasting.signal })]);
}

/** @throws AppError when this container cannot heal and nobody is being drained; otherwise it does not end. */
async function leaving(parts: {
  readonly sampler: Pick<GpuSampler, "source">;
  readonly drainer: Pick<Drainer, "busy" | "state">;
  readonly signal: AbortSignal;
}): Promise<never> {
  const { sampler, drainer, signal } = parts;
  const verdict = await untilPastHealing({
    source: sampler.source,
    nodes: async () => deviceNodesState(await readDeviceNodes()),
    busy: () => ({
      drain: drainer.busy,
      notice: drainer.state !== null && noticeFromState(drainer.state) !== null,
    }),
    clock,
    signal,
  });
  if (verdict === null) return await new Promise<never>(() => {});
  throw new AppError(verdict.code === 70 ? "driver-mismatch" : "devices-lost", verdict.why);
}

/** From source the worker is TypeScript beside its parts; in the bundle it lies beside the bundle. */
function workerUrl(): URL {
  const fromSource = import.meta.url.endsWith(".ts");
  return new URL(fromSource ? "./sample/nvml/worker.ts" : "./nvml-worker.js", import.meta.url);
}

function natsAuth({ natsTokenFile: path, natsCaFile: caFile }: AgentSettings) {
  return {
    ...(caFile === null ? {} : { caFile }),
    ...(path === null
      ? {}
      : { auth: { kind: "token" as const, read: () => readFileSync(path, "utf8").trim() } }),
  };
}

/** Spreads the jitter of agents that start in the same millisecond. */
function seedOf(node: string): number {
  let seed = 0;
  for (const character of node) seed = (Math.imul(seed, 31) + (character.codePointAt(0) ?? 0)) | 0;
  return seed;
}

function readSettings() {
  try {
    return loadSettings(AGENT_SETTINGS, readEnvironment(), process.argv.slice(2));
  } catch (error) {
    const failing: Log = createLog({ level: "error", base: { program: NAME } });
    failing.error({ error, reason: describe(error) }, "the settings cannot be used");
    process.exit(ERROR_KINDS[kindOf(error)].exitCode);
  }
}
