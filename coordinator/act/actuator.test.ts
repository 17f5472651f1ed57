import { describe, expect, test } from "vitest";

import { readDrainRequest } from "../../shared/contract/node-marks.ts";
import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { NODE_ANNOTATION, POLICY } from "../../shared/model/names.ts";
import type { Reason } from "../../shared/model/reasons.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { aNodeGroup } from "../../test/build/node-group.ts";
import { node } from "../../test/build/node.ts";
import { policy, pool } from "../../test/build/policy.ts";
import type { PolicyOptions } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { launchFailureOf } from "../cloud/group.ts";
import type { NodeGroup } from "../cloud/group.ts";
import type { Move, Plan } from "../decide/plan.ts";
import type { InstanceInput } from "../decide/snapshot.ts";
import { createActuator } from "./actuator.ts";
import { createCallLimits, lingering } from "./context.ts";
import type { ActContext } from "./context.ts";
import { createJournal } from "./journal.ts";
import { withIntents, withOutcomes } from "./moves.ts";

/** Groups in memory that note what is asked of them, with the status in the API as it was at that moment. */
function setup(made: WorldClient, options: PolicyOptions = {}) {
  const { client, server, world } = made;
  server.change((changed) =>
    changed.put("autoscalingpolicies", {
      apiVersion: POLICY.apiVersion,
      kind: POLICY.kind,
      metadata: { name: "demo" },
      spec: {},
    }),
  );
  const written = (): PolicyStatus | undefined =>
    world.get("autoscalingpolicies", { name: "demo" })?.status as PolicyStatus | undefined;
  const journal = createJournal({ client, onUnreadable: () => {} });
  const actuator = createActuator({
    journal,
    limits: { allowedGrowth: () => 100, removalRefused: () => null },
  });
  const clock = createFakeClock();
  const log = createLogSink();
  const calls: { readonly call: string; readonly phases: readonly string[] }[] = [];
  const sizes = new Map<string, number>();
  const state = {
    refuse: null as AppError | null,
    unreadable: null as AppError | null,
    leftMs: 10_000,
    quietMs: 0,
    maybeMs: 0,
    inheritedMs: 0,
    conditional: true,
    removesUnconditionally: false,
    hurries: false,
    bounds: {} as { readonly unfilled?: number },
  };
  let whenCalled: () => unknown = () => {};
  let whenLookedFor: () => unknown = () => {};

  const groupOf = (name: string): NodeGroup => {
    const note = (call: string): void =>
      void calls.push({ call, phases: written()?.moves.map(({ key, phase }) => `${key} ${phase}`) ?? [] });
    return aNodeGroup({
      conditional: state.conditional,
      removesUnconditionally: state.removesUnconditionally,
      read: async () => {
        if (state.unreadable !== null) throw state.unreadable;
        return { size: sizes.get(name) ?? 2, version: "1", ...state.bounds };
      },
      resize: async (to) => {
        note(`${name} to ${to}`);
        await whenCalled();
        if (state.refuse !== null) throw state.refuse;
        sizes.set(name, to);
      },
      contains: async () => {
        whenLookedFor();
        return await Promise.resolve(true);
      },
      removeInstance: async (id, seen) => {
        note(`${name} without ${id}`);
        await whenCalled();
        sizes.set(name, seen.size - 1);
      },
      releaseInstance: async (id, seen) => {
        note(`${name} releases ${id}`);
        await whenCalled();
        sizes.set(name, seen.size - 1);
      },
      cancelUnfilled: async (count, seen) => {
        note(`${name} cancels ${count}`);
        await whenCalled();
        sizes.set(name, seen.size - count);
      },
    });
  };
  const context: ActContext = {
    client,
    clock,
    random: () => 0.5,
    log: log.log,
    groupOf: (_, name) => groupOf(name),
    drainTimeoutMs: millis(60_000),
    maybeMs: millis(0),
    inheritedMs: () => millis(state.inheritedMs),
    hurries: () => state.hurries,
    launchFailureOf,
    quietMs: () => millis(state.quietMs),
    call: createCallLimits({
      signal: new AbortController().signal,
      validForMs: () => millis(state.leftMs),
      callDeadlineMs: millis(2_000),
    }),
  };
  const input = policy({
    pools: ["a", "b", "c"].map((name) => pool(name, { size: 2, instances: [] })),
    ...options,
  });
  const plan = (...moves: readonly Move[]): Plan => ({
    at: epochMs(clock.now()),
    moves,
    holds: [],
    unplaced: [],
    figures: [],
  });
  const nodes = () =>
    world
      .list("nodes")
      .map(({ metadata: { name, annotations } }) =>
        node(name, { drainRequest: readDrainRequest(annotations?.[NODE_ANNOTATION.drainRequest]) }),
      );
  const now = () => ({ ...context, maybeMs: millis(state.maybeMs) });
  const run = async (decided: Plan) =>
    await actuator.act(decided, snapshot({ at: clock.now(), policies: [input], nodes: nodes() }), now());
  const waitsMs = () => actuator.waitsMs(now());
  const act = async (...moves: readonly Move[]) => await run(plan(...moves));
  const onCall = (run: () => unknown): void => void (whenCalled = run);
  const onLook = (run: () => unknown): void => void (whenLookedFor = run);
  return { act, calls, clock, journal, log, onCall, onLook, plan, run, sizes, state, waitsMs, written };
}

