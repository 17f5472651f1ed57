// What one agent costs on a node with 8 GPUs read each second, with everything on but the GPU's own counters: the
// shipped bundle with the flags it ships with, a real nats-server, a kubelet that says who holds what, a kernel log
// that grows, and a scrape of all families each 15 s. Measured from outside: by what the kernel says of the process
// and by what the C double of the driver was asked.

import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startFakeKubelet } from "../build/kubelet.ts";
import type { KubeletPod } from "../build/kubelet.ts";
import type { Counters } from "../nvml-double/counters.ts";
import { healthyGpu, healthyGpus } from "../nvml-double/fixture.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import type { Scene } from "../scenarios/agent-scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { lookAt } from "./look.ts";
import { openScraper } from "./scraper.ts";
import type { Scraper } from "./scraper.ts";

const GPUS = 8;
/** An agent runs for weeks. In the first minutes V8 compiles what is called once a second, which happens once. */
const SETTLE_MS = millis(180_000);
const MEASURE_MS = millis(120_000);
const LOOK_EVERY_MS = millis(5_000);
const SCRAPE_EVERY_LOOKS = 3;
/** At 1 Hz. Fewer cycles than this share of the seconds, and the figures would be those of an agent at rest. */
const CYCLES_SHARE = 0.9;
const THROUGHPUT = "nvmlDeviceGetPcieThroughput";

export async function run(): Promise<Figure[]> {
  const dir = mkdtempSync(join(tmpdir(), "bench-agent-"));
  try {
    return await measure(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

async function measure(dir: string): Promise<Figure[]> {
  await using scene = await createScene({ gpus: healthyGpus(GPUS) });
  // Otherwise the double looks for a new scenario 500 times a second while it waits for events, at the agent's cost.
  scene.double.write({ gpus: healthyGpus(GPUS), recheckMs: -1 });
  const pods = await placePods(scene);
  await using kubelet = await startFakeKubelet(pods);
  const log = join(dir, "kern.log");
  writeFileSync(log, "");
  const agent = await scene.agent({
    env: {
      GPUAS_GPM: "false",
      GPUAS_METRIC_NAMES: "native,guide,dcgm",
      GPUAS_POD_RESOURCES_SOCKET: kubelet.socket,
      GPUAS_KERNEL_LOG: log,
      GPUAS_STATE_DIR: dir,
    },
  });
  using scraper = openScraper(new URL("/metrics", agent.url));
  await scene.until("every GPU has its pod", () => held(scene) === GPUS);
  await requireEverything(scraper);
  await systemClock.sleep(SETTLE_MS);

  const cyclesBefore = await cyclesOf(scraper);
  const callsBefore = callsByGpu(scene.double.counters());
  const before = lookAt(agent.pid);
  const startedAt = systemClock.monotonic();
  let rssMib = before.rssMib;
  let anonMib = before.anonMib;
  for (let looks = 1; systemClock.monotonic() - startedAt < MEASURE_MS; looks++) {
    await systemClock.sleep(LOOK_EVERY_MS);
    appendFileSync(
      log,
      `${new Date(systemClock.now()).toISOString()} node kernel: [ 1.0] eth0: link becomes ready\n`,
    );
    if (looks % SCRAPE_EVERY_LOOKS === 0) await scraper.scrape();
    const now = lookAt(agent.pid);
    rssMib = Math.max(rssMib, now.rssMib);
    anonMib = Math.max(anonMib, now.anonMib);
  }
  const spentS = lookAt(agent.pid).cpuSeconds - before.cpuSeconds;
  const passedS = (systemClock.monotonic() - startedAt) / 1000;
  const counters = scene.double.counters();
  const calls = callsByGpu(counters) - callsBefore;
  const cycles = (await cyclesOf(scraper)) - cyclesBefore;
  requireWork(scene, { cycles, passedS });

  return [
    figure("rss_mib", rssMib, "MiB", { max: 95 }),
    figure("anon_mib", anonMib, "MiB", { max: 45 }),
    figure("cpu_percent", (100 * spentS) / passedS, "% of a core", { max: 0.5 }),
    figure("calls_per_gpu_cycle", calls / (GPUS * cycles), "calls", { max: 12 }),
    // It holds the driver for 20 ms a call and more.
    figure("throughput_calls", counters[THROUGHPUT]?.calls ?? 0, "calls", { max: 0 }),
  ];
}

/** A training pod on each GPU and a crowd beside them; returns what a kubelet says of the former. */
async function placePods(scene: Scene): Promise<readonly KubeletPod[]> {
  scene.server.change((world) => {
    world.submitService({
      name: "train",
      replicas: GPUS,
      gpus: 1,
      evictionPriority: "high",
      graceSeconds: seconds(60),
    });
    world.submitService({ name: "web", replicas: 22, cpu: "1" });
  });
  await scene.until("every pod runs", () => scene.running("train").length === GPUS);
  return scene.running("train").map(({ metadata: { name, namespace } }, index) => ({
    namespace: namespace ?? "default",
    name,
    containers: [{ name: "main", devices: { "nvidia.com/gpu": [String(healthyGpu(index).uuid)] } }],
  }));
}

/** Of how many GPUs the last report names a pod. */
function held(scene: Scene): number {
  const last = scene.heard.findLast((one) => one.kind === "report");
  return last?.message.gpus.filter(({ pods }) => pods !== undefined && pods.length > 0).length ?? 0;
}

/** @throws Error when a family is missing: the page would be cheaper than the one that is meant. */
async function requireEverything(scraper: Scraper): Promise<void> {
  const page = await scraper.scrape();
  for (const name of [
    "gpu_autoscaler_gpu_utilization_ratio",
    "gpu_utilization_percent",
    "DCGM_FI_DEV_GPU_UTIL",
  ]) {
    const series = page.match(new RegExp(`^${name}\\{`, "gm"))?.length ?? 0;
    if (series < GPUS) throw new Error(`only ${series} series of ${name} are on the page`);
  }
}

function requireWork(scene: Scene, { cycles, passedS }: { cycles: number; passedS: number }): void {
  const seen = `in ${Math.round(passedS)} s: the agent did not do its work`;
  if (cycles < CYCLES_SHARE * passedS) throw new Error(`only ${cycles} cycles came ${seen}`);
  const reports = scene.heard.filter(
    (one) => one.kind === "report" && one.message.gpus.length === GPUS,
  ).length;
  if (reports < passedS / 6) throw new Error(`only ${reports} reports of ${GPUS} GPUs came ${seen}`);
}

async function cyclesOf(scraper: Scraper): Promise<number> {
  const page = await scraper.scrape();
  return Number(/^gpu_autoscaler_agent_cycle_delay_seconds_count (\S+)$/m.exec(page)?.[1] ?? Number.NaN);
}

function callsByGpu(counters: Counters): number {
  return Object.values(counters)
    .flatMap(({ byGpu }) => byGpu.slice(0, GPUS))
    .reduce((sum, calls) => sum + calls, 0);
}
