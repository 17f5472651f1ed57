import { describe, expect, test } from "vitest";

import { GROUP_ANNOTATION } from "../../shared/model/names.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { aQuickPool } from "../../test/build/scene.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import { launchFailureOf } from "../cloud/group.ts";
import { createCapped } from "../cloud/scale/capped.ts";
import { createScaleGroup } from "../cloud/scale/create.ts";
import type { PolicyInput } from "../decide/snapshot.ts";
import { createCaps } from "./caps.ts";
import { createCallLimits } from "./context.ts";
import type { ActContext } from "./context.ts";

const SCALE = { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "gpu" };

function aPolicy(spec: Readonly<Record<string, unknown>> = {}, manageLimits = true): PolicyInput {
  const fields = { group: { scale: { ...SCALE, ...(manageLimits ? { manageLimits } : {}) } } };
  const made = policy({ pools: [pool("spot", { fields })] });
  return { ...made, spec: { ...made.spec, ...spec } };
}

const INVALID: PolicyInput = { kind: "invalid", name: "demo", problems: ["a typo"], pools: ["spot"] };

async function setup(shape: { readonly nodeLimit?: number; readonly replicas?: number } = { nodeLimit: 10 }) {
  const { namespace: _, ...quick } = aQuickPool({ name: "gpu" });
  const made = await aWorldClient(0, { pools: [], nodePools: [{ ...quick, ...shape }] });
  const clock = createFakeClock();
  const log = createLogSink();
  let caps = createCaps();
  let leads = true;
  const context: ActContext = {
    client: made.client,
    clock,
    random: () => 0.5,
    log: log.log,
    groupOf: () =>
      createScaleGroup({
        client: made.client,
        discover: createDiscovery(made.client),
        target: SCALE,
        defaultNamespace: "default",
        clock,
      }),
    capped: createCapped(made.client),
    drainTimeoutMs: millis(60_000),
    maybeMs: millis(0),
    inheritedMs: () => millis(0),
    launchFailureOf,
    quietMs: () => millis(0),
    call: createCallLimits({
      signal: new AbortController().signal,
      validForMs: () => millis(10_000),
      callDeadlineMs: millis(2_000),
    }),
  };
  const nodePool = () => made.world.get("nodepools", { name: "gpu" });
  return {
    made,
    clock,
    log,
    limits: () => nodePool()?.spec?.limits ?? {},
    note: () => nodePool()?.metadata.annotations?.[GROUP_ANNOTATION.limitBefore],
    set: (nodes: string) =>
      made.server.change((world) => {
        const object = nodePool();
        if (object !== null)
          world.put("nodepools", { ...object, spec: { ...object.spec, limits: { nodes } } });
      }),
    writes: () => made.server.audit.filter(({ method }) => method !== "GET").length,
    asks: () => made.server.audit.length,
    lead: (now: boolean) => {
      leads = now;
    },
    restart: () => {
      caps = createCaps();
    },
    keep: async (policies: readonly PolicyInput[], nodes?: number) => {
      const plan = {
        at: epochMs(clock.now()),
        moves: [],
        holds: [],
        unplaced: [],
        figures: [],
        ...(nodes === undefined ? {} : { caps: [{ policy: "demo", pool: "spot", nodes }] }),
      };
      await caps.keep(plan, snapshot({ policies }), () => leads, context);
    },
  };
}

