// The back end `simulated` under the contract suite: its account over the face of the simulated cloud, and a world that
// stands still until a test lets time pass.

import { createSimulatedAccount } from "../../coordinator/cloud/simulated/account.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import { after, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { START, aCloudGroup, facts } from "../world/build.ts";
import { startSimulatedCloud } from "../world/cloud/simulated.ts";
import { calling } from "./harness.ts";
import type { CloudGroupHarness, HarnessSetup } from "./harness.ts";

const RETRY_AFTER_S = 7;
/** Longer than it takes to try again, to boot and to end. */
const A_WHILE = millis(120_000);

export async function simulatedHarness(setup: HarnessSetup): Promise<CloudGroupHarness> {
  const { groups, size, min, max } = setup;
  const world = createWorld({ start: START, seed: 1, heartbeatMs: null });
  const keys = Array.from({ length: groups }, (_, at) => `group-${at}`);
  for (const name of keys) world.clouds.addGroup(aCloudGroup({ name, desired: size, min, max }));
  const cloud = await startSimulatedCloud({ change: (make) => make(world), clock: systemClock });
  const account = createSimulatedAccount({ url: cloud.url, clock: systemClock });
  const key = (at: number): string => keys[at] ?? "none";
  const first = key(0);

  function advance(): void {
    world.advance(after(world.now, A_WHILE));
  }
  advance();

  const harness: CloudGroupHarness = {
    group: (at = 0) => account.group(key(at)),
    account: { account, keys },
    groupsPerRead: 100,
    seen: async () => {
      const look = (await account.look([first], calling(harness))).get(first);
      return look?.kind === "seen" ? look.members : [];
    },
    instances: async (at = 0) => {
      const { instances } = world.clouds.group(key(at)) ?? { instances: [] };
      return await settled(instances.flatMap(({ id, state }) => (state === "running" ? [id] : [])));
    },
    size: async (at = 0) => await settled(world.clouds.group(key(at))?.desired ?? null),
    made: async () => await settled(facts(world, "machine-created").length),
    writes: async () => await settled(cloud.calls.filter(({ write }) => write).length),
    reads: async () => await settled(cloud.calls.filter(({ write }) => !write).length),
    advance: async () => await settled(advance()),
    stockOut: async (left) => {
      const held = world.clouds.groups().flatMap(({ instances }) => instances).length;
      await settled(world.clouds.setCapacity({}, left === null ? null : held + left));
    },
    quota: async () => {
      const failure = { kind: "quota", code: "QuotaExceeded", message: "no more than 2 of them" } as const;
      await settled(world.clouds.failLaunches(first, failure));
    },
    deny: async () => {
      cloud.trouble.set({ kind: "refuse", code: "denied", match: { write: true } });
      await settled(null);
    },
    throttle: async () => {
      cloud.trouble.set({
        kind: "refuse",
        code: "throttled",
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
      const desired = `"desired":${world.clouds.group(first)?.desired}`;
      cloud.trouble.set({
        kind: "edit",
        edit: (text) => text.replace(desired, '"desired":null'),
        match: { group: first, write: false },
      });
      await settled(null);
    },
    resizeByOther: async (to) => await settled(world.clouds.setDesired(first, to)),
    deleteGroup: async () => await settled(world.clouds.removeGroup(first)),
    interrupt: async (id) => await settled(world.clouds.interrupt(id, world.now)),
    skewClock: async (ms) => await settled(cloud.skew(ms)),
    [Symbol.asyncDispose]: async () => {
      account.close();
      await cloud.close();
    },
  };
  return harness;
}

/** The world answers at once, whatever the harness promises. */
async function settled<T>(value: T): Promise<T> {
  return await Promise.resolve(value);
}
