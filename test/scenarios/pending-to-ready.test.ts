// From a pod that finds no place to a pod that runs: the shipped coordinator against the world.

import { describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

const LONG = millis(600_000);

function running(scene: Scene): number {
  return scene.world.list("pods").filter(({ status }) => status?.phase === "Running").length;
}

describe("a GPU pod that finds no place", () => {
  test("gets a node from a pool that stands at zero", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    await scene.coordinator();
    scene.server.change((world) => world.submitJob({ id: "train", gpus: 8, durationMs: LONG }));

    await scene.until(() => running(scene) === 1);
    expect(scene.size("spot-a")).toBe(1);
    const status = await scene.until(() => (scene.status()?.pools[0]?.ready === 1 ? scene.status() : null));
    expect(status).toMatchObject({ lastScalingAction: "grow spot-a from 0 to 1", observedGeneration: 1 });
    expect(status.moves).toMatchObject([{ kind: "grow", phase: "applied", from: 0, to: 1 }]);
    const events = scene.writesBy("coordinator").filter(({ resource }) => resource === "events");
    expect(events.map(({ body }) => body)).toContainEqual(
      expect.objectContaining({ reason: "ScaledUp", type: "Normal" }),
    );
  });

  test("gets it from a second pool for what the first has no room for, in one decision", async () => {
    await using scene = await openScene({
      pools: [aQuickPool(), aQuickPool({ name: "od-b", capacityType: "on-demand" })],
    });
    scene.policy(
      policySpec([poolSpec("spot-a", { maxSize: 1 }), poolSpec("od-b", { capacityType: "on-demand" })]),
    );
    await scene.coordinator();
    scene.server.change((world) => world.submitJob({ id: "train", gpus: 24, durationMs: LONG }));

    await scene.until(() => running(scene) === 3);
    expect([scene.size("spot-a"), scene.size("od-b")]).toEqual([1, 2]);
    const sizes = scene.world.ledger.filter(({ kind }) => kind === "size-changed");
    expect(sizes).toHaveLength(2);
  });

  test("asks once while machines boot, however many cycles pass", async () => {
    await using scene = await openScene({ pools: [aQuickPool({ bootMs: millis(2_500) })] });
    scene.policy(policySpec([poolSpec("spot-a")]));
    await scene.coordinator();
    scene.server.change((world) => world.submitJob({ id: "train", gpus: 8, durationMs: LONG }));

    await scene.until(() => running(scene) === 1);
    expect(scene.world.ledger.filter(({ kind }) => kind === "size-changed")).toMatchObject([
      { from: 0, to: 1 },
    ]);
  });

  test("stays without one beyond the policy's limit, and the status says which limit", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")], { maxNodes: 1 }));
    await scene.coordinator();
    scene.server.change((world) => world.submitJob({ id: "train", gpus: 16, durationMs: LONG }));

    await scene.until(() => running(scene) === 1);
    const codes = await scene.until(() => {
      const because = scene.status()?.pools[0]?.because?.map(({ code }) => code) ?? [];
      return because.includes("at-maximum") ? because : null;
    });
    expect(codes).toContain("at-maximum");
    expect(scene.size("spot-a")).toBe(1);
  });
});
