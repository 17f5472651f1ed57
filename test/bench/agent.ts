// What one agent costs on a node with 8 GPUs read each second: the shipped bundle with the flags it ships with,
// a real nats-server, the simulated API server with pods on the node, and the C double of the driver. Measured
// from outside, by what the kernel says of the process.

import { millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { healthyGpus } from "../nvml-double/fixture.ts";
import { createScene } from "../scenarios/agent-scene.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { lookAt } from "./look.ts";

/** After the start, compiled code and connections settle. */
const SETTLE_MS = millis(15_000);
const MEASURE_MS = millis(120_000);
const LOOK_EVERY_MS = millis(5_000);

export async function run(): Promise<Figure[]> {
  await using scene = await createScene({ gpus: healthyGpus(8) });
  scene.server.change((world) => {
    world.submitService({
      name: "train",
      replicas: 8,
      gpus: 1,
      evictionPriority: "high",
      graceSeconds: seconds(60),
    });
    world.submitService({ name: "web", replicas: 22, cpu: "1" });
  });
  const agent = await scene.agent();
  await systemClock.sleep(SETTLE_MS);

  const before = lookAt(agent.pid);
  const startedAt = systemClock.monotonic();
  let rssMib = before.rssMib;
  let anonMib = before.anonMib;
  while (systemClock.monotonic() - startedAt < MEASURE_MS) {
    await systemClock.sleep(LOOK_EVERY_MS);
    const now = lookAt(agent.pid);
    rssMib = Math.max(rssMib, now.rssMib);
    anonMib = Math.max(anonMib, now.anonMib);
  }
  const spentS = lookAt(agent.pid).cpuSeconds - before.cpuSeconds;
  const passedS = (systemClock.monotonic() - startedAt) / 1000;
  const reports = scene.heard.filter((one) => one.kind === "report" && one.message.gpus.length === 8).length;
  if (reports < passedS / 6)
    throw new Error(
      `only ${reports} reports of 8 GPUs came in ${Math.round(passedS)} s: the agent did not do its work`,
    );

  return [
    figure("rss_mib", rssMib, "MiB", { max: 95 }),
    figure("anon_mib", anonMib, "MiB", { max: 45 }),
    figure("cpu_percent", (100 * spentS) / passedS, "% of a core", { max: 0.5 }),
  ];
}
