// Managed instance groups at Google through the shipped coordinator: its own requests, its own credentials from the
// metadata server, and machines that come by names of ours.

import { expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import { addGcpGroup, gcpPool, openGcp, running } from "../build/gcp.ts";
import { openScene, policySpec } from "../build/scene.ts";

test("a pod that finds no place gets a machine with a name of ours, asked for once", async () => {
  await using scene = await openScene({ pools: [] });
  const cloud = await openGcp(scene);
  addGcpGroup(scene, "spot-a", "spot", 0);
  scene.policy(policySpec([gcpPool(cloud, "spot-a", "spot")]));
  await scene.coordinator({ env: cloud.env });
  scene.server.change((world) => world.submitJob({ id: "train", gpus: 8, durationMs: millis(600_000) }));

  await scene.until(() => running(scene) === 1);
  const created = cloud.calls.filter(({ write }) => write);
  expect(created.map(({ action }) => action)).toEqual(["compute.instanceGroupManagers.createInstances"]);
  const [node] = scene.world.list("nodes");
  expect(created[0]?.parameters.body).toContain(`"name":"${node?.metadata.name ?? ""}"`);
  const status = await scene.until(() => (scene.status()?.pools[0]?.ready === 1 ? scene.status() : null));
  expect(status.pools).toMatchObject([{ name: "spot-a", size: 1, backEnd: "gcp" }]);
});
