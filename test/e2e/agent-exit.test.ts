// An agent that only a new container can help leaves after a minute, with the exit code that says so, and not while it
// drains its node. The minute is real, which is why this is no test of every change.

import { expect, test } from "vitest";

import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createScene, idleGpu } from "../scenarios/agent-scene.ts";
import type { Scene } from "../scenarios/agent-scene.ts";

const QUICK = { GPUAS_SAMPLE_INTERVAL: "200ms", GPUAS_REPORT_INTERVAL: "500ms" };

/** The driver was upgraded under the running agent: the library that its container has does not fit any more. */
async function upgradeDriver(scene: Scene): Promise<void> {
  const sourceIs = (state: string): boolean => {
    const newest = scene.heard.findLast(({ kind }) => kind === "report");
    return newest?.kind === "report" && newest.message.source.state === state;
  };
  await scene.until("ready", () => sourceIs("ready"));
  scene.double.write({ unloaded: true, gpus: [] });
  await scene.until("unloaded", () => sourceIs("driver-not-loaded"));
  scene.double.write({ init: 18, gpus: [idleGpu(0)] });
  await scene.until("another version", () => sourceIs("failed"));
}

test("an agent whose library no longer fits the driver leaves with 70 after a minute, and after its drain", async () => {
  await using draining = await createScene({ gpus: [idleGpu(0)] });
  await using idle = await createScene({ gpus: [idleGpu(0)] });

  // 1. The first one is in trouble for longer, and drains meanwhile: its pod takes its time.
  const busy = await draining.agent({ env: QUICK });
  draining.server.change((world) => {
    const slow = { graceSeconds: seconds(150), exitAfterMs: millis(150_000) };
    world.submitService({ name: "training", replicas: 1, cpu: "1", evictionPriority: "high", ...slow });
  });
  await draining.until("a pod runs", () => draining.running("training").length === 1);
  await draining.drill(150);
  await draining.until("the pod was asked to go", () => draining.evictions().length === 1);
  await upgradeDriver(draining);
  let hasLeft = false;
  const left = busy.exited.then((code) => {
    hasLeft = true;
    return code;
  });

  // 2. The second one has nothing to do.
  const agent = await idle.agent({ env: QUICK });
  await upgradeDriver(idle);
  const from = systemClock.monotonic();
  expect(await agent.exited).toBe(70);
  const tookSeconds = (systemClock.monotonic() - from) / 1000;
  expect(tookSeconds).toBeGreaterThan(58);
  expect(tookSeconds).toBeLessThan(75);
  expect(JSON.stringify(agent.logs.find(({ message }) => message === "failed"))).toContain(
    "driver and library are of different versions",
  );
  expect(idle.evictions()).toEqual([]);

  // 3. By now the first one would have left as well.
  expect(hasLeft).toBe(false);
  expect(draining.state()?.phase).toBe("started");
  await draining.annotate({
    [NODE_ANNOTATION.interruptionWarning]: null,
    [NODE_ANNOTATION.terminationTime]: null,
  });
  await draining.until("it has left", () => hasLeft, 30_000);
  expect(await left).toBe(70);
  // What it had marked for the drill is taken back before.
  expect(draining.state()).toBeNull();
  expect(draining.currentNode().spec?.unschedulable ?? false).toBe(false);
});
