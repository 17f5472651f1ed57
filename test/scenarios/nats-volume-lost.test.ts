// NATS comes back without its volume: what was kept there is made anew, what was remembered is written again or gone, and in
// both cases no node goes for ten minutes.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { subjectFor } from "../../shared/contract/subjects.ts";
import { KV_BUCKET } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { bytes } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { openBucket } from "../../shared/runtime/nats-kv.ts";
import { connectNats } from "../../shared/runtime/nats.ts";
import type { CoordinatorProcess } from "../build/coordinator.ts";
import { startNats } from "../build/nats.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

const KEPT_LONG_MS = 20_000;

/** Two empty nodes that are both to stay for now, and a NATS whose volume can go. */
async function opened(scene: Scene) {
  const dir = await mkdtemp(join(tmpdir(), "nats-volume-"));
  const server = await startNats({ dir });
  const parts = { log: createLogSink().log, clock: systemClock, random: seededRandom(1) };
  const nats = connectNats({ servers: [server.url], name: "looks on", ...parts });
  const bucket = openBucket(nats, { name: KV_BUCKET.memory, maxBytes: bytes(64 * 1024 * 1024), ...parts });
  scene.also(async () => {
    await nats.close();
    await server.remove();
    await rm(dir, { recursive: true });
  });
  await scene.until(() => scene.world.list("nodes").length === 2);
  scene.policy(policySpec([poolSpec("spot-a", { minSize: 2 })]));
  const leader = await scene.coordinator({ nats: server.url });
  const kept = async (): Promise<boolean> => (await bucket.get("decide")) !== null;
  await scene.until(kept);
  return {
    leader,
    next: async (): Promise<CoordinatorProcess> => await scene.coordinator({ nats: server.url }),
    stop: async () => {
      await server.kill();
      await rm(join(dir, "jetstream"), { recursive: true });
    },
    start: async () => await server.restart(),
    kept: async () => await scene.until(kept, { withinMs: KEPT_LONG_MS }),
    /** As an agent says it: stored, or an error. */
    say: async (id: string) =>
      await nats.publishEvent(subjectFor("notice", "n1"), new TextEncoder().encode("{}"), id),
  };
}

/** One node more than is needed: it would go within a second. Looked at over some cycles that knew of it. */
async function staysForThat(scene: Scene): Promise<void> {
  scene.policy(policySpec([poolSpec("spot-a", { minSize: 1 })]));
  const generation = scene.world.get("autoscalingpolicies", { name: "gpus" })?.metadata.generation;
  const hold = await scene.until(() => {
    const status = scene.status();
    if (status?.observedGeneration !== generation) return null;
    return status?.pools[0]?.because?.find(({ code }) => code === "memory-lost");
  });
  expect(hold.sentence).toMatch(/nothing is removed for (9 min( \d+ s)?|10 min) more$/);
  const before = scene.server.audit.length;
  const cycles = (): number =>
    scene.server.audit
      .slice(before)
      .filter(({ resource, method }) => resource === "leases" && method !== "GET").length;
  await scene.until(() => cycles() >= 5);
  expect(scene.world.list("nodes")).toHaveLength(2);
  expect(scene.size("spot-a")).toBe(2);
}

describe("a NATS that has lost its volume", () => {
  test("under a leader that lives on gets stream and memory again", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ replicas: 2 })] });
    const { stop, start, kept, say, leader, next } = await opened(scene);
    expect(await scene.until(async () => await say("before"))).toMatchObject({ seq: 1 });
    await stop();
    await start();
    await kept();
    expect(await scene.until(async () => await say("after"))).toMatchObject({ seq: 1 });
    await staysForThat(scene);

    // The next leader goes by it too.
    await leader.kill();
    await next();
    await staysForThat(scene);
  });

  test("between two leaders leaves the second one cautious", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ replicas: 2 })] });
    const { stop, start, leader, next } = await opened(scene);
    await leader.kill();
    await stop();
    await start();
    await next();
    await staysForThat(scene);
  });
});
