// The agent's process: reads the settings, builds the parts and ties them together. It starts with the driver,
// the API server and NATS away, and goes on when they come.

import { readFileSync } from "node:fs";

import { graceAt, planDrain, startsOf } from "../shared/model/drain-plan.ts";
import { FIELD_MANAGER } from "../shared/model/names.ts";
import { seededRandom } from "../shared/model/random.ts";
import { millis } from "../shared/model/units.ts";
import { startAdmin } from "../shared/runtime/admin.ts";
import type { Check, Checks } from "../shared/runtime/admin.ts";
import { systemClock } from "../shared/runtime/clock.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { describe, ERROR_KINDS, kindOf } from "../shared/runtime/errors.ts";
import { createKubeClient } from "../shared/runtime/kube/client.ts";
import { inClusterConfig } from "../shared/runtime/kube/config.ts";
import type { KubeConfig } from "../shared/runtime/kube/config.ts";
import { createEventRecorder } from "../shared/runtime/kube/events.ts";
import { createLog } from "../shared/runtime/log.ts";
import type { Log } from "../shared/runtime/log.ts";
import { createMetrics } from "../shared/runtime/metrics.ts";
import { connectNats } from "../shared/runtime/nats.ts";
import type { Nats } from "../shared/runtime/nats.ts";
import { runProgram } from "../shared/runtime/process.ts";
import type { Program } from "../shared/runtime/process.ts";
import { effectiveSettings, loadSettings, readEnvironment } from "../shared/runtime/settings.ts";
import type { SettingValues } from "../shared/runtime/settings.ts";
import { createPulse } from "../shared/runtime/stream.ts";
import { createMarker } from "./act/cordon.ts";
import { createDrainer } from "./act/drain.ts";
import { sourceDetail } from "./assess/idle.ts";
import { runLoop } from "./loop.ts";
import { createNews } from "./news.ts";
import { createEventPublisher } from "./publish/events.ts";
import { AGENT_METRICS, countErrors, fillGauges } from "./publish/metrics.ts";
import { createReporter } from "./publish/reports.ts";
import { watchOwnNode } from "./sample/node-watch.ts";
import type { OwnNode } from "./sample/node-watch.ts";
import { startSampler } from "./sample/nvml/sampler.ts";
import { watchOwnPods } from "./sample/pods.ts";
import { AGENT_SETTINGS } from "./settings.ts";
import { createSight } from "./sight.ts";
import type { Sight } from "./sight.ts";

type AgentSettings = SettingValues<typeof AGENT_SETTINGS>;

