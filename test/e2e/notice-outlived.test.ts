// A machine that outlives its notice: it is told a minute after the announced end, stays cordoned while the cloud stands by
// its word, and is given back when the cloud takes it back by its own rule. It takes more than a minute, so it is not in
// npm test.

import { expect, test } from "vitest";

import { EVENT } from "../../shared/model/names.ts";
import { after, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCloudMetadata } from "../build/metadata.ts";
import { createScene, ourTaints } from "../scenarios/agent-scene.ts";

test("a machine that runs on is told as survived, and is given back when AWS takes the notice back", async () => {
  await using scene = await createScene();
  await using cloud = await startCloudMetadata("aws", systemClock);
  await scene.agent({ env: cloud.env });
  cloud.terminate(after(systemClock.now(), millis(6_000)));
  await scene.until("drained", () => scene.phases().includes("drained"));
  const deadline = scene.state()?.deadline ?? Number.NaN;

  await scene.until("survived", () => scene.phases().includes("survived"), 90_000);
  expect(systemClock.now() - deadline).toBeGreaterThan(59_000);
  expect(scene.currentNode().spec?.unschedulable).toBe(true);
  expect(scene.state()?.phase).toBe("survived");
  await scene.until("EVENT.survived is on record", () => scene.events(EVENT.survived).length === 1);

  cloud.renew();
  await scene.until("taken back", () => scene.state() === null, 30_000);
  expect(scene.currentNode().spec?.unschedulable ?? false).toBe(false);
  expect(ourTaints(scene.currentNode())).toEqual([]);
  const phases = scene.heard.flatMap((one) => (one.kind === "notice" ? [one.message.phase] : []));
  expect(phases).toEqual(["seen", "survived", "cancelled"]);
}, 150_000);
