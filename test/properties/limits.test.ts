// What holds of decisions under schedules, budgets, caps of cost, behavior, headroom and forecasts, on random fleets,
// with some of them unreadable. A failure prints its seed and the smallest fleet that shows it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decide } from "../../coordinator/decide/decide.ts";
import { scheduleState } from "../../coordinator/decide/limits/windows.ts";
import type { Decision, Move } from "../../coordinator/decide/plan.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { epochMs, millis, ratio } from "../../shared/model/units.ts";
import { MINUTE, NOW } from "../build/now.ts";
import { policy, pool } from "../build/policy.ts";
import type { PolicyOptions, ValidPolicyInput } from "../build/policy.ts";
import { snapshots } from "../build/random-snapshot.ts";
import { freeze } from "../build/snapshot.ts";

const RUNS = { numRuns: 300 };

type Written<Field extends keyof PolicyOptions> = NonNullable<PolicyOptions[Field]>;

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

const windows = fc.record({
  timeZone: fc.constantFrom("UTC", "UTC", "UTC", "UTC", "Europe/Vienna", "Nowhere"),
  start: fc.constantFrom("* * * * *", "0 * * * *", "0 12 * * *", "5 12 * * *", "0 0 30 2 *"),
  end: fc.constantFrom("30 * * * *", "0 13 * * *", "0 20 * * 1"),
});

const schedules: fc.Arbitrary<Written<"schedules">> = fc
  .array(
    fc
      .record({
        window: windows,
        pools: fc.constantFrom<string[]>([], [], ["spot"], ["spot", "od"]),
        minNodes: fc.integer({ min: 0, max: 4 }),
        most: maybe(fc.integer({ min: 0, max: 4 })),
        targetUtilization: maybe(fc.constantFrom(0.1, 0.5)),
        priority: fc.integer({ min: 0, max: 1 }),
        flags: fc.record({
          readyBy: fc.boolean(),
          suspend: fc.constantFrom(false, false, false, true),
          allowDisruption: fc.boolean(),
        }),
      })
      .map(({ window, flags, most, targetUtilization, ...rest }) => ({
        ...window,
        ...flags,
        ...rest,
        ...(most === undefined ? {} : { maxNodes: Math.max(most, rest.minNodes) }),
        ...(targetUtilization === undefined ? {} : { targetUtilization }),
      })),
    { maxLength: 3 },
  )
  .map((list) => list.map((entry, index) => ({ name: `s${index}`, ...entry })));

const rules = fc.record({
  selectPolicy: fc.constantFrom("Max" as const, "Min" as const, "Disabled" as const),
  stabilizationWindowSeconds: fc.constantFrom(0, 60, 600),
  policies: fc.array(
    fc.record({
      type: fc.constantFrom("Nodes" as const, "GPUs" as const, "Percent" as const, "Pods" as const),
      value: fc.integer({ min: 1, max: 20 }),
      periodSeconds: fc.constantFrom(15, 600),
    }),
    { minLength: 1, maxLength: 2 },
  ),
});

interface Given {
  readonly spec: PolicyOptions;
  readonly forecast: number | undefined;
  /** An hour, of one node of each pool; undefined: nobody knows. */
  readonly prices: Readonly<Record<"spot" | "od", number | undefined>>;
}

const limits: fc.Arbitrary<Given> = fc
  .record({
    schedules,
    behavior: maybe(fc.record({ scaleUp: rules, scaleDown: rules })),
    headroom: fc.array(
      fc.record({
        name: fc.constantFrom("a", "b"),
        gpus: fc.integer({ min: 0, max: 12 }),
        gpusPerPod: fc.constantFrom(1, 4, 8),
      }),
      { maxLength: 1 },
    ),
    maxHourlyCostUsd: maybe(fc.integer({ min: 0, max: 12 })),
    disruption: fc.record({
      freeze: fc.constantFrom(false, false, true),
      budgets: fc.array(fc.record({ nodes: fc.constantFrom<string | number>("10%", "100%", 0, 1, 3) }), {
        maxLength: 2,
      }),
    }),
    removed: fc.record({ nodes: fc.integer({ min: 0, max: 4 }), percent: fc.constantFrom(0, 50) }),
    forecast: maybe(fc.integer({ min: -8, max: 40 })),
    prices: fc.record({ spot: maybe(fc.constantFrom(0, 1, 2.5)), od: maybe(fc.constantFrom(1, 4)) }),
  })
  .map(({ removed, forecast, prices, behavior, maxHourlyCostUsd, ...spec }) => ({
    spec: {
      ...spec,
      enablePredictiveScaling: true,
      maxPercentOrNodesRemoved: removed,
      ...(behavior === undefined ? {} : { behavior }),
      ...(maxHourlyCostUsd === undefined ? {} : { maxHourlyCostUsd }),
    },
    forecast,
    prices,
  }));

