// The back ends of clouds in worlds where anything may happen between two calls: other hands, interruptions, stock-
// outs, lost and damaged answers. Whatever a call answers, the world tells what it did: only what was asked for, once.

import { expect, test } from "vitest";

import type { CloudAccount } from "../../coordinator/cloud/account.ts";
import { createAwsAccount } from "../../coordinator/cloud/aws/account.ts";
import type { NodeGroup } from "../../coordinator/cloud/group.ts";
import { createSimulatedAccount } from "../../coordinator/cloud/simulated/account.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import { after, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import { createFakeClock } from "../build/clock.ts";
import { aCloudGroup } from "../world/build.ts";
import { errorIn200 } from "../world/cloud/aws-troubles.ts";
import { startAwsCloud } from "../world/cloud/aws.ts";
import { errorIn200 as errorIn200Azure } from "../world/cloud/azure-troubles.ts";
import { startAzureCloud } from "../world/cloud/azure.ts";
import type { Face } from "../world/cloud/face.ts";
import { startSimulatedCloud } from "../world/cloud/simulated.ts";
import type { Trouble } from "../world/cloud/trouble.ts";
import { azureAccountAt } from "./azure-harness.ts";

const GROUPS = ["a", "b"];
const STEPS = 150;
/** Seconds each. A dozen others went well when this was written. */
const SEEDS = [1, 2];
const ANSWERED = { signal: new AbortController().signal, deadlineMs: millis(30_000) };
const MAYBE_DONE = ["timeout", "unavailable"];

interface Stage extends AsyncDisposable {
  readonly world: World;
  readonly account: CloudAccount;
  /** Absent: a group's key is its name. */
  readonly keyOf?: (name: string) => string;
  readonly cloud: Pick<Face<unknown>, "trouble" | "onRequest">;
  /** Answers that a call may get instead of its own. */
  readonly troubles: readonly Trouble[];
  advance(ms: number): Promise<void>;
}

type MakeStage = (seed: number) => Promise<Stage>;

const LOST: readonly Trouble[] = [
  { kind: "lost", when: "before" },
  { kind: "lost", when: "after" },
  { kind: "half-body" },
];

async function awsStage(seed: number): Promise<Stage> {
  const { world, clock, advance } = aWorld(seed, "aws");
  const cloud = await startAwsCloud({ change: (make) => make(world), clock });
  const account = await createAwsAccount({
    region: cloud.region,
    endpoint: cloud.url,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    clock,
    limiter: { run: async (_call, { signal }, send) => await send(signal) },
  });
  const refuse = (code: string): Trouble => ({ kind: "refuse", code });
  return {
    world,
    account,
    cloud,
    troubles: [
      ...LOST,
      refuse("Throttling"),
      refuse("InternalFailure"),
      refuse("ScalingActivityInProgress"),
      errorIn200("ValidationError", "not so"),
    ],
    advance,
    [Symbol.asyncDispose]: async () => {
      account[Symbol.dispose]();
      await cloud.close();
    },
  };
}

async function simulatedStage(seed: number): Promise<Stage> {
  const { world, clock, advance } = aWorld(seed, "simulated");
  const cloud = await startSimulatedCloud({ change: (make) => make(world), clock });
  const account = createSimulatedAccount({ url: cloud.url, clock });
  return {
    world,
    account,
    cloud,
    troubles: [...LOST, { kind: "refuse", code: "throttled" }, { kind: "refuse", code: "conflict" }],
    advance,
    [Symbol.asyncDispose]: async () => {
      account.close();
      await cloud.close();
    },
  };
}

async function azureStage(seed: number, aks: boolean): Promise<Stage> {
  const { world, clock, advance } = aWorld(seed, "azure");
  const cloud = await startAzureCloud({ change: (make) => make(world), clock, aks });
  const made = await azureAccountAt(cloud, clock);
  const refuse = (code: string): Trouble => ({ kind: "refuse", code });
  return {
    world,
    account: made.account,
    keyOf: cloud.key,
    cloud,
    troubles: [
      ...LOST,
      refuse("TooManyRequests"),
      refuse("InternalServerError"),
      refuse("PreconditionFailed"),
      errorIn200Azure("Conflict", "not so"),
    ],
    advance,
    [Symbol.asyncDispose]: async () => {
      made.close();
      await cloud.close();
    },
  };
}

