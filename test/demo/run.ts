// One run of the demo from the first process to the last: nats-server, the simulated cluster, the coordinator,
// an agent for each node; the trace and the script on top; then the checks. Everything that is started is
// stopped again, newest first, however the run ends.

import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { TraceJob } from "../../coordinator/replay/trace.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import type { Pod } from "../../shared/model/kube.ts";
import { after, elapsed, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startAgent } from "../build/agent.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { startNats } from "../build/nats.ts";
import { buildDouble } from "../nvml-double/build.ts";
import { startWorldServer } from "../world/server.ts";
import { runChecks } from "./checks.ts";
import type { CheckName, CheckResult } from "./checks.ts";
import { hasEmptyNode, waitingPods } from "./cluster.ts";
import type { Evidence } from "./evidence.ts";
import { figuresOf } from "./figures.ts";
import type { DemoFigures } from "./figures.ts";
import { createFleet } from "./fleet.ts";
import { createNarrator } from "./narrator.ts";
import type { Narrator } from "./narrator.ts";
import { GPUS_PER_NODE, loadPolicy, POOLS } from "./scene.ts";
import { runScript } from "./script.ts";
import type { ScriptRecord } from "./script.ts";
import { jobsOf } from "./workload.ts";
import type { DemoJob } from "./workload.ts";

/** Jobs that still run after this are left running: the trace has some of many hours. */
const LONGEST_MS = 145_000;
/** How long the last removals may take to be complete. */
const SETTLE_MS = 20_000;
/** Pods that have waited for so long, with nothing else running, will not get a node any more. */
const PATIENCE_MS = 20_000;
/** Time for telemetry to be whole again after NATS was away, and for a removal to follow from it. */
const QUIET_AFTER_SCRIPT_MS = 12_000;
const FOLLOW_EVERY = millis(100);
const PROGRESS_EVERY_MS = 5000;

export interface DemoRun {
  readonly events: Narrator["lines"];
  readonly startedAt: EpochMs;
  readonly figures: DemoFigures;
  readonly checks: readonly CheckResult[];
}