/** The fleet under these limits; what else its policies say stays. */
const limited: fc.Arbitrary<Snapshot> = fc.tuple(snapshots, limits).map(([input, given]) =>
  freeze({
    ...input,
    policies: input.policies.map((one) => (one.kind === "valid" ? withLimits(one, given) : one)),
  }),
);

function withLimits(one: ValidPolicyInput, { spec, forecast, prices }: Given): ValidPolicyInput {
  const {
    schedules: parsed,
    headroom,
    disruption,
    ...rest
  } = policy({ ...spec, pools: [pool("spot"), pool("od")] }).spec;
  return {
    ...one,
    spec: {
      ...one.spec,
      schedules: parsed,
      headroom,
      disruption,
      enablePredictiveScaling: true,
      maxPercentOrNodesRemoved: rest.maxPercentOrNodesRemoved,
      ...(rest.behavior === undefined ? {} : { behavior: rest.behavior }),
      ...(rest.maxHourlyCostUsd === undefined ? {} : { maxHourlyCostUsd: rest.maxHourlyCostUsd }),
      nodePools: one.spec.nodePools.map((each) => {
        const usdPerHour = each.name === "spot" ? prices.spot : prices.od;
        return usdPerHour === undefined ? each : { ...each, price: { usdPerHour } };
      }),
    },
    ...(forecast === undefined
      ? {}
      : {
          forecast: { gpus: forecast, at: epochMs(NOW + 30 * MINUTE), confidence: ratio(0.9), earned: true },
        }),
  };
}

function check(property: (input: Snapshot, decision: Decision, one: ValidPolicyInput) => void): void {
  fc.assert(
    fc.property(limited, (input) => {
      const decision = decide(input);
      for (const one of input.policies) if (one.kind === "valid") property(input, decision, one);
    }),
    RUNS,
  );
}

const adds = (move: Move): boolean => move.kind === "grow" || move.kind === "replace";

function sizeOf(one: ValidPolicyInput, name: string): number {
  const group = one.pools.find((each) => each.name === name)?.group;
  return group?.kind === "known" ? group.size : 0;
}

function grownTo(decision: Decision, one: ValidPolicyInput, name: string): number {
  return decision.plan.moves
    .filter((move) => adds(move) && move.pool === name)
    .reduce((size, move) => Math.max(size, move.to), sizeOf(one, name));
}