function aGrow(name: string, overrides: Partial<Extract<Move, { kind: "grow" }>> = {}): Move {
  return {
    kind: "grow",
    key: `demo/${name}/grow/x`,
    policy: "demo",
    pool: name,
    from: 2,
    to: 3,
    because: [],
    pods: [],
    ...overrides,
  };
}

const REPLACE: Move = {
  kind: "replace",
  key: "demo/b/replace/i",
  policy: "demo",
  pool: "b",
  from: 2,
  to: 3,
  because: [],
  pods: [],
  notice: "i",
  node: "n",
};
const RELEASE: Move = {
  kind: "release",
  key: "demo/c/release/i",
  policy: "demo",
  pool: "c",
  from: 2,
  to: 1,
  because: [],
  node: "n",
  instance: "m",
};

describe("createActuator()", () => {
  test("calls replacements first, then growth, then releases, whatever the order of the plan", async () => {
    await using made = await aWorldClient(0);
    const { act, calls } = setup(made);
    await act(RELEASE, aGrow("a"), REPLACE);
    expect(calls.map(({ call }) => call)).toEqual(["b to 3", "a to 3", "c releases m"]);
  });

  test("takes several members of one group one after the other, and those of another beside them", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, onCall, sizes, written } = setup(made);
    const inside = new Map<string, number>();
    let most = 0;
    onCall(async () => {
      inside.set("c", (inside.get("c") ?? 0) + 1);
      most = Math.max(most, inside.get("c") ?? 0);
      await made.client.list(RESOURCE.nodes, {});
      inside.set("c", (inside.get("c") ?? 0) - 1);
    });
    sizes.set("c", 4);
    const names = ["m1", "m2", "m3"];
    const done = await act(
      ...names.map((instance) => ({ ...RELEASE, key: `demo/c/release/${instance}`, instance })),
    );
    expect(most).toBe(1);
    expect(done.map(({ outcome }) => outcome)).toEqual([
      { kind: "applied", from: 4, to: 3 },
      { kind: "applied", from: 3, to: 2 },
      { kind: "applied", from: 2, to: 1 },
    ]);
    expect(sizes.get("c")).toBe(1);
    expect(calls.map(({ phases }) => phases.length)).toEqual([3, 3, 3]);
    expect(written()?.moves.map(({ phase }) => phase)).toEqual(["applied", "applied", "applied"]);
  });

  test("takes one more of a group when a notice has come, and leaves the others to be decided again", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, onCall, sizes, state, written } = setup(made);
    sizes.set("c", 5);
    onCall(() => {
      state.hurries = true;
    });
    const moves = ["m1", "m2", "m3"].map((instance): Move => ({
      ...RELEASE,
      key: `demo/c/release/${instance}`,
      instance,
    }));
    const first = await act(...moves);
    expect(first.map(({ outcome }) => outcome.kind)).toEqual(["applied", "put-off", "put-off"]);
    expect(written()?.moves.map(({ key, phase }) => [key, phase])).toEqual([
      ["demo/c/release/m1", "applied"],
    ]);
    // However often one comes, each cycle takes one.
    state.hurries = false;
    const second = await act(...moves);
    expect(second.map(({ outcome }) => outcome.kind)).toEqual(["applied", "put-off"]);
    onCall(() => {});
    state.hurries = false;
    await act(...moves);
    expect(calls.map(({ call }) => call)).toEqual(["c releases m1", "c releases m2", "c releases m3"]);
    expect(sizes.get("c")).toBe(2);
  });

  test("puts off what takes machines when a notice has come during growth, and not twice in a row", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, onCall, state, written } = setup(made);
    onCall(() => {
      state.hurries = true;
    });
    await act(aGrow("a"), RELEASE);
    expect(written()?.moves.map(({ key }) => key)).toEqual(["demo/a/grow/x"]);
    await act(aGrow("b"), RELEASE);
    expect(calls.map(({ call }) => call)).toEqual(["a to 3", "b to 3", "c releases m"]);
  });

  test("asks for what somebody waits for before it goes on with drains that were begun before", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, clock, journal, onLook } = setup(made);
    const gone: Move = {
      kind: "shrink",
      key: "demo/c/shrink/n-gone",
      policy: "demo",
      pool: "c",
      from: 2,
      to: 1,
      because: [],
      node: "n-gone",
      instance: "m",
      how: "drain",
      disruption: "Idle",
    };
    const limits = { signal: new AbortController().signal, deadlineMs: millis(2_000) };
    await journal.change("demo", (status) => withIntents(status, [gone], clock.now()), limits);
    const settled = [
      { key: gone.key, outcome: { kind: "draining", detail: "waiting for the agent" } },
    ] as const;
    await journal.change("demo", (status) => withOutcomes(status, settled, clock.now()), limits);
    const seen: string[] = [];
    // The node has left, so that its group is asked.
    onLook(() => void seen.push(...calls.map(({ call }) => call)));
    await act(aGrow("a"), REPLACE);
    expect(seen).toEqual(["b to 3", "a to 3"]);
  });

  test("releases what its cloud takes, and removes what never came to be a node, for which limits count it", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, written } = setup(made);
    await act(RELEASE);
    expect(written()?.removals ?? []).toEqual([]);
    await act({ ...RELEASE, key: "demo/c/release/d", instance: "d", disruption: "Unhealthy" });
    expect(calls.map(({ call }) => call)).toEqual(["c releases m", "c without d"]);
    expect(written()?.removals).toMatchObject([{ nodes: 1 }]);
  });

  const places = (names: readonly string[]) =>
    names.map((id): InstanceInput => ({ id, node: null, state: "failed", placeholder: true }));
  const cancels = (names: readonly string[], from: number) =>
    names.map((instance, index): Move => ({
      ...RELEASE,
      key: `demo/c/release/${instance}`,
      instance,
      node: instance,
      from: from - index,
      to: from - index - 1,
      disruption: "Unhealthy",
    }));
  const withPlaces = (names: readonly string[]) => ({
    pools: ["a", "b", "c"].map((name) =>
      pool(name, { size: 2, instances: name === "c" ? places(names) : [] }),
    ),
  });

  test("gives places back that no machine fills with one call for all of a pool", async () => {
    await using made = await aWorldClient(0);
    const names = ["c/placeholder-0", "c/placeholder-1", "c/placeholder-2"];
    const { act, calls, sizes, state, written } = setup(made, withPlaces(names));
    sizes.set("c", 5);
    state.bounds = { unfilled: 2 };
    const done = await act(...cancels(names, 5));
    expect(calls.map(({ call }) => call)).toEqual(["c cancels 2"]);
    expect(calls[0]?.phases).toHaveLength(3);
    expect(done.map(({ outcome }) => outcome)).toEqual([
      { kind: "applied", from: 5, to: 4 },
      { kind: "applied", from: 4, to: 3 },
      { kind: "reached", size: 3 },
    ]);
    expect(written()?.moves.map(({ phase, placeholder }) => [phase, placeholder])).toEqual([
      ["applied", true],
      ["applied", true],
      ["applied", true],
    ]);
  });

  test("finds out by the size whether places were given back by a call that nobody saw the end of", async () => {
    await using made = await aWorldClient(0);
    const names = ["c/placeholder-0"];
    const { act, onCall, sizes, written } = setup(made, withPlaces(names));
    sizes.set("c", 5);
    onCall(() => {
      throw new AppError("timeout", "no answer");
    });
    await act(...cancels(names, 5));
    expect(written()?.moves).toMatchObject([{ phase: "intended", detail: "no answer" }]);
    await act();
    expect(written()?.moves).toMatchObject([
      { phase: "failed", detail: "found undone at size 5 after an interruption" },
    ]);
  });

  test("cancels a place of the same number again when it is open again, and not at once", async () => {
    await using made = await aWorldClient(0);
    const names = ["c/placeholder-0"];
    const { act, calls, clock, sizes } = setup(made, withPlaces(names));
    sizes.set("c", 5);
    await act(...cancels(names, 5));
    await act(...cancels(names, 4));
    expect(calls).toHaveLength(1);
    await clock.advance(61_000);
    await act(...cancels(names, 4));
    expect(calls.map(({ call }) => call)).toEqual(["c cancels 1", "c cancels 1"]);
  });

  test("leaves a group alone that refuses nothing while a call of the leader before may be on its way", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, onCall, state, written } = setup(made);
    onCall(() => {
      throw new AppError("timeout", "no answer");
    });
    await act(aGrow("a"));
    expect(written()?.moves).toMatchObject([{ phase: "intended" }]);
    onCall(() => {});

    Object.assign(state, { quietMs: 1_500, conditional: false });
    await act(aGrow("b"));
    expect(calls).toHaveLength(1);
    expect(written()?.moves).toMatchObject([{ key: "demo/a/grow/x", phase: "intended" }]);

    state.quietMs = 0;
    await act(aGrow("b"));
    expect(calls.map(({ call }) => call)).toEqual(["a to 3", "b to 3"]);
    expect(written()?.moves).toMatchObject([{ phase: "failed" }, { phase: "applied" }]);
  });

  test("waits for a group that refuses late sizes alone, since a late removal would still be carried out", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, state } = setup(made);
    Object.assign(state, { quietMs: 1_500, removesUnconditionally: true });
    await act(aGrow("a"));
    expect(calls).toEqual([]);
    state.quietMs = 0;
    await act(aGrow("a"));
    expect(calls).toHaveLength(1);
  });

  test("does not wait for a group that refuses what was computed from an older reading", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, state } = setup(made);
    state.quietMs = 1_500;
    await act(aGrow("a"));
    expect(calls).toHaveLength(1);
  });

  test("writes down in which term and why", async () => {
    await using made = await aWorldClient(0);
    const { act, journal, written } = setup(made);
    journal.seen(await made.client.get(RESOURCE.policies, { name: "demo" }));
    journal.begin({ leader: "one", onDeposed: () => {} });
    await journal.claim(() => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) }));
    await act(aGrow("a", { because: [{ code: "frozen" }] }));
    expect(written()).toMatchObject({ term: 1, leader: "one" });
    expect(written()?.moves).toMatchObject([{ phase: "applied", term: 1, why: "frozen" }]);
  });

  test("touches nothing of a policy that it has not claimed, what is in flight included", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, journal, onCall, written } = setup(made);
    onCall(() => {
      throw new AppError("timeout", "no answer");
    });
    await act(aGrow("a"));
    journal.begin({ leader: "one", onDeposed: () => {} });
    expect(await act(aGrow("b"))).toEqual([]);
    expect(calls).toHaveLength(1);
    expect(written()?.moves).toMatchObject([{ key: "demo/a/grow/x", phase: "intended" }]);
  });

  test("begins 200 pools beside each other", async () => {
    await using made = await aWorldClient(0);
    const names = Array.from({ length: 200 }, (_, index) => `p${index}`);
    const { act, onCall } = setup(made, {
      pools: names.map((name) => pool(name, { size: 2, instances: [] })),
    });
    const everybody = Promise.withResolvers<void>();
    let inside = 0;
    onCall(async () => {
      if (++inside === names.length) everybody.resolve();
      await everybody.promise;
    });
    const done = await act(...names.map((name) => aGrow(name)));
    expect(done.filter(({ outcome }) => outcome.kind === "applied")).toHaveLength(200);
  });

  test("tries again when the other side said that it may, and not before", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, clock, state } = setup(made);
    state.refuse = new AppError("throttled", "slower", { retryAfterMs: 20_000 });
    await act(aGrow("a"));
    state.refuse = null;
    await clock.advance(19_000);
    await act(aGrow("a"));
    expect(calls).toHaveLength(1);
    await clock.advance(1_000);
    await act(aGrow("a"));
    expect(calls).toHaveLength(2);
  });

  test("does not let itself be told to wait for longer than five minutes", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, clock, state } = setup(made);
    state.refuse = new AppError("throttled", "slower", { retryAfterMs: 86_400_000 });
    await act(aGrow("a"));
    await clock.advance(299_000);
    await act(aGrow("a"));
    expect(calls).toHaveLength(1);
    await clock.advance(1_000);
    await act(aGrow("a"));
    expect(calls).toHaveLength(2);
  });

  test("has the intent in the policy's status before the call, and the outcome after it", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, written } = setup(made);
    await act(aGrow("a"));
    expect(calls).toEqual([{ call: "a to 3", phases: ["demo/a/grow/x intended"] }]);
    expect(written()?.moves).toMatchObject([{ key: "demo/a/grow/x", phase: "applied", from: 2, to: 3 }]);
  });

  test("calls nothing when the intent cannot be written", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, log } = setup(made);
    made.server.faults.set({ kind: "status", code: 503, match: { method: "PUT" } });
    expect(await act(aGrow("a"))).toEqual([]);
    expect(calls).toEqual([]);
    expect(log.lines.map(({ message }) => message)).toEqual([
      "cannot write down what is to be done, so nothing is done",
    ]);
  });

  test("finds out in the next cycle how a move ended whose outcome could not be written", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, onCall, written } = setup(made);
    // From the call on, the status takes no more writes.
    onCall(() => made.server.faults.set({ kind: "status", code: 503, match: { method: "PUT" } }));
    await act(aGrow("a"));
    expect(written()?.moves).toMatchObject([{ phase: "intended" }]);

    made.server.faults.clear();
    await act();
    expect(written()?.moves).toMatchObject([{ phase: "applied", from: 2, to: 3 }]);
    expect(written()?.additions).toMatchObject([{ nodes: 1 }]);
    expect(calls).toHaveLength(1);
  });

  test("ends a growth whose group is gone, instead of asking for it in each cycle for ever", async () => {
    await using made = await aWorldClient(0);
    const { act, state, written } = setup(made);
    state.refuse = new AppError("timeout", "no answer");
    await act(aGrow("a"));
    expect(written()?.moves).toMatchObject([{ phase: "intended" }]);
    state.unreadable = new AppError("not-found", "there is no MachineDeployment a");
    await act();
    expect(written()?.moves).toMatchObject([{ phase: "failed", detail: "there is no MachineDeployment a" }]);
  });

  test("answers one notice once, however often the plan asks", async () => {
    await using made = await aWorldClient(0);
    const { act, calls } = setup(made);
    await act(REPLACE);
    await act({ ...REPLACE, from: 3, to: 4 });
    expect(calls.map(({ call }) => call)).toEqual(["b to 3"]);
  });

  test("adds a node for each of several notices at once, with one call for their pool", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, onCall, sizes, written } = setup(made);
    // Long enough for whoever runs beside it to read the size of before.
    onCall(async () => await made.client.list(RESOURCE.nodes, {}));
    const second = { ...REPLACE, key: "demo/b/replace/j", notice: "j", from: 3, to: 4 };
    const done = await act(REPLACE, second);
    expect(sizes.get("b")).toBe(4);
    expect(calls).toEqual([
      { call: "b to 4", phases: ["demo/b/replace/i intended", "demo/b/replace/j intended"] },
    ]);
    expect(done.map(({ outcome }) => outcome)).toEqual([
      { kind: "applied", from: 2, to: 3 },
      { kind: "applied", from: 3, to: 4 },
    ]);
    expect(written()?.moves.map(({ phase }) => phase)).toEqual(["applied", "applied"]);
  });

  test("begins nothing else in a pool of which it does not know yet how a growth ended", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, clock, onCall, sizes, state, written } = setup(made);
    state.maybeMs = 2_000;
    // Carried out, and neither the answer nor the size comes back.
    onCall(() => {
      sizes.set("b", 3);
      state.unreadable = new AppError("unavailable", "no connection");
      throw new AppError("timeout", "no answer");
    });
    const release = { ...RELEASE, key: "demo/b/release/n", pool: "b", from: 3, to: 2 };
    const second = { ...REPLACE, key: "demo/b/replace/j", notice: "j", from: 3, to: 4 };
    await act(REPLACE, release);
    await act(second, release);
    expect(calls.map(({ call }) => call)).toEqual(["b to 3"]);

    onCall(() => {});
    state.unreadable = null;
    await clock.advance(100);
    // What this cycle finds out, its plan did not know.
    await act(second, release);
    expect(calls.map(({ call }) => call)).toEqual(["b to 3"]);
    await act(second, release);
    expect(calls.map(({ call }) => call)).toEqual(["b to 3", "b to 4", "b releases m"]);
    expect(written()?.moves.map(({ phase }) => phase)).toEqual(["applied", "applied", "applied"]);
    expect(written()?.additions.reduce((sum, { nodes: added }) => sum + added, 0)).toBe(2);
  });

  test.each([
    ["stands still", 0],
    ["is set back by an hour", -3_600_000],
    ["jumps an hour ahead", 3_600_000],
  ])("waits as long for a call that was given up when the wall clock %s", async (_, jumpMs) => {
    await using made = await aWorldClient(0);
    const { act, clock, onCall, state, waitsMs, written } = setup(made);
    state.maybeMs = 2_000;
    onCall(() => {
      throw new AppError("timeout", "no answer");
    });
    expect(waitsMs()).toBeNull();
    await act(aGrow("a"));
    clock.setWall(clock.now() + jumpMs);
    await clock.advance(1_500);
    await act();
    expect(written()?.moves).toMatchObject([{ phase: "intended" }]);
    expect(waitsMs()).toBe(500);
    await clock.advance(500);
    await act();
    expect(written()?.moves).toMatchObject([{ phase: "failed", undone: true }]);
    expect(waitsMs()).toBeNull();
  });

  test("waits for what a leader before had sent, whatever his clock said", async () => {
    await using made = await aWorldClient(0);
    const { act, clock, journal, onCall, state, written } = setup(made);
    const reign = async (leader: string) => {
      journal.begin({ leader, onDeposed: () => {} });
      await journal.claim(() => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) }));
    };
    journal.seen(await made.client.get(RESOURCE.policies, { name: "demo" }));
    await reign("one");
    onCall(() => {
      throw new AppError("timeout", "no answer");
    });
    clock.setWall(clock.now() + 3_600_000);
    await act(aGrow("a"));
    clock.setWall(clock.now() - 3_600_000);
    await reign("two");
    state.inheritedMs = 1_000;
    await act();
    expect(written()?.moves).toMatchObject([{ phase: "intended", term: 1 }]);
    state.inheritedMs = 0;
    await act();
    expect(written()?.moves).toMatchObject([{ phase: "failed", undone: true }]);
  });

  test("calls off a removal that nobody has begun and that the plan recalls, and no other", async () => {
    await using made = await aWorldClient(2);
    const { act, plan, run, written } = setup(made);
    const names = made.world.list("nodes").map(({ metadata }) => metadata.name);
    const drains = names.map((name): Move => ({
      ...RELEASE,
      kind: "shrink",
      key: `demo/c/shrink/${name}`,
      node: name,
      how: "drain",
    }));
    const requests = () =>
      made.world
        .list("nodes")
        .map(({ metadata }) => metadata.annotations?.[NODE_ANNOTATION.drainRequest] !== undefined);
    await act(...drains);
    expect(requests()).toEqual([true, true]);

    const [first = ""] = names;
    const because: Reason = { code: "gpu-held", node: first, pod: "default/p" };
    const recall = { policy: "demo", pool: "c", key: `demo/c/shrink/${first}`, node: first, because };
    await run({ ...plan(), recalls: [recall] });
    expect(requests()).toEqual([false, true]);
    expect(written()?.moves).toMatchObject([
      { phase: "draining" },
      { node: first, phase: "failed", detail: "something stands against it now: gpu-held (default/p)" },
    ]);
  });

  test("waits longer after each failure before it tries a move again", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, clock, state, written } = setup(made);
    state.refuse = new AppError("denied", "no rights");
    for (let second = 0; second < 30; second++) {
      await act(aGrow("a"));
      await clock.advance(1_000);
    }
    expect(calls.length).toBeGreaterThan(2);
    expect(calls.length).toBeLessThan(8);
    expect(written()?.moves).toMatchObject([{ phase: "failed", detail: "no rights" }]);
    expect(written()).not.toHaveProperty("lastScaleUpTime");
    state.refuse = null;
    await clock.advance(60_000);
    await act(aGrow("a"));
    expect(written()?.moves).toMatchObject([{ phase: "applied" }]);
  });

  test("lets one pool's failure hold up no other pool", async () => {
    await using made = await aWorldClient(0);
    const { act, sizes, state } = setup(made);
    state.refuse = new AppError("denied", "no rights");
    const failed = await act(aGrow("a"));
    state.refuse = null;
    const done = await act(aGrow("a"), aGrow("b"));
    expect(failed.map(({ outcome }) => outcome.kind)).toEqual(["failed"]);
    expect(done.map(({ move, outcome }) => `${move.pool} ${outcome.kind}`)).toEqual(["b applied"]);
    expect(sizes.get("b")).toBe(3);
  });

  test.each([{ mode: "Recommend" }, { enabled: false }] as const)(
    "leaves a policy with %j alone altogether",
    async (options) => {
      await using made = await aWorldClient(0);
      const { act, calls } = setup(made, options);
      expect(await act(aGrow("a"), REPLACE, RELEASE)).toEqual([]);
      expect(calls).toEqual([]);
      expect(made.server.audit.filter(({ method }) => method !== "GET")).toEqual([]);
    },
  );

  test("begins nothing when leadership is about to end", async () => {
    await using made = await aWorldClient(0);
    const { act, calls, state } = setup(made);
    state.leftMs = 50;
    expect(await act(aGrow("a"))).toEqual([]);
    expect(calls).toEqual([]);
    expect(made.server.audit.filter(({ method }) => method !== "GET")).toEqual([]);
  });
});