const NAME = "gpu-autoscaler-agent";
const clock = systemClock;

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
  /** Outlives `signal`: a drain in progress is brought to its end after the agent was asked to stop. */
  const lasting = new AbortController();

  // 1. The GPUs. Stopped last: a driver call that does not return leaves no other way out than SIGKILL.
  const sight = createSight({ intervalMs: values.sampleInterval, clock, onChange: pulse.trigger });
  const sampler = startSampler({
    workerUrl: workerUrl(),
    intervalMs: values.sampleInterval,
    slowIntervalMs: values.slowInterval,
    gpm: values.gpm,
    onEvent: () => {},
    library: { path: values.nvmlLibrary, driverRoots: values.driverRoots },
    clock,
    onCycle: (cycle) => {
      sight.onCycle(cycle);
      countErrors(metrics, cycle.samples);
    },
    onSource: (source) => {
      // A hang is told anew twice a second, for hours if need be; one line is enough for it.
      if (source.state !== sight.seen.source.state)
        log.info({ state: source.state, reason: sourceDetail(source) }, "GPU source");
      sight.onSource(source);
    },
  });
  onStop("sampler", async () => {
    if ((await sampler.stop(millis(2_000))) === "stopped") return;
    log.error({ reason: sourceDetail(sampler.source()) }, "a driver call does not return; ending by SIGKILL");
    process.kill(process.pid, "SIGKILL");
  });

  // 2. The API server and NATS: both may be away now and come later.
  const kube = createKubeClient({
    config: await kubeConfig(values),
    clock,
    userAgent: NAME,
    fieldManager: FIELD_MANAGER.agent,
  });
  onStop("kubernetes client", () => {
    kube.close();
  });
  const nats = connectNats({
    servers: values.natsServers,
    name: `agent ${node}`,
    ...natsAuth(values),
    log,
    clock,
    random,
  });
  onStop("nats", () => nats.close());
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
  const own = watchOwnNode(watched("nodes", pulse.trigger));
  const pods = watchOwnPods(
    watched("pods", () => {
      drainer.podsChanged();
      pulse.trigger();
    }),
  );

  // 4. What we say, and to whom.
  const publisher = createEventPublisher({
    nats,
    node,
    subjectRoot,
    clock,
    random,
    log,
    onSent: (kind) => {
      metrics.inc("gpu_autoscaler_events_stored_total", { kind });
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
    onPhase: pulse.trigger,
    signal: lasting.signal,
  });

  // 5. What we do.
  const drainer = createDrainer({
    marker: createMarker({
      client: kube,
      node,
      known: own.current,
      clock,
      random,
      log,
      signal: lasting.signal,
    }),
    news,
    pods: pods.store,
    self: values.podName === null ? null : `${values.podNamespace ?? kube.namespace}/${values.podName}`,
    evict: kube.evict,
    plan: planDrain,
    starts: startsOf,
    grace: graceAt,
    clock,
    random,
    log,
  });

  onStop("marks", () => drainer.settled(), 3_000);

  // 6. Metrics and probes.
  const admin = await startAdmin({
    host: values.metricsHost,
    port: values.metricsPort,
    metrics: () => {
      const { seen, samples, ageMs } = sight;
      fillGauges(metrics, { node, seen, samples, sampleAgeMs: ageMs, eventsWaiting: publisher.waiting });
      return metrics.text();
    },
    // A hung driver is nothing that a restart heals, so liveness does not look at it.
    live: {},
    ready: readyChecks({ sight, own, nats, clock }),
    log,
  });
  onStop("admin", () => admin.close());
  log.info({ url: admin.url }, "metrics and probes");

  // 7. The loop, until we are asked to stop and no drain is under way.
  await runLoop({
    node,
    drills: values.drills,
    reportIntervalMs: values.reportInterval,
    shutdownGraceMs: values.shutdownGrace,
    sight,
    ownNode: own.current,
    podsSynced: () => pods.store.synced,
    drainer,
    reporter: createReporter({ nats, node, subjectRoot, describeSource: sourceDetail }),
    news,
    pulse,
    clock,
    random,
    log,
    signal,
    lasting: lasting.signal,
  });
}

/** From source the worker is TypeScript beside its parts; in the bundle it lies beside the bundle. */
function workerUrl(): URL {
  const fromSource = import.meta.url.endsWith(".ts");
  return new URL(fromSource ? "./sample/nvml/worker.ts" : "./nvml-worker.js", import.meta.url);
}

async function kubeConfig(values: AgentSettings): Promise<KubeConfig> {
  if (values.kubeconfig === null) {
    const { kubernetesHost, kubernetesPort } = values;
    return await inClusterConfig({
      host: kubernetesHost ?? undefined,
      port: kubernetesPort ?? undefined,
      clock,
    });
  }
  // Loaded only outside a cluster: the YAML parser costs every agent memory that it would never use.
  const { readKubeconfig } = await import("../shared/runtime/kube/kubeconfig.ts");
  return await readKubeconfig(values.kubeconfig, { clock });
}

function natsAuth(values: AgentSettings) {
  const path = values.natsTokenFile;
  if (path === null) return {};
  return { auth: { kind: "token" as const, read: () => readFileSync(path, "utf8").trim() } };
}

function readyChecks(parts: {
  readonly sight: Pick<Sight, "seen">;
  readonly own: OwnNode;
  readonly nats: Pick<Nats, "state">;
  readonly clock: Pick<Clock, "now">;
}): Checks {
  const { sight, own, nats } = parts;
  return {
    gpus: (): Check => ({ ok: sight.seen.source.state === "ready", detail: sourceDetail(sight.seen.source) }),
    kubernetes: (): Check => {
      const { synced, staleSince } = own.store;
      if (!synced) return { ok: false, detail: "the node has not been read yet" };
      if (own.current() === undefined)
        return { ok: false, detail: "the API server knows no node of this name" };
      if (staleSince === null) return { ok: true, detail: "the node is watched" };
      return {
        ok: false,
        detail: `nothing heard for ${Math.round((parts.clock.now() - staleSince) / 1000)} s`,
      };
    },
    nats: (): Check => {
      const state = nats.state();
      const detail = state.kind === "connected" ? `connected to ${state.server}` : `away: ${state.why}`;
      // The agent does its work without it; taking the pod out of service would help nobody.
      return { ok: state.kind === "connected", detail, required: false };
    },
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
