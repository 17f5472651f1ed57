import { describe, expect, test } from "vitest";

import type { Disruption } from "../../../shared/contract/policy/removal.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { drainState, node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { memory, notice, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { assemble } from "../fleet/fleet.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { allowedDisruptions } from "./budgets.ts";
import { createLedger } from "./limits.ts";

const nodes = (count: number) => Array.from({ length: count }, (_, index) => node(`n${index}`));
type Budget = NonNullable<NonNullable<PolicyOptions["disruption"]>["budgets"]>[number];
const budget = (...budgets: readonly Budget[]) => ({ budgets: [...budgets] });
const WIDE = { maxPercentOrNodesRemoved: { nodes: 1000, percent: 100 } };

function ledgerOf(spec: PolicyOptions, options: SnapshotOptions = {}) {
  const input = snapshot({ policies: [policy(spec)], nodes: nodes(10), ...options });
  const fleet = assemble(input);
  const [asked] = fleet.pools;
  if (asked === undefined) throw new Error("no pool");
  return { asked, ledger: createLedger(fleet, { before: input.memory, now: input.memory }) };
}

function refusal(spec: PolicyOptions, options: SnapshotOptions = {}, disruption: Disruption = "Empty") {
  const { asked, ledger } = ledgerOf(spec, options);
  return ledger.removalRefusal(asked, disruption);
}

/** How many go before the ledger says no, and what it says. */
function removedUntilRefused(spec: PolicyOptions, options: SnapshotOptions = {}) {
  const { asked, ledger } = ledgerOf(spec, options);
  let removed = 0;
  while (removed < 50 && ledger.removalRefusal(asked, "Empty") === null) {
    ledger.takeRemoval(asked, "Empty");
    removed += 1;
  }
  return { removed, because: ledger.removalRefusal(asked, "Empty") };
}

describe("disruption budgets", () => {
  test.each([
    ["a tenth by default", 10, {}, 1],
    ["rounded up, so that one of a few may go", 3, {}, 1],
    ["and of eleven two", 11, {}, 2],
    ["a number of nodes", 10, budget({ nodes: 4 }), 4],
    ["none", 10, budget({ nodes: 0 }), 0],
    ["none as a share", 10, budget({ nodes: "0%" }), 0],
    ["all", 10, budget({ nodes: "100%" }), 10],
  ])("%s", (_case, count, disruption, removed) => {
    const result = removedUntilRefused({ ...WIDE, disruption }, { nodes: nodes(count) });
    expect(result).toEqual({
      removed,
      because: { code: "disruption-budget", leaving: removed, allowed: removed, disruption: "Empty" },
    });
  });

  test("the tightest that binds counts, and an empty list binds nothing", () => {
    const both = {
      budgets: [
        { nodes: "50%", timeZone: "UTC" },
        { nodes: 2, timeZone: "UTC" },
      ],
    };
    expect(removedUntilRefused({ ...WIDE, disruption: both as PolicyOptions["disruption"] }).removed).toBe(2);
    const none = { budgets: [], freeze: false } as unknown as PolicyOptions["disruption"];
    expect(removedUntilRefused({ ...WIDE, disruption: none }).because).toBeNull();
  });

  test("bind the reasons that they name", () => {
    const disruption = budget({ nodes: 0, reasons: ["Idle", "Movable"] });
    expect(refusal({ ...WIDE, disruption }, {}, "Idle")).toMatchObject({
      code: "disruption-budget",
      allowed: 0,
      disruption: "Idle",
    });
    expect(refusal({ ...WIDE, disruption }, {}, "Empty")).toBeNull();
  });

  test.each([
    ["a drain", { nodes: [node("n0", { drainState: drainState() }), ...nodes(10).slice(1)] }],
    ["an interruption", { notices: [notice("n0")] }],
  ])("count %s that is under way", (_case, options) => {
    expect(refusal({}, options)).toMatchObject({ code: "disruption-budget", leaving: 1, allowed: 1 });
  });

  test("count a removal in flight", () => {
    const moves = [move(NOW, { kind: "shrink", node: "n0", phase: "draining", from: 10, to: 9 })];
    expect(refusal({ journal: { moves } })).toMatchObject({ code: "disruption-budget", leaving: 1 });
  });

  test("with a schedule bind while its window is open, in its zone", () => {
    // 12:00 in New York is 16:00 or 17:00 in UTC.
    const disruption = budget({
      nodes: 0,
      schedule: "0 12 * * *",
      durationSeconds: 3600,
      timeZone: "America/New_York",
    });
    const at = (text: string) => epochMs(Date.parse(text));
    const allowed = (text: string): number =>
      allowedDisruptions(ledgerOf({ disruption }).asked, "Empty", at(text)).nodes;
    expect(allowed("2026-07-01T16:30:00Z")).toBe(0);
    expect(allowed("2026-07-01T17:00:00Z")).toBe(Infinity);
    expect(allowed("2026-01-01T16:30:00Z")).toBe(Infinity);
    expect(allowed("2026-01-01T17:30:00Z")).toBe(0);
  });

  test("that cannot be read let nothing go", () => {
    const disruption = budget({ nodes: 5, schedule: "0 12 * * *", durationSeconds: 60, timeZone: "Nowhere" });
    expect(refusal({ disruption })).toMatchObject({ code: "malformed" });
  });
});

describe("the freeze switch", () => {
  test("keeps every node, empty ones too", () => {
    expect(refusal({ disruption: { freeze: true } })).toEqual({
      code: "frozen",
    });
  });
});

