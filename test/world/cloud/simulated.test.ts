// The simulated cloud's face on its own, asked by a bare `fetch`, so that a fault which it shares with our back end
// cannot hide.

import { afterEach, describe, expect, test } from "vitest";

import type { World } from "../../../coordinator/replay/world.ts";
import { createWorld } from "../../../coordinator/replay/world.ts";
import { millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { createFakeClock } from "../../build/clock.ts";
import { START, aCloudGroup, forward } from "../build.ts";
import { connect } from "../connection.ts";
import type { Answer } from "../connection.ts";
import { NODES, kinds, servesWorlds } from "../serving.ts";
import type { Moment } from "./face.ts";
import { startSimulatedCloud } from "./simulated.ts";
import type { SimulatedCloud, SimulatedCloudOptions } from "./simulated.ts";

interface Scene {
  readonly world: World;
  readonly cloud: SimulatedCloud;
  get(...names: readonly string[]): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
}

const open: SimulatedCloud[] = [];
afterEach(async () => {
  for (const cloud of open.splice(0)) await cloud.close();
});

/** Two machines in group "a", which may have from 1 to 5, and nothing in "b". */
async function aScene(options: Partial<SimulatedCloudOptions> = {}): Promise<Scene> {
  const world = createWorld({ start: START, seed: 1, heartbeatMs: null });
  world.clouds.addGroup(aCloudGroup({ name: "a", desired: 2, min: 1, max: 5 }));
  world.clouds.addGroup(aCloudGroup({ name: "b" }));
  forward(world, 60_000);
  const cloud = await startSimulatedCloud({ change: (make) => make(world), clock: systemClock, ...options });
  open.push(cloud);
  const api = connect(cloud.url, "");
  return {
    world,
    cloud,
    get: async (...names) => await api.get(`/groups?${names.map((name) => `name=${name}`).join("&")}`),
    post: async (path, body) => await api.post(`/groups/${path}`, body),
  };
}

function version(world: World): string {
  return String(world.clouds.group("a")?.version);
}

function member(world: World): string {
  return world.clouds.group("a")?.instances[0]?.id ?? "";
}

describe("GET /groups", () => {
  test("shows the groups that are named, and null for one that is not there", async () => {
    const { world, get } = await aScene();
    const { code, body } = await get("a", "none");
    expect(code).toBe(200);
    expect(body).toMatchObject({
      groups: {
        a: {
          desired: 2,
          min: 1,
          max: 5,
          version: version(world),
          chosenRemoval: true,
          instances: [
            { id: member(world), state: "running", providerID: `sim://a/${member(world)}`, ageMs: 60_000 },
            { state: "running" },
          ],
          template: { instanceTypes: ["gpu-8x"] },
        },
        none: null,
      },
    });
  });

  test("shows why a launch failed, and not what failed before the number last changed", async () => {
    const { world, get } = await aScene();
    world.clouds.setCapacity({}, 2);
    world.clouds.setDesired("a", 4);
    expect((await get("a")).body["groups"]).toMatchObject({
      a: { failure: { kind: "no-capacity", at: START + 60_000 } },
    });
    forward(world, 1_000);
    world.clouds.setCapacity({}, null);
    world.clouds.setDesired("a", 5);
    expect((await get("a")).body["groups"]?.["a"]).not.toHaveProperty("failure");
  });

  test("refuses more names than one call may have", async () => {
    const { get } = await aScene();
    const { code, body } = await get(...Array.from({ length: 101 }, (_, at) => `g${at}`));
    expect(code).toBe(422);
    expect(body).toMatchObject({ error: { code: "refused" } });
  });
});

describe("a write", () => {
  test("on the version that was read takes effect once", async () => {
    const { world, cloud, post } = await aScene();
    const seen = version(world);
    expect((await post("a/desired", { to: 3, version: seen })).code).toBe(200);
    expect(world.clouds.group("a")?.desired).toBe(3);
    const again = await post("a/desired", { to: 4, version: seen });
    expect([again.code, again.body["error"]?.["code"]]).toEqual([409, "conflict"]);
    expect(world.clouds.group("a")?.desired).toBe(3);
    expect(
      cloud.calls.map(({ action, groups, write, effect, status }) => [action, groups, write, effect, status]),
    ).toEqual([
      ["desired", ["a"], true, "done", 200],
      ["desired", ["a"], true, "refused", 409],
    ]);
  });

  test("removes, releases and cancels what it names", async () => {
    const { world, post } = await aScene();
    const removed = member(world);
    expect((await post("a/desired", { to: 3, version: version(world) })).code).toBe(200);
    expect((await post("a/remove", { instance: removed, version: version(world) })).code).toBe(200);
    expect(world.clouds.instance(removed)?.state).toBe("terminating");
    forward(world, 60_000);
    const released = member(world);
    expect((await post("a/release", { instance: released, version: version(world) })).code).toBe(200);
    expect(world.clouds.instance(released)).toMatchObject({ group: null, state: "running" });
    world.clouds.setCapacity({}, 0);
    world.clouds.setDesired("a", 3);
    expect((await post("a/cancel", { count: 2, version: version(world) })).code).toBe(200);
    expect(world.clouds.group("a")?.desired).toBe(1);
  });

  test.each([
    ["over the maximum", "a/desired", { to: 6 }, 422, "refused"],
    ["under the minimum", "a/desired", { to: 0 }, 422, "refused"],
    ["to no number", "a/desired", { to: "many" }, 422, "refused"],
    ["to a group that is not there", "none/desired", { to: 1 }, 404, "not-found"],
    ["of a member that it has not", "a/remove", { instance: "none" }, 404, "not-found"],
    ["of places that are not open", "a/cancel", { count: 1 }, 409, "conflict"],
    ["that there is not", "a/explode", {}, 422, "refused"],
  ])("%s is refused and changes nothing", async (_what, path, body, status, code) => {
    const { world, post } = await aScene();
    const before = world.clouds.group("a");
    const answer = await post(path, { ...body, version: version(world) });
    expect([answer.code, answer.body["error"]?.["code"]]).toEqual([status, code]);
    expect(world.clouds.group("a")).toEqual(before);
  });
});

describe("trouble", () => {
  test("refuses so many calls that match, and then no more", async () => {
    const { world, cloud, get, post } = await aScene();
    cloud.trouble.set({
      kind: "refuse",
      code: "throttled",
      retryAfterSeconds: 3,
      match: { write: true },
      times: 2,
    });
    const write = async (): Promise<number> =>
      (await post("a/desired", { to: 3, version: version(world) })).code;
    expect((await get("a")).code).toBe(200);
    expect([await write(), await write(), await write()]).toEqual([429, 429, 200]);
    expect(cloud.calls.map(({ effect, trouble }) => [effect, trouble])).toEqual([
      ["done", null],
      ["none", "refuse"],
      ["none", "refuse"],
      ["done", null],
    ]);
  });

  test.each(["before", "after"] as const)("loses the answer %s the effect", async (when) => {
    const { world, cloud, post } = await aScene();
    cloud.trouble.set({ kind: "lost", when, times: 1 });
    await expect(post("a/desired", { to: 3, version: version(world) })).rejects.toThrow("fetch failed");
    expect(world.clouds.group("a")?.desired).toBe(when === "after" ? 3 : 2);
    expect(cloud.calls).toMatchObject([
      { effect: when === "after" ? "done" : "none", status: 0, trouble: "lost" },
    ]);
  });

  test("is silent until the connection is given up", async () => {
    const { world, cloud } = await aScene();
    cloud.trouble.set({ kind: "silence", when: "after", times: 1 });
    const stop = new AbortController();
    const decided = Promise.withResolvers<Moment>();
    cloud.onRequest((moment) => {
      if (moment.phase === "decided") decided.resolve(moment);
    });
    const call = fetch(`${cloud.url}/groups/a/desired`, {
      method: "POST",
      body: JSON.stringify({ to: 3, version: version(world) }),
      signal: stop.signal,
    });
    expect(await decided.promise).toMatchObject({ action: "desired", groups: ["a"] });
    expect(world.clouds.group("a")?.desired).toBe(3);
    stop.abort(new Error("given up"));
    await expect(call).rejects.toThrow("given up");
  });

  test("answers late, in half, and with other words", async () => {
    const clock = createFakeClock();
    const { cloud, get } = await aScene({ clock });
    cloud.trouble.set({ kind: "slow", ms: millis(100), times: 1 });
    const late = get("b");
    await clock.untilSleeping(100);
    await clock.advance(100);
    expect((await late).code).toBe(200);
    cloud.trouble.set({ kind: "half-body", times: 1 });
    await expect(get("b")).rejects.toThrow(SyntaxError);
    cloud.trouble.set({ kind: "edit", edit: () => '{"error":{}}', times: 1 });
    expect(await get("b")).toMatchObject({ code: 200, body: { error: {} } });
  });

  test("sets the clock of the cloud wrong, in its header and its times", async () => {
    const clock = createFakeClock(START);
    const { world, cloud, get } = await aScene({ clock });
    world.clouds.setCapacity({}, 0);
    world.clouds.setDesired("a", 4);
    cloud.skew(600_000);
    expect((await get("a")).body["groups"]).toMatchObject({ a: { failure: { at: START + 660_000 } } });
    const response = await fetch(`${cloud.url}/groups?name=a`);
    expect(response.headers.get("date")).toBe(new Date(START + 600_000).toUTCString());
  });
});

describe("beside a world server", () => {
  const serve = servesWorlds();

  test("its instances are nodes of that world's API, and watches see them at once", async () => {
    const world = createWorld({ start: START, seed: 1, heartbeatMs: null });
    world.clouds.addGroup(aCloudGroup({ name: "a", bootMs: millis(0) }));
    const { server, api } = await serve(world);
    const { post } = await aScene({ change: server.change });
    const watch = await api.watch(`${NODES}?watch=true`);
    expect((await post("a/desired", { to: 1, version: version(world) })).code).toBe(200);
    expect(kinds(await watch.take(1))).toEqual([`ADDED ${member(world)}`]);
    watch.close();
  });
});

describe("a hook", () => {
  test("sees each request before it takes effect and before it is answered, and holds it", async () => {
    const { world, cloud, post } = await aScene();
    const seen: (string | number | undefined)[] = [];
    const mayGoOn = Promise.withResolvers<void>();
    const isHeld = Promise.withResolvers<void>();
    const remove = cloud.onRequest(async ({ phase, action }) => {
      seen.push(`${phase} ${action}`, world.clouds.group("a")?.desired);
      if (phase === "decided") return;
      isHeld.resolve();
      await mayGoOn.promise;
    });
    const call = post("a/desired", { to: 3, version: version(world) });
    await isHeld.promise;
    expect(world.clouds.group("a")?.desired).toBe(2);
    mayGoOn.resolve();
    expect((await call).code).toBe(200);
    remove();
    await post("a/desired", { to: 4, version: version(world) });
    expect(seen).toEqual(["arrived desired", 2, "decided desired", 3]);
  });
});