export async function runDemo(options: {
  readonly trace: readonly TraceJob[];
  readonly seed: number;
  readonly sabotage: CheckName | null;
  readonly print: (line: string) => void;
  readonly signal: AbortSignal;
}): Promise<DemoRun> {
  const { trace, seed, sabotage, print, signal } = options;
  await using stack = new AsyncDisposableStack();
  const started = <T>(thing: T, stop: (thing: T) => Promise<unknown>): T => {
    stack.defer(async () => void (await stop(thing)));
    return thing;
  };

  // 1. The ground: a folder, NATS, the NVML double, the cluster with its policy.
  const dir = started(await mkdtemp(join(tmpdir(), "gpu-autoscaler-demo-")), (path) =>
    rm(path, { recursive: true, force: true }),
  );
  // Also when a second Ctrl-C ends us at once: the folder holds a token.
  process.once("exit", () => rmSync(dir, { recursive: true, force: true }));
  const nats = started(await startNats({ ownGroup: true }), (server) => server.remove());
  const doubleDir = await buildDouble();
  const policy = loadPolicy();
  const clock = systemClock;
  const world = createWorld({
    start: clock.now(),
    seed,
    pools: POOLS,
    startDelayMs: millis(300),
    historyLimit: 20_000,
  });
  world.put("autoscalingpolicies", policy.object);
  const server = started(await startWorldServer({ world, clock, token: randomUUID() }), (each) =>
    each.close(),
  );
  const change = (make: (world: World) => void): void => server.change(make);
  const kubeconfig = join(dir, "kubeconfig");
  await writeFile(kubeconfig, server.kubeconfig(), { mode: 0o600 });
  print(`nats-server at ${nats.url}, simulated cluster at ${server.url}`);

  // 2. The coordinator, before there is anything to decide.
  started(
    await startCoordinator({
      kubeconfig,
      nats: nats.url,
      from: "bundle",
      waitFor: "leading",
      ownGroup: true,
    }),
    (each) => each.stop(),
  );
  print("coordinator is ready; the trace begins");
  signal.throwIfAborted();

  // 3. The trace arrives, nodes get their agents, the script runs.
  const startedAt = clock.now();
  const jobs = new Map<string, DemoJob>();
  const addJob = (job: DemoJob): void => {
    jobs.set(job.spec.id, job);
    change((cluster) => cluster.submitJob(job.spec));
  };
  const jobOf = (pod: Pod): DemoJob | undefined => jobs.get(pod.metadata.ownerReferences?.[0]?.name ?? "");
  const endsAt = (pod: Pod): EpochMs | null => {
    const job = jobOf(pod);
    const from = parseInstant(pod.status?.startTime ?? "") ?? clock.now();
    return job === undefined ? null : after(from, job.spec.durationMs);
  };
  for (const job of jobsOf(trace, startedAt, seed)) addJob(job);
  const lastArrivalMs = Math.max(...[...jobs.values()].map((job) => (job.spec.at ?? startedAt) - startedAt));
  const narrator = createNarrator({ world, startedAt, now: clock.now, print });
  const fleet = started(
    createFleet({
      world,
      now: clock.now,
      scenarioDir: dir,
      utilizationOf: (job) => jobs.get(job)?.utilization ?? 0,
      start: (node, scenario) =>
        startAgent({
          node,
          kubeconfig,
          nats: nats.url,
          doubleDir,
          scenario,
          waitFor: "listening",
          ownGroup: true,
        }),
      onTrouble: narrator.say,
    }),
    (each) => each.stop(),
  );
  const record: ScriptRecord = { drill: null, natsAway: [] };
  const ended = new AbortController();
  const either = AbortSignal.any([signal, ended.signal]);
  let scriptEndedAt: EpochMs | null = null;
  const script = runScript(
    {
      world,
      change,
      clock,
      narrator,
      seed,
      sabotage,
      nats,
      killAgent: fleet.kill,
      addJob,
      endsAt,
      limits: policy.limits,
      signal: either,
    },
    startedAt,
    record,
  ).then(() => {
    scriptEndedAt = clock.now();
  });
  // It may be in the middle of a restart of NATS: what it starts has to be there when NATS is removed.
  stack.defer(async () => {
    ended.abort();
    await script.catch(() => undefined);
  });

  // 4. Follow until the trace has run, or as long as there is time.
  const outlives = (id: string): boolean => {
    const { at = startedAt, durationMs = 0 } = jobs.get(id)?.spec ?? {};
    return at - startedAt + durationMs > LONGEST_MS;
  };
  const isOver = (): boolean => {
    const passed = elapsed(startedAt, clock.now());
    if (passed > LONGEST_MS) return true;
    const quiet = scriptEndedAt !== null && elapsed(scriptEndedAt, clock.now()) > QUIET_AFTER_SCRIPT_MS;
    if (!quiet || passed < lastArrivalMs + 1000) return false;
    const waiting = waitingPods(world);
    // What still runs then would outlive the demo, and no node is left to go.
    if (waiting.length === 0) return world.openJobs().every(outlives) && !hasEmptyNode(world);
    const idle = !world.list("pods").some((pod) => pod.status?.phase === "Running");
    const created = waiting.map((pod) => parseInstant(pod.metadata.creationTimestamp ?? "") ?? clock.now());
    return idle && clock.now() - Math.max(...created) > PATIENCE_MS;
  };
  let progressAt = 0;
  while (!isOver()) {
    await clock.sleep(FOLLOW_EVERY, signal);
    fleet.follow();
    narrator.follow();
    const passed = elapsed(startedAt, clock.now());
    if (passed - progressAt < PROGRESS_EVERY_MS) continue;
    progressAt = passed;
    narrator.progress(LONGEST_MS / 1000);
  }
  ended.abort();
  await script.catch((error: unknown) => {
    if (!ended.signal.aborted) throw error;
  });

  // 5. Moves that are under way may end; then the books are closed.
  const collect = (): Evidence => ({
    startedAt,
    endedAt: clock.now(),
    ledger: [...world.ledger],
    limits: policy.limits,
    drill: record.drill,
    natsAway: record.natsAway,
    agents: fleet.lives,
    nodes: world.list("nodes"),
    pods: world.list("pods"),
    machines: world.list("machines"),
    gpusPerNode: GPUS_PER_NODE,
  });
  const closing = clock.now();
  const unsettled = (): boolean =>
    runChecks(collect()).some((check) => check.name === "orphans" && !check.held);
  while (unsettled() && elapsed(closing, clock.now()) < SETTLE_MS) {
    await clock.sleep(FOLLOW_EVERY, signal);
    fleet.follow();
    narrator.follow();
  }
  narrator.finish();
  const evidence = collect();
  return { events: narrator.lines, startedAt, figures: figuresOf(evidence), checks: runChecks(evidence) };
}