/** Its clock and ours are one, so that what AWS dates can be compared with what the world knows. */
function aWorld(seed: number, cloud: "aws" | "azure" | "simulated") {
  const start = systemClock.now();
  const clock = createFakeClock(start);
  const world = createWorld({ start, seed, heartbeatMs: null });
  // What Azure takes lowers the size, whatever anybody thinks of a minimum.
  const min = cloud === "azure" ? 0 : 1;
  for (const name of GROUPS) world.clouds.addGroup(aCloudGroup({ name, cloud, desired: 2, min, max: 8 }));
  const advance = async (ms: number): Promise<void> => {
    world.advance(after(world.now, millis(ms)));
    await clock.advance(ms);
  };
  return { world, clock, advance };
}

interface Standing {
  readonly desired: number;
  readonly live: readonly string[];
}

function standing(world: World, name: string): Standing {
  const { desired, instances } = world.clouds.group(name) ?? { desired: -1, instances: [] };
  return { desired, live: instances.flatMap(({ id, state }) => (state === "terminating" ? [] : [id])) };
}

/** What the write that a call sends may do: to the size, and to members by name. */
interface Wanted {
  readonly what: string;
  readonly by: number;
  readonly leaves: string | null;
  send(group: NodeGroup): Promise<void>;
}

async function aWrite(group: NodeGroup, { live }: Standing, random: Random): Promise<Wanted> {
  const seen = await group.read(ANSWERED);
  const one = pick(live, random) ?? "i-0";
  const count = 1 + Math.floor(random() * 3);
  const writes: readonly Wanted[] = [
    {
      what: `grow by ${count}`,
      by: count,
      leaves: null,
      send: async (to) => await to.resize(seen.size + count, seen, ANSWERED),
    },
    {
      what: `remove ${one}`,
      by: -1,
      leaves: one,
      send: async (to) => await to.removeInstance(one, seen, ANSWERED),
    },
    {
      what: `release ${one}`,
      by: -1,
      leaves: one,
      send: async (to) => await to.releaseInstance(one, seen, ANSWERED),
    },
    {
      what: `give back ${count}`,
      by: -count,
      leaves: null,
      send: async (to) => await to.cancelUnfilled(count, seen, ANSWERED),
    },
  ];
  return pick(writes, random) ?? Promise.reject(new Error("no write"));
}

/** What other hands do, and time. */
async function anything({ world, advance }: Stage, random: Random): Promise<string> {
  const { clouds } = world;
  const name = pick(GROUPS, random) ?? "a";
  const group = clouds.group(name);
  const { live } = standing(world, name);
  const one = pick(live, random);
  switch (Math.floor(random() * 7)) {
    case 0:
      clouds.setDesired(name, 1 + Math.floor(random() * (group?.max ?? 1)));
      return `${name}: size by another hand`;
    case 1:
      if (one !== undefined) clouds.interrupt(one, world.now);
      world.advance(world.now);
      return `${name}: ${one ?? "nobody"} is taken`;
    case 2:
      clouds.setCapacity({}, random() < 0.5 ? null : Math.floor(random() * 6));
      return "another stock";
    case 3: {
      const failure = { kind: "quota", code: "MaxSpotInstanceCountExceeded", message: "no more" } as const;
      clouds.failLaunches(name, random() < 0.5 ? null : failure);
      return `${name}: another quota`;
    }
    case 4:
      if (one !== undefined && (group?.desired ?? 0) > (group?.min ?? 0))
        clouds.detach(one, { decrement: true });
      return `${name}: ${one ?? "nobody"} is detached by another hand`;
    default: {
      const ms = 1_000 + Math.floor(random() * 60_000);
      await advance(ms);
      return `${ms} ms`;
    }
  }
}