describe("the rate of removals", () => {
  const OPEN = { disruption: budget({ nodes: "100%" }) };

  test.each([
    ["ten nodes by default", {}, 40, 10],
    ["or a quarter where that is more", {}, 48, 12],
    ["a smaller number", { maxPercentOrNodesRemoved: { nodes: 2, percent: 0 } }, 10, 2],
    [
      "of what there was, so that removals do not slow it",
      { maxPercentOrNodesRemoved: { nodes: 0, percent: 50 } },
      10,
      5,
    ],
  ])("is %s", (_case, spec, count, removed) => {
    const result = removedUntilRefused({ ...OPEN, ...spec }, { nodes: nodes(count) });
    expect(result).toEqual({
      removed,
      because: { code: "removal-rate", removed, allowed: removed, windowMs: 10 * MINUTE },
    });
  });

  test("counts what went in the last ten minutes and what is on its way", () => {
    const spec = { ...OPEN, maxPercentOrNodesRemoved: { nodes: 5, percent: 0 } };
    const removals = [
      { at: epochMs(NOW - 9 * MINUTE), nodes: 2 },
      { at: epochMs(NOW - 10 * MINUTE), nodes: 2 },
    ];
    expect(removedUntilRefused({ ...spec, journal: { removals } }).removed).toBe(3);
    const moves = [move(NOW, { kind: "shrink", node: "n0", phase: "draining", from: 10, to: 9 })];
    expect(removedUntilRefused({ ...spec, journal: { removals, moves } }).removed).toBe(2);
  });

  test("is the policy's, not the pool's", () => {
    const pools = [pool("spot"), pool("od", { capacityType: "on-demand" })];
    const spec = { ...OPEN, pools, maxPercentOrNodesRemoved: { nodes: 1, percent: 0 } };
    const input = snapshot({
      policies: [policy(spec)],
      nodes: [...nodes(3), node("o1", { pool: "od" }), node("o2", { pool: "od" })],
    });
    const fleet = assemble(input);
    const [first, second] = fleet.pools as [PoolState, PoolState];
    const ledger = createLedger(fleet);
    ledger.takeRemoval(first, "Empty");
    expect(ledger.removalRefusal(second, "Empty")).toMatchObject({ code: "removal-rate", removed: 1 });
  });
});

describe("behavior downwards", () => {
  const OPEN = { ...WIDE, disruption: budget({ nodes: "100%" }) };
  const spare = (count: number) =>
    memory(Object.fromEntries(nodes(count).map(({ name }) => [name, { emptyMs: 20 * MINUTE }])));
  type Rules = NonNullable<NonNullable<PolicyOptions["behavior"]>["scaleDown"]>;
  const behavior = (scaleDown: Rules) => ({ scaleDown });
  const calm = (agoMs: number, wanted: number) => ({
    "demo/spot": { recommendations: [{ at: epochMs(NOW - agoMs), nodes: wanted }], ups: [], downs: [] },
  });

  test("holds a pool that was wanted larger within the window, and lets it go after", () => {
    const spec = { ...OPEN, behavior: behavior({ stabilizationWindowSeconds: 60 }) };
    const recent = { memory: { ...spare(10), behavior: calm(40 * SECOND, 10) } };
    expect(refusal(spec, recent)).toEqual({
      code: "stabilizing",
      direction: "down",
      leftMs: 20 * SECOND,
    });
    const older = { memory: { ...spare(10), behavior: calm(61 * SECOND, 10) } };
    expect(refusal(spec, older)).toBeNull();
  });

  test("holds at first sight, since the size as it is may be wanted", () => {
    const spec = { ...OPEN, behavior: behavior({}) };
    expect(refusal(spec, { memory: spare(10) })).toMatchObject({ code: "stabilizing", leftMs: 300 * SECOND });
  });

  test("allows as many as its policies, those on their way included", () => {
    const spec = {
      ...OPEN,
      behavior: behavior({
        stabilizationWindowSeconds: 0,
        policies: [{ type: "Nodes", value: 3, periodSeconds: 60 }],
      }),
    };
    const options = { memory: { ...spare(10), behavior: calm(MINUTE, 10) } };
    expect(removedUntilRefused(spec, options)).toMatchObject({
      removed: 3,
      because: { code: "behavior-limit", direction: "down", allowed: 3 },
    });
    const moves = [move(NOW, { kind: "shrink", node: "n0", phase: "draining", from: 10, to: 9 })];
    expect(removedUntilRefused({ ...spec, journal: { moves } }, options).removed).toBe(2);
    const downs = [{ at: epochMs(NOW - 30 * SECOND), nodes: 2 }];
    const busy = {
      memory: { ...options.memory, behavior: { "demo/spot": { recommendations: [], ups: [], downs } } },
    };
    expect(removedUntilRefused(spec, busy).removed).toBe(1);
  });

  test("holds no node that is replaced, and no pool that a schedule lowers", () => {
    const spec = { ...OPEN, behavior: behavior({ selectPolicy: "Disabled" }) };
    const options = { memory: spare(10) };
    expect(refusal(spec, options)).toEqual({ code: "behavior-disabled", direction: "down" });
    expect(refusal(spec, options, "Unhealthy")).toBeNull();
    expect(refusal(spec, options, "Expired")).toBeNull();
    const schedules = [
      { name: "always", timeZone: "UTC", start: "* * * * *", durationSeconds: 120, maxNodes: 8 },
    ];
    expect(removedUntilRefused({ ...spec, schedules }, options).removed).toBe(2);
  });
});