describe("decisions under limits", () => {
  test("answer every pool, and the same again, also from a file", () => {
    check((input, decision) => {
      const again: unknown = JSON.parse(
        JSON.stringify(decide(JSON.parse(JSON.stringify(input)) as Snapshot)),
      );
      expect(again).toEqual(JSON.parse(JSON.stringify(decision)));
      const answered = [...decision.plan.moves, ...decision.plan.holds].map((answer) => answer.pool);
      for (const one of input.policies)
        if (one.kind === "valid") for (const { name } of one.spec.nodePools) expect(answered).toContain(name);
    });
  });

  test("never grow over the cost cap, nor at a price that nobody knows", () => {
    check((_input, decision, one) => {
      const { maxHourlyCostUsd } = one.spec;
      if (maxHourlyCostUsd === undefined || !decision.plan.moves.some(adds)) return;
      let cost = 0;
      for (const { name, price } of one.spec.nodePools) {
        const size = grownTo(decision, one, name);
        if (size === 0) continue;
        expect(price?.usdPerHour).toBeDefined();
        cost += size * (price?.usdPerHour ?? 0);
      }
      expect(cost).toBeLessThanOrEqual(maxHourlyCostUsd + 1e-6);
    });
  });

  test("keep within the group's own bounds, and never ask for a node of one that grows itself", () => {
    check((_input, decision, one) => {
      for (const { name, group } of one.pools) {
        if (group.kind !== "known") continue;
        const own = decision.plan.moves.filter(({ pool: of }) => of === name);
        const grown = own.filter(adds);
        if (group.growsItself === true) expect(grown).toEqual([]);
        for (const { to } of grown) expect(to).toBeLessThanOrEqual(group.max ?? Infinity);
        for (const { kind, from, to } of own)
          if (kind === "shrink" || kind === "release") {
            expect(to).toBeLessThan(from);
            if (grown.length === 0) expect(to).toBeGreaterThanOrEqual(group.min ?? 0);
          }
      }
    });
  });

  test("give back no more places than no machine fills, a node that its group does not list yet counted", () => {
    check((input, decision, one) => {
      for (const { name, group, instances } of one.pools) {
        if (group.kind !== "known") continue;
        const places = new Set(
          instances.flatMap(({ id, placeholder }) => (placeholder === true ? [id] : [])),
        );
        const given = decision.plan.moves.filter(
          (move) => move.kind === "release" && move.pool === name && places.has(move.instance),
        );
        const named = new Set(instances.map(({ node }) => node));
        // What we took out of the group is in none of its places.
        const left = new Set(
          one.journal.moves.flatMap(({ kind, phase, node }) =>
            (kind === "shrink" || kind === "release") && phase === "applied" ? [node] : [],
          ),
        );
        const unlisted = input.nodes.filter(
          (node) => node.labels[NODE_LABEL.pool] === name && !named.has(node.name) && !left.has(node.name),
        );
        const filled = instances.length - places.size + unlisted.length;
        expect(given.length).toBeLessThanOrEqual(Math.max(0, group.size - filled));
        expect(new Set(given.map(({ key }) => key)).size).toBe(given.length);
      }
    });
  });

  test("never grow over the cap of an open schedule", () => {
    check((input, decision, one) => {
      const state = scheduleState(one.spec, input.at, () => millis(10 * MINUTE));
      const sizes = one.spec.nodePools.map(({ name }) => {
        const [before, to] = [sizeOf(one, name), grownTo(decision, one, name)];
        const cap = state.capOf(name);
        if (cap !== null && to > before) expect(to).toBeLessThanOrEqual(cap.maximum);
        return { before, to };
      });
      const all = state.capOf(null);
      const grew = sizes.some(({ before, to }) => to > before);
      if (all !== null && grew)
        expect(sizes.reduce((sum, { to }) => sum + to, 0)).toBeLessThanOrEqual(all.maximum);
    });
  });

  test("remove no more than the rate and no node while frozen", () => {
    check((_input, decision, one) => {
      const removals = decision.plan.moves.filter(({ kind }) => kind === "shrink").length;
      if (one.spec.disruption.freeze) expect(removals).toBe(0);
      const { nodes, percent } = one.spec.maxPercentOrNodesRemoved;
      const most = Math.max(nodes, Math.ceil((percent * 20) / 100));
      expect(removals).toBeLessThanOrEqual(most);
      const never = one.spec.disruption.budgets.some(
        (budget) => budget.nodes === 0 && budget.reasons === undefined,
      );
      if (never) expect(removals).toBe(0);
    });
  });

  test("remember of behavior only what is in its horizon and in order", () => {
    check((input, decision) => {
      for (const memory of Object.values(decision.memory.behavior ?? {})) {
        const times = memory.recommendations.map(({ at }) => at);
        expect(times).toEqual(times.toSorted((a, b) => a - b));
        for (const at of times) expect(at).toBeLessThanOrEqual(input.at);
        for (const { at, nodes } of [...memory.ups, ...memory.downs]) {
          expect(nodes).toBeGreaterThan(0);
          expect(input.at - at).toBeLessThan(1800_000);
        }
      }
    });
  });
});
