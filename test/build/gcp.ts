// Managed instance groups on the stage of a scenario: the stand-in of Google's API over the scene's world, and pools of a
// policy that name them.

import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startGcpCloud } from "../world/cloud/gcp.ts";
import type { GcpCloud } from "../world/cloud/gcp.ts";
import { aQuickPool, poolSpec } from "./scene.ts";
import type { Scene } from "./scene.ts";

const ZONE = "us-central1-a";

/** Ends with the scene. The coordinator finds it by `env`. */
export async function openGcp(scene: Scene): Promise<GcpCloud> {
  const cloud = await startGcpCloud({ change: scene.server.change, clock: systemClock });
  scene.also(async () => await cloud.close());
  return cloud;
}

export function addGcpGroup(
  scene: Scene,
  name: string,
  capacityType: "spot" | "on-demand",
  desired: number,
  bootMs = millis(150),
): void {
  const { instanceType, ...shape } = aQuickPool({ name, capacityType, zones: [ZONE], bootMs });
  scene.server.change((world) =>
    world.clouds.addGroup({ ...shape, cloud: "gcp", instanceTypes: [instanceType], desired }),
  );
}

/** A pool that sizes the group of the same name. */
export function gcpPool(
  { project }: GcpCloud,
  name: string,
  capacityType: "spot" | "on-demand",
): Readonly<Record<string, unknown>> {
  const group = { gcp: { project, location: ZONE, instanceGroupManager: name } };
  return poolSpec(name, { capacityType, group });
}

export function running(scene: Scene): number {
  return scene.world.list("pods").filter(({ status }) => status?.phase === "Running").length;
}