describe("createCallLimits()", () => {
  const signal = new AbortController().signal;

  test("gives a call no more time than is left of the lease", () => {
    const call = createCallLimits({ signal, validForMs: () => millis(700), callDeadlineMs: millis(5_000) });
    expect(call().deadlineMs).toBe(600);
  });

  test("gives it its own deadline when the lease lasts longer", () => {
    const call = createCallLimits({ signal, validForMs: () => millis(9_000), callDeadlineMs: millis(5_000) });
    expect(call().deadlineMs).toBe(5_000);
  });

  test("lets a call that is on its way end by itself for a moment, and begins none", async () => {
    const clock = createFakeClock();
    const leadership = new AbortController();
    const call = createCallLimits({
      signal: leadership.signal,
      calls: lingering(leadership.signal, clock),
      validForMs: () => millis(9_000),
      callDeadlineMs: millis(5_000),
    });
    const begun = call();
    leadership.abort(new AppError("unavailable", "asked to stop"));
    await clock.advance(999);
    expect(begun.signal.aborted).toBe(false);
    expect(() => call()).toThrow("asked to stop");
    await clock.advance(1);
    expect(begun.signal.reason).toMatchObject({ message: "asked to stop" });
  });

  test("refuses when leadership has ended", () => {
    const ended = AbortSignal.abort(new AppError("conflict", "the lease is lost"));
    expect(() =>
      createCallLimits({ signal: ended, validForMs: () => millis(9_000), callDeadlineMs: millis(5_000) })(),
    ).toThrow("the lease is lost");
  });
});