async function lookFits(stage: Stage, grownAt: ReadonlyMap<string, EpochMs>): Promise<void> {
  const { keyOf = asItIs } = stage;
  const looks = await stage.account.look(GROUPS.map(keyOf), ANSWERED);
  for (const name of GROUPS) {
    const look = looks.get(keyOf(name));
    if (look?.kind !== "seen") throw new Error(`${name} is not seen: ${look?.detail ?? "nothing is said"}`);
    const { desired, live } = standing(stage.world, name);
    const places = look.members.filter(({ placeholder }) => placeholder === true);
    expect(look.state.size).toBe(desired);
    expect(places).toHaveLength(Math.max(0, desired - live.length));
    expect(new Set(look.members.map(({ id }) => id)).size).toBe(look.members.length);
    const machines = look.members.filter(
      ({ placeholder, state }) => placeholder !== true && state === "present",
    );
    expect(machines.map(({ id }) => id).toSorted()).toEqual(live.toSorted());
    if (!places.some(({ state }) => state === "failed")) continue;
    const { activities = [] } = stage.world.clouds.group(name) ?? {};
    const failed = activities.find(({ failure }) => failure !== null);
    expect(failed?.at, `${name}: a failure that was told`).toBeGreaterThanOrEqual(
      // AWS's dates have whole seconds.
      Math.floor((grownAt.get(name) ?? 0) / 1000) * 1000,
    );
  }
}

async function run(stage: Stage, random: Random, said: string[]): Promise<number> {
  const { world, account, cloud, troubles, keyOf = asItIs } = stage;
  const grownAt = new Map<string, EpochMs>();
  let done = 0;
  for (let step = 0; step < STEPS; step++) {
    while (random() < 0.6) said.push(await anything(stage, random));
    const name = pick(GROUPS, random) ?? "a";
    const group = account.group(keyOf(name));
    const wanted = await aWrite(group, standing(world, name), random);
    // Where writes depend on what was read, anybody may come in between; else that is between AWS and its operators.
    if (group.conditional && random() < 0.3) said.push(await anything(stage, random));
    const trouble = random() < 0.3 ? pick(troubles, random) : undefined;
    if (trouble !== undefined) cloud.trouble.set({ ...trouble, times: 1, match: { write: true } });
    let before = standing(world, name);
    let sent = 0;
    const stop = cloud.onRequest(({ write, phase }) => {
      if (!write || phase !== "arrived") return;
      sent += 1;
      before = standing(world, name);
    });
    const outcome = await wanted.send(group).then(
      () => "done",
      (error: unknown) => kindOf(error),
    );
    stop();
    cloud.trouble.clear();
    said.push(`${name}: ${wanted.what} (${trouble?.kind ?? "well"}): ${outcome}`);
    const now = standing(world, name);
    const gone = before.live.filter((id) => !now.live.includes(id));
    expect(sent).toBeLessThanOrEqual(1);
    expect(["bug", "malformed"]).not.toContain(outcome);
    const isDone = now.desired !== before.desired;
    if (outcome === "done") expect(isDone).toBe(true);
    else if (!MAYBE_DONE.includes(outcome)) expect(isDone).toBe(false);
    if (isDone) expect(now.desired - before.desired).toBe(wanted.by);
    expect(gone).toEqual(isDone && wanted.leaves !== null ? [wanted.leaves] : []);
    if (wanted.by > 0 && isDone) grownAt.set(name, world.now);
    done += isDone ? 1 : 0;
    await lookFits(stage, grownAt);
  }
  return done;
}

const STAGES: readonly (readonly [string, MakeStage])[] = [
  ["aws", awsStage],
  // Scale sets and pools of AKS in turn.
  ["azure", async (seed) => await azureStage(seed, seed % 2 === 0)],
  ["simulated", simulatedStage],
];

test.each(STAGES)(
  "%s: writes do what they say and nothing else",
  async (name, make) => {
    for (const each of SEEDS) {
      const said: string[] = [];
      await using stage = await make(each);
      await stage.advance(120_000);
      try {
        const done = await run(stage, seededRandom(each), said);
        expect(done).toBeGreaterThan(STEPS / 5);
        console.log(`${name}, seed ${each}: ${STEPS} writes, of which ${done} took effect`);
      } catch (error) {
        console.log(`${name}, seed ${each}:\n${said.slice(-20).join("\n")}`);
        throw error;
      }
    }
  },
  60_000,
);

function asItIs(name: string): string {
  return name;
}

function pick<T>(from: readonly T[], random: Random): T | undefined {
  return from[Math.floor(random() * from.length)];
}
