// How long a scrape of 8 GPUs takes with every reading on the page, whether it asks the driver anything, and how long
// a crowd of scrapes keeps the agent from what its GPU thread sends it. For the driver's calls the agent reads its GPUs
// once and then not again for a minute, so every call that the double counts meanwhile would be a scrape's.

import { Agent, get } from "node:http";

import type { Counters } from "../nvml-double/counters.ts";
import { healthyGpus } from "../nvml-double/fixture.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const GPUS = 8;
/** Of every GPU, so that nobody measures a page that is nearly empty. */
const SERIES_MIN = 60;
const WARM_UP = 50;
const SCRAPES = 1_000;
const CROWD = 64;
const CROWDS = 150;
const DELAY = "gpu_autoscaler_agent_cycle_delay_seconds";

export async function run(): Promise<Figure[]> {
  return [...(await oneByOne()), ...(await inCrowds())];
}

async function oneByOne(): Promise<Figure[]> {
  await using scene = await createScene({ gpus: healthyGpus(GPUS) });
  const agent = await scene.agent({ env: { GPUAS_SAMPLE_INTERVAL: "60s" } });
  const url = new URL("/metrics", agent.url);
  // As Prometheus scrapes: one connection that stays open, the newer format, packed.
  const connection = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    const series = seriesOfGpus(await scrape(url, connection, PLAIN));
    for (let i = 0; i < WARM_UP; i++) await scrape(url, connection, PROMETHEUS);
    const callsBefore = callsOf(scene.double.counters());
    const tookMs: number[] = [];
    for (let i = 0; i < SCRAPES; i++) {
      const startedAt = performance.now();
      await scrape(url, connection, PROMETHEUS);
      tookMs.push(performance.now() - startedAt);
    }
    const calls = callsOf(scene.double.counters()) - callsBefore;
    return [
      figure("p99_ms", quantile(tookMs, 0.99), "ms", { max: 5 }),
      figure("nvml_calls", calls, "calls", { max: 0 }),
      figure("gpu_series", series, "series", { min: GPUS * SERIES_MIN }),
    ];
  } finally {
    connection.destroy();
  }
}

/** Crowds without a pause, over cycles that come five times a second: each cycle meets one. */
async function inCrowds(): Promise<Figure[]> {
  await using scene = await createScene({ gpus: healthyGpus(GPUS) });
  const agent = await scene.agent({ env: { GPUAS_SAMPLE_INTERVAL: "200ms" } });
  const url = new URL("/metrics", agent.url);
  const connections = new Agent({ keepAlive: true, maxSockets: CROWD });
  try {
    const crowd = async (): Promise<readonly string[]> =>
      await Promise.all(Array.from({ length: CROWD }, () => scrape(url, connections, PLAIN)));
    for (let i = 0; i < 5; i++) await crowd();
    const before = delays(await scrape(url, connections, PLAIN));
    for (let i = 0; i < CROWDS; i++) await crowd();
    const after = delays(await scrape(url, connections, PLAIN));
    return [figure("cycle_delay_ms", highestMs(before, after), "ms", { max: 10 })];
  } finally {
    connections.destroy();
  }
}

const PLAIN = {};
const PROMETHEUS = {
  accept: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
  "accept-encoding": "gzip",
};

function seriesOfGpus(page: string): number {
  return page.match(/^(gpu_|DCGM_)[^{\n]*\{[^\n]*\b(uuid|UUID)="/gm)?.length ?? 0;
}

/** All but the wait for events, which the agent's GPU thread takes up again and again by itself. */
function callsOf(counters: Counters): number {
  return Object.entries(counters)
    .filter(([name]) => !name.startsWith("nvmlEventSetWait"))
    .reduce((sum, [, { calls }]) => sum + calls, 0);
}

/** Bound in seconds → cycles that came within it. */
function delays(page: string): ReadonlyMap<number, number> {
  const buckets = page.matchAll(new RegExp(`^${DELAY}_bucket\\{le="([^"]+)"\\} (\\d+)$`, "gm"));
  return new Map(
    [...buckets].map(([, bound = "", count]) => [bound === "+Inf" ? Infinity : Number(bound), Number(count)]),
  );
}

/** The bound within which every cycle between the two pages came: an upper bound of the highest delay. */
function highestMs(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  const between = [...after].map(([bound, count]) => ({ bound, cycles: count - (before.get(bound) ?? 0) }));
  const all = between.find(({ bound }) => bound === Infinity)?.cycles ?? 0;
  if (all < 10) throw new Error(`only ${all} cycles came while the crowds scraped`);
  return (between.find(({ cycles }) => cycles === all)?.bound ?? Infinity) * 1000;
}

async function scrape(url: URL, agent: Agent, headers: Readonly<Record<string, string>>): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get(url, { agent, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(new Error(`the scrape was answered by ${response.statusCode}`));
    });
    response.on("error", reject);
  }).on("error", reject);
  return await promise;
}
