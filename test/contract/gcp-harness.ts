// The back end `gcp` under the contract suite, over our own stand-in of its API and a world that stands still until a
// test lets time pass. All answers of the stand-in are kept for Google's own description to judge.

import type { CloudInstance } from "../../coordinator/replay/world-cloud.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { after, millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { aCloudGroup, facts } from "../world/build.ts";
import { numberOf } from "../world/cloud/gcp-groups.ts";
import { withoutSize } from "../world/cloud/gcp-troubles.ts";
import { startGcpCloud } from "../world/cloud/gcp.ts";
import type { GcpAnswer, GcpCloud } from "../world/cloud/gcp.ts";
import { gcpAccountAt, ZONE } from "./gcp-account.ts";
import { calling } from "./harness.ts";
import type { CloudGroupHarness, HarnessSetup } from "./harness.ts";

/** Longer than it takes to try again, to boot and to end. */
const A_WHILE = millis(120_000);
const RETRY_AFTER_S = 7;

export interface GcpHarness extends CloudGroupHarness {
  readonly world: World;
  readonly cloud: GcpCloud;
}

/** `answers` grows by each answer of the stand-in, as it was before any trouble. */
export async function gcpHarness(
  setup: Pick<HarnessSetup, "groups" | "size">,
  answers: GcpAnswer[] = [],
  { pageMax = 500, clock = systemClock }: { readonly pageMax?: number; readonly clock?: Clock } = {},
): Promise<GcpHarness> {
  const world = createWorld({ start: systemClock.now(), seed: 1, heartbeatMs: null });
  const names = Array.from({ length: setup.groups }, (_, at) => `group-${at}`);
  for (const name of names)
    world.clouds.addGroup(aCloudGroup({ name, cloud: "gcp", zones: [ZONE], desired: setup.size }));
  const cloud = await startGcpCloud({
    pageMax,
    change: (make) => make(world),
    clock: systemClock,
    onAnswer: (answer) => answers.push(answer),
  });
  const account = await gcpAccountAt(cloud, clock);
  const keys = names.map((name) => `${ZONE}/${name}`);
  const first = names[0] ?? "none";

  function advance(): void {
    world.advance(after(world.now, A_WHILE));
  }
  advance();

  const harness: GcpHarness = {
    world,
    cloud,
    group: (at = 0) => account.group(keys[at] ?? "none/none"),
    account: { account, keys },
    groupsPerRead: 500,
    seen: async () => {
      const look = (await account.look([keys[0] ?? ""], calling(harness))).get(keys[0] ?? "");
      return look?.kind === "seen" ? look.members : [];
    },
    instances: async (at = 0) => {
      const { instances } = world.clouds.group(names[at] ?? "") ?? { instances: [] };
      return await settled(instances.flatMap((one) => (one.state === "running" ? [idOf(one)] : [])));
    },
    size: async (at = 0) => await settled(world.clouds.group(names[at] ?? "")?.desired ?? null),
    made: async () => await settled(facts(world, "machine-created").length),
    writes: async () => await settled(cloud.calls.filter(({ write }) => write).length),
    reads: async () => await settled(cloud.calls.filter(({ write }) => !write).length),
    advance: async () => await settled(advance()),
    stockOut: async (left) => {
      const held = world.clouds.groups().flatMap(({ instances }) => instances).length;
      await settled(world.clouds.setCapacity({}, left === null ? null : held + left));
    },
    quota: async () => {
      const message = "Quota 'NVIDIA_L4_GPUS' exceeded. Limit: 8.0 in region us-central1.";
      await settled(world.clouds.failLaunches(first, { kind: "quota", code: "QUOTA_EXCEEDED", message }));
    },
    deny: async () => {
      cloud.trouble.set({ kind: "refuse", code: "forbidden", match: { write: true } });
      await settled(null);
    },
    throttle: async () => {
      cloud.trouble.set({
        kind: "refuse",
        code: "rateLimitExceeded",
        retryAfterSeconds: RETRY_AFTER_S,
        match: { write: true },
        times: 1,
      });
      return await settled(RETRY_AFTER_S);
    },
    loseAnswer: async (when) => {
      cloud.trouble.set({ kind: "lost", when, match: { write: true }, times: 1 });
      await settled(null);
    },
    hideSize: async () => {
      cloud.trouble.set({ ...withoutSize(first), match: { group: first, write: false } });
      await settled(null);
    },
    resizeByOther: async (to) => await settled(world.clouds.setDesired(first, to)),
    deleteGroup: async () => await settled(world.clouds.removeGroup(first)),
    interrupt: async (id) => await settled(world.clouds.interrupt(id.split("/")[0] ?? "", world.now)),
    skewClock: async (ms) => await settled(cloud.skew(ms)),
    [Symbol.asyncDispose]: async () => await cloud.close(),
  };
  return harness;
}

/** As the back end names it. */
export function idOf(instance: CloudInstance): string {
  return `${instance.id}/${numberOf(instance)}`;
}

/** The world answers at once, whatever the harness promises. */
async function settled<T>(value: T): Promise<T> {
  return await Promise.resolve(value);
}
