// The back end `aws` under the contract suite, over our own stand-in of its API and a world that stands still until a
// test lets time pass. All answers of the stand-in are kept for the referee.

import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { after, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { aCloudGroup, facts } from "../world/build.ts";
import { withoutSize } from "../world/cloud/aws-troubles.ts";
import { startAwsCloud } from "../world/cloud/aws.ts";
import type { AwsAnswer, AwsCloud } from "../world/cloud/aws.ts";
import { awsAccountAt } from "./aws-account.ts";
import { calling } from "./harness.ts";
import type { CloudGroupHarness, HarnessSetup } from "./harness.ts";

/** Longer than it takes to try again, to boot and to end. */
const A_WHILE = millis(120_000);

export interface AwsFakeHarness extends CloudGroupHarness {
  readonly world: World;
  readonly cloud: AwsCloud;
}

/** `answers` grows by each answer of the stand-in, as it was before any trouble. */
export async function awsFakeHarness(
  setup: HarnessSetup,
  answers: AwsAnswer[] = [],
): Promise<AwsFakeHarness> {
  const { groups, size, min, max } = setup;
  const world = createWorld({ start: systemClock.now(), seed: 1, heartbeatMs: null });
  const keys = Array.from({ length: groups }, (_, at) => `group-${at}`);
  for (const name of keys)
    world.clouds.addGroup(aCloudGroup({ name, cloud: "aws", desired: size, min, max }));
  const cloud = await startAwsCloud({
    change: (make) => make(world),
    clock: systemClock,
    onAnswer: (answer) => answers.push(answer),
  });
  const account = await awsAccountAt(cloud.url);
  const key = (at: number): string => keys[at] ?? "none";
  const first = key(0);

  function advance(): void {
    world.advance(after(world.now, A_WHILE));
  }
  advance();

  const harness: AwsFakeHarness = {
    world,
    cloud,
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
      const message = "max spot instance count exceeded";
      const failure = { kind: "quota", code: "MaxSpotInstanceCountExceeded", message } as const;
      await settled(world.clouds.failLaunches(first, failure));
    },
    deny: async () => {
      cloud.trouble.set({ kind: "refuse", code: "AccessDenied", match: { write: true } });
      await settled(null);
    },
    throttle: async () => {
      cloud.trouble.set({ kind: "refuse", code: "Throttling", match: { write: true }, times: 1 });
      // AWS does not say for how long.
      return await settled(null);
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
    interrupt: async (id) => await settled(world.clouds.interrupt(id, world.now)),
    skewClock: async (ms) => await settled(cloud.skew(ms)),
    [Symbol.asyncDispose]: async () => {
      account[Symbol.dispose]();
      await cloud.close();
    },
  };
  return harness;
}

/** The world answers at once, whatever the harness promises. */
async function settled<T>(value: T): Promise<T> {
  return await Promise.resolve(value);
}
