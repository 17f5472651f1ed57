import fc from "fast-check";
import { describe, expect, test } from "vitest";

import type { CapacityType } from "../../shared/model/node.ts";
import { epochMs } from "../../shared/model/units.ts";
import { merged, PAID_STATES } from "./charge.ts";
import type { Charge } from "./charge.ts";
import { createLedger, NODE_CUTS, OTHERS } from "./ledger.ts";
import type { LedgerState } from "./ledger.ts";
import { MS_PER_HOUR } from "./month.ts";
import { savedShare, savedUsd } from "./tally.ts";

const TIERS: readonly CapacityType[] = ["spot", "on-demand", "reserved"];

const charge = (over: Partial<Charge> = {}): Charge => ({
  pool: "gpus/spot",
  tier: "spot",
  state: "allocated",
  nodes: 1,
  usdPerHour: 1,
  onDemandUsdPerHour: 3,
  ...over,
});

describe("one charge over time", () => {
  test("an hour costs the price of an hour, half of a machine half of it", () => {
    const ledger = createLedger(NODE_CUTS);
    ledger.charge([charge({ nodes: 2 }), charge({ nodes: 0.5, state: "idle" })], MS_PER_HOUR);
    expect(ledger.total()).toMatchObject({ usd: 2.5, nodeHours: 2.5, unknownNodeHours: 0, onDemandUsd: 7.5 });
    expect(ledger.by("state").get("idle")?.usd).toBe(0.5);
  });

  test("an unknown price is time without a price, never zero and never somebody else's", () => {
    const ledger = createLedger(NODE_CUTS);
    ledger.charge([charge(), charge({ usdPerHour: null, nodes: 3 })], MS_PER_HOUR);
    const total = ledger.total();
    expect(total).toMatchObject({ usd: 1, nodeHours: 4, unknownNodeHours: 3 });
    // Three machines of unknown price save nothing that anybody could name.
    expect(savedUsd(total)).toBe(2);
  });

  test("a saving is against the on-demand price of the same hours, and of no others", () => {
    const ledger = createLedger(NODE_CUTS);
    ledger.charge([charge({ usdPerHour: 1.2, onDemandUsdPerHour: 3.06 })], 2 * MS_PER_HOUR);
    ledger.charge([charge({ usdPerHour: 2, onDemandUsdPerHour: null })], MS_PER_HOUR);
    const total = ledger.total();
    expect(total.onDemandUnknownNodeHours).toBe(1);
    expect(savedUsd(total)).toBeCloseTo(3.72, 10);
    expect(savedShare(total)).toBeCloseTo(1.86 / 3.06, 10);
  });

  test("no hours, no share", () => expect(savedShare(createLedger(NODE_CUTS).total())).toBeNull());

  test.each([Number.NaN, -1, Infinity])("refuses %s ms", (ms) => {
    expect(() => createLedger(NODE_CUTS).charge([charge()], ms)).toThrow(RangeError);
  });
});

test("of a cut with ever new names the rest is added up under one name", () => {
  const ledger = createLedger({ pool: ({ pool }) => pool }, 2);
  for (const pool of ["a", "b", "c", "d", "a"]) ledger.charge([charge({ pool })], MS_PER_HOUR);
  const usd = [...ledger.by("pool")].map(([name, tally]) => [name, tally.usd]);
  expect(usd).toEqual([
    ["a", 2],
    ["b", 1],
    [OTHERS, 2],
  ]);
});

test("what was kept goes on where it was", () => {
  const first = createLedger(NODE_CUTS);
  first.charge([charge()], MS_PER_HOUR);
  const second = createLedger(NODE_CUTS);
  second.charge([charge({ pool: "gpus/other" })], MS_PER_HOUR);
  second.take(JSON.parse(JSON.stringify(first.state())) as LedgerState);
  expect(second.total().usd).toBe(2);
  expect([...second.by("pool").keys()].toSorted()).toEqual(["gpus/other", "gpus/spot"]);
});

describe("charges that are alike", () => {
  const holder = { namespace: "ml", labels: { team: "vision" } };

  test("are one, and what differs in anything stays apart", () => {
    const kinds: readonly Charge[] = [
      charge(),
      charge({ pool: "other" }),
      charge({ tier: "reserved" }),
      charge({ state: "idle" }),
      charge({ usdPerHour: null }),
      charge({ usdPerHour: null, estimatedUsdPerHour: 1 }),
      charge({ pricedAt: epochMs(1) }),
      charge({ pricedAt: epochMs(2) }),
      charge({ onDemandUsdPerHour: 4 }),
      charge({ holder }),
      charge({ holder: { ...holder, namespace: "web" } }),
      charge({ holder: { ...holder, labels: { team: "voice" } } }),
      charge({ holder: { ...holder, labels: {} } }),
    ];
    const all = merged([...kinds, ...kinds.map((kind) => ({ ...kind, nodes: 0.25 }))]);
    expect(all).toEqual(kinds.map((kind) => ({ ...kind, nodes: 1.25 })));
  });
});

describe("totals are Σ price × time", () => {
  const micros = fc.integer({ min: 0, max: 100_000_000 });
  const steps = fc.array(
    fc.record({
      ms: fc.integer({ min: 0, max: 86_400_000 }),
      charges: fc.array(
        fc.record({
          pool: fc.constantFrom("a", "b", "c"),
          tier: fc.constantFrom(...TIERS),
          state: fc.constantFrom(...PAID_STATES),
          nodes: fc.integer({ min: 1, max: 1_000 }),
          own: fc.option(micros, { nil: null }),
          onDemand: fc.option(micros, { nil: null }),
        }),
        { maxLength: 8 },
      ),
    }),
    { maxLength: 60 },
  );

  test("to the cent, worked out in whole numbers, in total and in every cut", () => {
    fc.assert(
      fc.property(steps, (all) => {
        const ledger = createLedger(NODE_CUTS);
        // Whole millionths of a dollar an hour × milliseconds × nodes: nothing is rounded.
        let exact = 0n;
        for (const { ms, charges } of all) {
          ledger.charge(
            charges.map(({ pool, tier, state, nodes, own, onDemand }) => ({
              pool,
              tier,
              state,
              nodes,
              usdPerHour: own === null ? null : own / 1e6,
              onDemandUsdPerHour: onDemand === null ? null : onDemand / 1e6,
            })),
            ms,
          );
          for (const { own, nodes } of charges) exact += BigInt(own ?? 0) * BigInt(nodes) * BigInt(ms);
        }
        const cents = Number(exact / 36_000_000n) / 1e3;
        expect(Math.abs(ledger.total().usd * 100 - cents)).toBeLessThan(0.01);
        for (const cut of ["pool", "tier", "state"] as const) {
          const sum = [...ledger.by(cut).values()].reduce((usd, tally) => usd + tally.usd, 0);
          expect(Math.abs(sum - ledger.total().usd)).toBeLessThan(1e-6);
        }
      }),
      { numRuns: 200 },
    );
  });

  test("a month of a thousand nodes in steps of 100 ms loses no cent", () => {
    const ledger = createLedger({});
    const steps10 = 2_592_000;
    for (let step = 0; step < steps10; step++)
      ledger.charge([charge({ nodes: 1_000, usdPerHour: 0.1234567 })], 100);
    expect(ledger.total().usd).toBeCloseTo((0.1234567 * 1_000 * (steps10 * 100)) / MS_PER_HOUR, 6);
  });
});
