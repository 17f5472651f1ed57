// Two replicas: one leads, the other watches, and when the first is gone the second goes on where it was.

import { describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

function submit(scene: Scene, id: string): void {
  scene.server.change((world) => world.submitJob({ id, gpus: 8, durationMs: millis(600_000) }));
}

function holder(scene: Scene): string {
  return (
    scene.world.get("leases", { namespace: "default", name: "gpu-autoscaler-coordinator" })?.spec
      ?.holderIdentity ?? ""
  );
}

describe("two coordinators", () => {
  test("act as one: the second writes nothing while the first leads, and takes over when it is killed", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const first = await scene.coordinator({ env: { POD_NAME: "first" } });
    const second = await scene.coordinator({ env: { POD_NAME: "second" }, waitFor: "listening" });
    submit(scene, "one");
    await scene.until(() => scene.size("spot-a") === 1);
    expect(holder(scene)).toMatch(/^first_/);
    expect(await second.metric("gpu_autoscaler_leader")).toBe(0);
    expect(await first.metric("gpu_autoscaler_leader")).toBe(1);
    await scene.until(async () => (await fetch(new URL("/readyz", second.url))).ok);

    await first.kill();
    submit(scene, "two");
    await scene.until(() => scene.size("spot-a") === 2);
    expect(holder(scene)).toMatch(/^second_/);
    expect(
      scene.world.ledger.flatMap((fact) => (fact.kind === "size-changed" ? [[fact.from, fact.to]] : [])),
    ).toEqual([
      [0, 1],
      [1, 2],
    ]);
  });

  test("hand over at once when the leader is stopped in order", async () => {
    await using scene = await openScene();
    scene.policy(policySpec([poolSpec("spot-a")]));
    const long = { GPUAS_LEASE_DURATION: "60s", GPUAS_LEASE_RENEW: "40s" };
    const first = await scene.coordinator({ env: { POD_NAME: "first", ...long } });
    const second = await scene.coordinator({ env: { POD_NAME: "second", ...long }, waitFor: "listening" });
    expect(await first.stop()).toBe(0);
    await second.line(({ message }) => message === "leading");
    submit(scene, "one");
    await scene.until(() => scene.size("spot-a") === 1);
  });
});