describe("keep()", () => {
  test("lowers the limit with one write, and asks no more while all stands", async () => {
    const { made, limits, keep, writes, asks, clock } = await setup();
    await using _ = made;
    await keep([aPolicy()], 4);
    expect(limits()).toEqual({ nodes: "4" });
    expect(writes()).toBe(1);
    const asked = asks();
    await keep([aPolicy()], 4);
    expect(asks()).toBe(asked);
    await clock.advance(60_000);
    await keep([aPolicy()], 4);
    expect(asks()).toBeGreaterThan(asked);
    expect(writes()).toBe(1);
  });

  test("raises it with the policy, and no further than it was", async () => {
    const { made, limits, keep, note } = await setup();
    await using _ = made;
    for (const [nodes, stands] of [
      [4, "4"],
      [6, "6"],
      [50, "10"],
    ] as const) {
      await keep([aPolicy()], nodes);
      expect(limits()).toEqual({ nodes: stands });
    }
    expect(note()).toBeUndefined();
  });

  test("sets it again where another hand has raised it, and gives back what that hand wanted", async () => {
    const { made, limits, keep, set, clock } = await setup();
    await using _ = made;
    await keep([aPolicy()], 4);
    set("12");
    await clock.advance(60_000);
    await keep([aPolicy()], 4);
    expect(limits()).toEqual({ nodes: "4" });
    await keep([], undefined);
    expect(limits()).toEqual({ nodes: "12" });
  });

  test("writes no number where the pool is static", async () => {
    const { made, limits, keep } = await setup({ nodeLimit: 10, replicas: 0 });
    await using _ = made;
    await keep([aPolicy()], 4);
    expect(limits()).toEqual({ nodes: "10" });
  });

  test.each<[string, PolicyInput[], number | undefined]>([
    ["is disabled", [aPolicy({ enabled: false })], 4],
    ["only recommends", [aPolicy({ mode: "Recommend" })], 4],
    ["does not ask for it any more", [aPolicy({}, false)], undefined],
    ["is gone", [], 4],
  ])(
    "writes nothing for a policy that %s, and gives back what it had lowered",
    async (_, policies, nodes) => {
      const { made, limits, note, keep, writes } = await setup();
      await using __ = made;
      await keep(policies, nodes);
      expect(writes()).toBe(0);
      await keep([aPolicy()], 4);
      expect(limits()).toEqual({ nodes: "4" });
      await keep(policies);
      expect(limits()).toEqual({ nodes: "10" });
      expect(note()).toBeUndefined();
    },
  );

  test("gives back after a restart, by what stands on the object", async () => {
    const { made, limits, keep, restart } = await setup({});
    await using _ = made;
    await keep([aPolicy()], 4);
    restart();
    await keep([]);
    expect(limits()).toEqual({});
  });

  test.each<[string, PolicyInput, boolean]>([
    ["cannot be read", INVALID, true],
    ["does not say how far now", aPolicy(), true],
    ["is led by somebody else", aPolicy({ enabled: false }), false],
  ])("leaves all as it is while the policy %s", async (_, input, leads) => {
    const { made, limits, keep, restart, lead } = await setup();
    await using __ = made;
    await keep([aPolicy()], 4);
    lead(leads);
    restart();
    await keep([input]);
    expect(limits()).toEqual({ nodes: "4" });
  });

  test("tells of a refusal and goes on, and tries again later", async () => {
    const { made, limits, keep, log, clock } = await setup();
    await using _ = made;
    made.server.faults.set({ kind: "status", code: 403, match: { method: "PATCH" } });
    await keep([aPolicy()], 4);
    expect(log.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    await keep([aPolicy()], 4);
    expect(log.lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    made.server.faults.clear();
    await clock.advance(10_000);
    await keep([aPolicy()], 4);
    expect(limits()).toEqual({ nodes: "4" });
  });

  test("is not written twice by an answer that was lost, nor over a change in between", async () => {
    const { made, limits, keep, note } = await setup();
    await using _ = made;
    made.server.faults.set({ kind: "cut", when: "after", times: 1, match: { method: "PATCH" } });
    const stop = made.server.onRequest(({ when, method }) => {
      if (when !== "before" || method !== "PATCH") return;
      stop();
      const object = made.world.get("nodepools", { name: "gpu" });
      if (object !== null)
        made.world.put("nodepools", {
          ...object,
          spec: { ...object.spec, limits: { nodes: "9", cpu: "1" } },
        });
    });
    await keep([aPolicy()], 4);
    expect(limits()).toEqual({ nodes: "4", cpu: "1" });
    expect(note()).toContain(`"before":"9"`);
  });
});
