// What the coordinator costs when there is nothing to do: the shipped bundle with the flags it ships with, a fleet of
// 500 nodes and 5,000 pods in the simulated API server, and a report of each node's agent every five seconds over a real
// nats-server. Measured from outside, by what the kernel says of the process.

import { encode } from "../../shared/contract/codec.ts";
import { subjectFor } from "../../shared/contract/subjects.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { aBusyReport } from "../build/reports.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { lookAt } from "./look.ts";

const NODES = 500;
const GPUS = 8;
/** Beside one pod for each GPU. */
const DAEMON_SETS = 2;
const PODS = NODES * (GPUS + DAEMON_SETS);
/** After the start, compiled code and lists settle. */
const SETTLE_MS = millis(30_000);
const MEASURE_MS = millis(90_000);
const LOOK_EVERY_MS = millis(2_000);
const REPORT_EVERY_MS = 5_000;
/** Reports go out in so many shares, since agents do not speak all at once. */
const SHARES = 50;

export async function run(): Promise<Figure[]> {
  await using scene = await openScene({
    pools: [aQuickPool({ replicas: NODES, bootMs: millis(0), readyMs: millis(0) })],
    heartbeatMs: millis(300_000),
    startDelayMs: millis(0),
  });
  scene.server.change((world) => {
    for (let index = 0; index < DAEMON_SETS; index++)
      world.addDaemonSet({ name: `daemon-${index}`, cpu: "100m", memory: "100Mi" });
    // A pod as clients write them is more than the few fields that are read of it.
    const annotations = { "kubectl.kubernetes.io/last-applied-configuration": "x".repeat(3_000) };
    world.submitService({ name: "train", replicas: NODES * GPUS, gpus: 1, annotations });
  });
  scene.policy(policySpec([poolSpec("spot-a", { maxSize: NODES })], { maxNodes: NODES }));
  await scene.until(() => runningPods() === PODS, { withinMs: 60_000 });
  scene.also(speakForAgents(scene.nats.url, names()));

  const coordinator = await startCoordinator({
    kubeconfig: scene.kubeconfig,
    nats: scene.nats.url,
    waitFor: "leading",
  });
  scene.also(() => coordinator.kill());
  await systemClock.sleep(SETTLE_MS);
  const cycles = "gpu_autoscaler_reconcile_duration_seconds_count";
  const cyclesBefore = (await coordinator.metric(cycles)) ?? Number.NaN;

  const before = lookAt(coordinator.pid);
  const startedAt = systemClock.monotonic();
  let rssMib = before.rssMib;
  while (systemClock.monotonic() - startedAt < MEASURE_MS) {
    await systemClock.sleep(LOOK_EVERY_MS);
    rssMib = Math.max(rssMib, lookAt(coordinator.pid).rssMib);
  }
  const spentS = lookAt(coordinator.pid).cpuSeconds - before.cpuSeconds;
  const passedS = (systemClock.monotonic() - startedAt) / 1000;

  const decided = ((await coordinator.metric(cycles)) ?? Number.NaN) - cyclesBefore;
  const unknown = await coordinator.metric("gpu_autoscaler_nodes_unknown");
  console.error(`coordinator: ${decided} decisions in ${passedS.toFixed(0)} s`);
  if (unknown !== 0 || scene.world.ledger.some(({ kind }) => kind === "size-changed"))
    throw new Error(`the fleet was not at rest, or ${String(unknown)} of its nodes not heard`);
  return [
    figure("rss_mib", rssMib, "MiB", { max: 200 }),
    figure("cpu_percent", (100 * spentS) / passedS, "% of a core", { max: 5 }),
    // One each ten seconds at least, or what was measured is not a coordinator at work.
    figure("decisions", decided, "", { min: Math.floor(passedS / 11) }),
  ];

  function names(): readonly string[] {
    return scene.world.list("nodes").map(({ metadata }) => metadata.name);
  }
  function runningPods(): number {
    return scene.world.list("pods").filter(({ status }) => status?.phase === "Running").length;
  }
}

/** Every node's GPUs at work, told as an agent tells it. Returns what ends it. */
function speakForAgents(url: string, nodes: readonly string[]): () => Promise<void> {
  const nats = connectNats({
    servers: [url],
    name: "agents",
    log: createLogSink().log,
    clock: systemClock,
    random: seededRandom(1),
  });
  const random = seededRandom(2);
  let turn = 0;
  const timer = setInterval(() => {
    const seq = Math.floor(turn / SHARES);
    const share = turn++ % SHARES;
    for (let index = share; index < nodes.length; index += SHARES) {
      const node = nodes[index];
      if (node !== undefined)
        nats.publishLatest(
          subjectFor("report", node),
          encode<"report">(aBusyReport(node, { seq, gpus: GPUS, random })),
        );
    }
  }, REPORT_EVERY_MS / SHARES);
  return async () => {
    clearInterval(timer);
    await nats.close();
  };
}
