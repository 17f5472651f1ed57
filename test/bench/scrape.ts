// How long a scrape of 8 GPUs takes, and whether it asks the driver anything. The agent reads its GPUs once and
// then not again for a minute, so every call that the double counts meanwhile would be a scrape's.

import { Agent, get } from "node:http";

import { totalCalls } from "../nvml-double/counters.ts";
import { healthyGpus } from "../nvml-double/fixture.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const WARM_UP = 50;
const SCRAPES = 1_000;

export async function run(): Promise<Figure[]> {
  await using scene = await createScene({ gpus: healthyGpus(8) });
  const agent = await scene.agent({ env: { GPUAS_SAMPLE_INTERVAL: "60s" } });
  const url = new URL("/metrics", agent.url);
  // As Prometheus scrapes: one connection that stays open.
  const connection = new Agent({ keepAlive: true, maxSockets: 1 });
  try {
    for (let i = 0; i < WARM_UP; i++) await scrape(url, connection);
    const callsBefore = totalCalls(scene.double.counters());
    const tookMs: number[] = [];
    for (let i = 0; i < SCRAPES; i++) {
      const startedAt = performance.now();
      const page = await scrape(url, connection);
      tookMs.push(performance.now() - startedAt);
      const series = page.match(/^gpu_utilization_percent\{/gm)?.length ?? 0;
      if (series !== 8) throw new Error(`the page shows ${series} GPUs instead of 8`);
    }
    const calls = totalCalls(scene.double.counters()) - callsBefore;
    return [
      figure("p99_ms", quantile(tookMs, 0.99), "ms", { max: 5 }),
      figure("nvml_calls", calls, "calls", { max: 0 }),
    ];
  } finally {
    connection.destroy();
  }
}

async function scrape(url: URL, agent: Agent): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  get(url, { agent }, (response) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => {
      resolve(Buffer.concat(chunks).toString("utf8"));
    });
    response.on("error", reject);
  }).on("error", reject);
  return await promise;
}
