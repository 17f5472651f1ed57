// What it costs to hear ten thousand agents: the shipped coordinator over a fleet of as many nodes, with a report of
// eight GPUs from each of them every five seconds over a real nats-server, sent by a process of its own. Processor time
// and memory are what the kernel says of the coordinator, all its decisions included; the lag of a report is from when it
// was made to when it was taken over, by the coordinator's own histogram, and both clocks are one.

import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import type { CoordinatorProcess } from "../build/coordinator.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import { speakForAgents } from "./agents.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { lookAt } from "./look.ts";

const NODES = 10_000;
const GPUS = 8;
const REPORT_EVERY_MS = 5_000;
/** After the start, compiled code and lists settle: a decision, made each ten seconds, is compiled in its tenth run. */
const SETTLE_MS = millis(100_000);
const MEASURE_MS = millis(90_000);
const LOOK_EVERY_MS = millis(2_000);

export async function run(): Promise<Figure[]> {
  await using scene = await openScene({
    pools: [aQuickPool({ replicas: NODES, bootMs: millis(0), readyMs: millis(0) })],
    heartbeatMs: millis(300_000),
    startDelayMs: millis(0),
  });
  // As many as there are: the fleet is to be at rest, whatever its nodes report.
  const sizes = { minSize: NODES, maxSize: NODES };
  scene.policy(policySpec([poolSpec("spot-a", sizes)], { minNodes: NODES, maxNodes: NODES }));
  const names = (): readonly string[] => scene.world.list("nodes").map(({ metadata }) => metadata.name);
  await scene.until(() => names().length === NODES, { withinMs: 60_000 });
  const coordinator = await startCoordinator({
    kubeconfig: scene.kubeconfig,
    nats: scene.nats.url,
    waitFor: "leading",
  });
  scene.also(() => coordinator.kill());
  scene.also(speakForAgents({ url: scene.nats.url, nodes: names(), gpus: GPUS, everyMs: REPORT_EVERY_MS }));
  await systemClock.sleep(SETTLE_MS);

  const before = {
    look: lookAt(coordinator.pid),
    ages: await agesOf(coordinator),
    cycles: await cyclesOf(coordinator),
    atMs: systemClock.monotonic(),
  };
  let rssMib = before.look.rssMib;
  while (systemClock.monotonic() - before.atMs < MEASURE_MS) {
    await systemClock.sleep(LOOK_EVERY_MS);
    rssMib = Math.max(rssMib, lookAt(coordinator.pid).rssMib);
  }
  const spentS = lookAt(coordinator.pid).cpuSeconds - before.look.cpuSeconds;
  const passedS = (systemClock.monotonic() - before.atMs) / 1000;
  const ages = since(before.ages, await agesOf(coordinator));

  const unknown = await coordinator.metric("gpu_autoscaler_nodes_unknown");
  if (unknown !== 0 || scene.world.ledger.some(({ kind }) => kind === "size-changed"))
    throw new Error(`the fleet was not at rest, or ${String(unknown)} of its nodes not heard`);
  const heard = ages.at(-1)?.count ?? 0;
  const cycles = (await cyclesOf(coordinator)) - before.cycles;
  console.error(
    `reports: ${heard} in ${passedS.toFixed(0)} s, beside ${cycles} decisions about ${NODES} nodes; ${wordsOf(ages)}`,
  );
  return [
    figure("cpu_cores", spentS / passedS, "", { max: 0.5 }),
    figure("lag_p99_ms", 1000 * quantileOf(ages, 0.99), "ms", { max: 100 }),
    figure("rss_mib", rssMib, "MiB", { max: 400 }),
    // All of them but for what one second brings, or what was measured is another fleet.
    figure("heard_share", heard / ((passedS / REPORT_EVERY_MS) * 1000 * NODES), "", { min: 0.99 }),
  ];
}

/** How many reports were at most so old, in seconds, the bounds growing. */
type Ages = readonly { readonly atMost: number; readonly count: number }[];

async function agesOf(coordinator: CoordinatorProcess): Promise<Ages> {
  const page = await (await fetch(new URL("/metrics", coordinator.url))).text();
  return [...page.matchAll(/^gpu_autoscaler_report_age_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm)].map(
    ([, bound = "", count]) => ({
      atMost: bound === "+Inf" ? Infinity : Number(bound),
      count: Number(count),
    }),
  );
}

async function cyclesOf(coordinator: CoordinatorProcess): Promise<number> {
  return (await coordinator.metric("gpu_autoscaler_reconcile_duration_seconds_count")) ?? Number.NaN;
}

function since(before: Ages, after: Ages): Ages {
  return after.map(({ atMost, count }, index) => ({ atMost, count: count - (before[index]?.count ?? 0) }));
}

/** The bound of the bucket that it falls into: no smaller than it is. NaN when there is none. */
function quantileOf(ages: Ages, share: number): number {
  const all = ages.at(-1)?.count ?? 0;
  return all === 0 ? Number.NaN : (ages.find(({ count }) => count >= share * all)?.atMost ?? Number.NaN);
}

function wordsOf(ages: Ages): string {
  const all = ages.at(-1)?.count ?? 0;
  return ages
    .filter(({ atMost }) => atMost < Infinity)
    .map(({ atMost, count }) => `${((100 * count) / all).toFixed(2)} % within ${1000 * atMost} ms`)
    .join(", ");
}
