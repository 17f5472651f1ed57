// Whether the agent's main thread goes on while the driver's library hangs: requests to its probe, one after the
// other, while a call does not return. A round trip is an upper bound of the delay of the event loop that answers it.

import { Agent, get } from "node:http";

import { healthyGpus } from "../nvml-double/fixture.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import { figure, quantile } from "./figure.ts";
import type { Figure } from "./figure.ts";

const REQUESTS = 3_000;
const HANGING = { kind: "hang", call: "nvmlDeviceGetPowerUsage", gpu: 3 } as const;

export async function run(): Promise<Figure[]> {
  await using scene = await createScene({ gpus: healthyGpus(8) });
  const agent = await scene.agent();
  scene.double.write({ gpus: healthyGpus(8), rules: [HANGING] });
  const startedAt = performance.now();
  const isHung = (): boolean =>
    scene.heard.some((one) => one.kind === "report" && one.message.source.state === "hung");
  await scene.until("hung", isHung, 15_000);
  const reportedS = (performance.now() - startedAt) / 1000;

  const url = new URL("/healthz", agent.url);
  const connection = new Agent({ keepAlive: true, maxSockets: 1 });
  const tookMs: number[] = [];
  for (let i = 0; i < REQUESTS; i++) {
    const from = performance.now();
    await ask(url, connection);
    tookMs.push(performance.now() - from);
  }
  connection.destroy();
  const last = scene.heard.findLast((one) => one.kind === "report");
  if (last?.message.source.state !== "hung")
    throw new Error("the library did not hang to the end, so nothing was measured");
  // Let go, so that the agent can end in order.
  scene.double.write({ gpus: healthyGpus(8) });
  return [
    figure("loop_delay_p99_ms", quantile(tookMs, 0.99), "ms", { max: 10 }),
    // Three intervals of 1 s, and the way of the report.
    figure("hang_to_report_s", reportedS, "s", { max: 3.5 }),
  ];
}

async function ask(url: URL, agent: Agent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  get(url, { agent }, (response) => {
    response.resume();
    response.on("end", () => {
      if (response.statusCode === 200) resolve();
      else reject(new Error(`${url.href} answered ${response.statusCode}`));
    });
  }).on("error", reject);
  await promise;
}
