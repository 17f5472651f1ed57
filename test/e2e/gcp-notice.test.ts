// A spot machine at Google is taken: its group makes it anew under the same name, beside the one that we have asked for
// already. The shipped coordinator has to end up with one new node and not two.

import { expect, test } from "vitest";

import { epochMs, millis, seconds } from "../../shared/model/units.ts";
import { addGcpGroup, gcpPool, openGcp, running } from "../build/gcp.ts";
import { aNotice, natsOf, publishNotice } from "../build/notices.ts";
import { openScene, policySpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";

/** As long as a successor takes here, and shorter than Google's 30 s. */
const GOES_AFTER_MS = 4_000;
/** What Google makes in its place is no node before that place can have been given back, as with real machines. */
const BOOT_MS = millis(4_000);

/** The group of each machine that is not on its way out. */
function staying(scene: Scene): readonly (string | null)[] {
  return scene.world.clouds
    .groups()
    .flatMap(({ instances }) => instances)
    .filter(({ state }) => state !== "terminating")
    .map(({ group }) => group);
}

test("a notice brings exactly one new node, whatever Google makes in the old one's place", async () => {
  await using scene = await openScene({ pools: [] });
  const cloud = await openGcp(scene);
  addGcpGroup(scene, "spot-a", "spot", 1, BOOT_MS);
  addGcpGroup(scene, "od-b", "on-demand", 0);
  scene.policy(
    policySpec([gcpPool(cloud, "spot-a", "spot"), gcpPool(cloud, "od-b", "on-demand")], {
      emptySeconds: 600,
    }),
  );
  scene.server.change((world) =>
    world.submitService({
      name: "train",
      replicas: 1,
      gpus: 8,
      graceSeconds: seconds(1),
      exitAfterMs: millis(0),
    }),
  );
  await scene.until(() => running(scene) === 1);
  await scene.coordinator({ env: cloud.env });
  await scene.until(() => scene.status()?.pools.some(({ name, ready }) => name === "spot-a" && ready === 1));
  const [old] = scene.world.list("nodes");
  const node = old?.metadata.name ?? "";
  const nats = await natsOf(scene);
  const notice = aNotice(node);
  const deadline = epochMs(notice.seenAt + GOES_AFTER_MS);
  scene.server.change((world) => world.interrupt(node, deadline));
  await publishNotice(scene, nats, { ...notice, deadline });

  // Its group makes the next one under the old name as soon as it goes, unless that place is released.
  await scene.until(
    () =>
      scene.world.clouds.group("spot-a")?.desired === 0 &&
      staying(scene).length === 1 &&
      running(scene) === 1,
    { withinMs: 40_000 },
  );
  expect(scene.world.clouds.group("od-b")?.desired).toBe(1);
  const made = scene.world.ledger.filter((fact) => fact.kind === "machine-joined" && fact.pool === "od-b");
  expect(made).toHaveLength(1);
  expect(staying(scene)).toEqual(["od-b"]);
});
