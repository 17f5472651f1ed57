// How long a scrape of 8 GPUs takes with every reading on the page, whether it asks the driver anything, and how long
// a crowd of scrapes keeps the agent from what its GPU thread sends it. For the driver's calls the agent reads its GPUs
// once and then not again for a minute, so every call that the double counts meanwhile would be a scrape's.

import { Agent, get } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

import type { Counters } from "../nvml-double/counters.ts";
import { healthyGpus } from "../nvml-double/fixture.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const GPUS = 8;
const EVERY_FAMILY = { GPUAS_METRIC_NAMES: "native,guide,dcgm" };
/** Of every GPU, so that nobody measures a page that is nearly empty. */
const SERIES_MIN = 110;
const WARM_UP = 50;
const SCRAPES = 1_000;
const FRESH_SCRAPES = 60;
const CROWD = 64;
const CROWDED_MS = 10_000;
const DELAY = "gpu_autoscaler_agent_cycle_delay_seconds";

export async function run(): Promise<Figure[]> {
  return [...(await oneByOne()), ...(await overCycles())];
}

async function oneByOne(): Promise<Figure[]> {
  await using scene = await createScene({ gpus: healthyGpus(GPUS) });
  const agent = await scene.agent({ env: { ...EVERY_FAMILY, GPUAS_SAMPLE_INTERVAL: "60s" } });
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

/** Cycles come five times a second: first a scrape for each of them, then crowds without a pause. */
async function overCycles(): Promise<Figure[]> {
  await using scene = await createScene({ gpus: healthyGpus(GPUS) });
  const agent = await scene.agent({ env: { ...EVERY_FAMILY, GPUAS_SAMPLE_INTERVAL: "200ms" } });
  const url = new URL("/metrics", agent.url);
  const connections = new Agent({ keepAlive: true, maxSockets: CROWD });
  const crowd = async (): Promise<void> => {
    await Promise.all(Array.from({ length: CROWD }, () => fetchPage(url, connections, PLAIN)));
  };
  try {
    const tookMs: number[] = [];
    for (let i = 0; i < FRESH_SCRAPES; i++) {
      // Longer than a cycle: the page is never the one of the scrape before.
      await delay(210);
      const startedAt = performance.now();
      await fetchPage(url, connections, PROMETHEUS);
      tookMs.push(performance.now() - startedAt);
    }
    for (let i = 0; i < 5; i++) await crowd();
    const before = delaysOf(await scrape(url, connections, PLAIN));
    const until = performance.now() + CROWDED_MS;
    while (performance.now() < until) await crowd();
    const after = delaysOf(await scrape(url, connections, PLAIN));
    const cycles = after.count - before.count;
    if (cycles < CROWDED_MS / 1_000) throw new Error(`only ${cycles} cycles came while the crowds scraped`);
    return [
      figure("fresh_p95_ms", quantile(tookMs, 0.95), "ms", { max: 10 }),
      figure("cycle_delay_ms", ((after.sum - before.sum) / cycles) * 1000, "ms", { max: 10 }),
      // Where the agent's two threads and the bench have two cores between them, some cycles wait for a core.
      figure("cycle_delay_p95_ms", boundMs(before, after, 0.95), "ms", { max: 25 }),
    ];
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

interface Delays {
  readonly count: number;
  readonly sum: number;
  /** Bound in seconds → cycles that came within it. */
  readonly within: ReadonlyMap<number, number>;
}

/** What the agent itself says of how late its cycles came, from the beginning of a reading. */
function delaysOf(page: string): Delays {
  const one = (suffix: string): number =>
    Number(new RegExp(`^${DELAY}_${suffix} (\\S+)$`, "m").exec(page)?.[1] ?? Number.NaN);
  const buckets = page.matchAll(new RegExp(`^${DELAY}_bucket\\{le="([\\d.]+)"\\} (\\d+)$`, "gm"));
  return {
    count: one("count"),
    sum: one("sum"),
    within: new Map([...buckets].map(([, bound, cycles]) => [Number(bound), Number(cycles)])),
  };
}

/** The lowest bound within which `share` of the cycles between the two pages came: an upper bound of their delay. */
function boundMs(before: Delays, after: Delays, share: number): number {
  const cycles = after.count - before.count;
  const held = [...after.within].find(
    ([bound, count]) => count - (before.within.get(bound) ?? 0) >= share * cycles,
  );
  return (held?.[0] ?? Infinity) * 1000;
}

async function scrape(url: URL, agent: Agent, headers: Readonly<Record<string, string>>): Promise<string> {
  return Buffer.concat(await fetchPage(url, agent, headers)).toString("utf8");
}

/** As it came: a crowd is to keep the agent busy and not the bench. */
async function fetchPage(
  url: URL,
  agent: Agent,
  headers: Readonly<Record<string, string>>,
): Promise<readonly Buffer[]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly Buffer[]>();
  get(url, { agent, headers }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      if (response.statusCode === 200) resolve(chunks);
      else reject(new Error(`the scrape was answered by ${response.statusCode}`));
    });
    response.on("error", reject);
  }).on("error", reject);
  return await promise;
}

/** All but the wait for events, which the agent's GPU thread takes up again and again by itself. */
function callsOf(counters: Counters): number {
  return Object.entries(counters)
    .filter(([name]) => !name.startsWith("nvmlEventSetWait"))
    .reduce((sum, [, { calls }]) => sum + calls, 0);
}
