// From a pod that finds no place, or a notice, to machines of Azure: the shipped coordinator against Azure's API over the
// world, scale sets of their own and pools of AKS.

import { describe, expect, test } from "vitest";

import { after, millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { aNotice, natsOf, publishNotice } from "../build/notices.ts";
import { aQuickPool, openScene, policySpec, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { startAzureCloud } from "../world/cloud/azure.ts";
import type { AzureCloud } from "../world/cloud/azure.ts";

const SPOT = "spot-a";
const SPARE = "od-b";

async function stage(
  aks: boolean,
  desired: number,
): Promise<{ readonly scene: Scene; readonly cloud: AzureCloud }> {
  const scene = await openScene({ pools: [] });
  const cloud = await startAzureCloud({ change: scene.server.change, clock: systemClock, aks });
  scene.also(async () => await cloud.close());
  for (const [name, capacityType, size] of [
    [SPOT, "spot", desired],
    [SPARE, "on-demand", 0],
  ] as const) {
    const { instanceType, ...shape } = aQuickPool({ name, capacityType });
    const group = { ...shape, cloud: "azure", instanceTypes: [instanceType], desired: size, max: 5 } as const;
    scene.server.change((world) => world.clouds.addGroup(group));
  }
  return { scene, cloud };
}

function policy(scene: Scene, cloud: AzureCloud): void {
  const group = (pool: string) => ({ azure: cloud.target(pool) });
  const pools = [
    poolSpec(SPOT, { group: group(SPOT) }),
    poolSpec(SPARE, { capacityType: "on-demand", group: group(SPARE) }),
  ];
  scene.policy(policySpec(pools, { emptySeconds: 600, idleSeconds: 600 }));
}

function running(scene: Scene): readonly string[] {
  return scene.world
    .list("pods")
    .flatMap(({ spec, status }) => (status?.phase === "Running" ? [spec.nodeName ?? ""] : []));
}

function made(scene: Scene): number {
  return scene.world.ledger.filter(({ kind }) => kind === "machine-created").length;
}

describe("a pool of AKS", () => {
  test("grows from nothing for a pod that waits, and its machine is known as that pool's", async () => {
    const { scene, cloud } = await stage(true, 0);
    await using _ = scene;
    policy(scene, cloud);
    await scene.coordinator({ env: cloud.env });
    scene.server.change((world) => world.submitJob({ id: "train", gpus: 8, durationMs: millis(600_000) }));

    // Spot nodes of AKS bear a taint that this pod does not tolerate, which the coordinator knows before there is one.
    await scene.until(() => running(scene).length === 1);
    const status = await scene.until(() => (scene.status()?.pools[1]?.ready === 1 ? scene.status() : null));
    expect(status).toMatchObject({ lastScalingAction: `grow ${SPARE} from 0 to 1` });
    expect(status.pools[1]).toMatchObject({ backEnd: "azure", size: 1 });
    expect(made(scene)).toBe(1);
    const writes = cloud.calls.filter(({ write }) => write);
    expect(writes.map(({ action, effect }) => [action, effect])).toEqual([["PutAgentPool", "done"]]);
  });
});

describe("a scale set", () => {
  test("gets exactly one machine elsewhere for a notice, and none in place of what Azure takes", async () => {
    const { scene, cloud } = await stage(false, 1);
    await using _ = scene;
    const shape = { name: "train", gpus: 8, graceSeconds: seconds(1), exitAfterMs: millis(0) };
    scene.server.change((world) => world.submitService({ ...shape, replicas: 1 }));
    policy(scene, cloud);
    await scene.until(() => running(scene).length === 1);
    await scene.coordinator({ env: cloud.env });
    await scene.until(() => scene.status()?.pools[0]?.ready === 1);
    const nats = await natsOf(scene);
    const [node = ""] = running(scene);
    const deadline = after(systemClock.now(), millis(3_000));
    scene.server.change((world) => world.interrupt(node, deadline));
    await publishNotice(scene, nats, aNotice(node, { deadline }));

    await scene.until(() => {
      const [now] = running(scene);
      return now !== undefined && now !== node;
    });
    await scene.until(() => scene.world.clouds.instance("1") === null);
    await scene.until(() => scene.status()?.pools[0]?.size === scene.world.clouds.group(SPOT)?.desired);
    expect(made(scene)).toBe(2);
    const sizes = [SPOT, SPARE].map((name) => scene.world.clouds.group(name)?.desired ?? 0);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(1);
  });
});
