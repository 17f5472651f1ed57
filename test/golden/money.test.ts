// Two examples of what spot saves that people know from older documents (B118, B119), worked out by the code that runs:
// 720 hours of one machine, and of ten. The older tables round each machine's month before they add up; we do not.

import { describe, expect, test } from "vitest";

import type { Charge } from "../../coordinator/money/charge.ts";
import { createLedger, NODE_CUTS } from "../../coordinator/money/ledger.ts";
import { HOURS_PER_MONTH, MS_PER_HOUR } from "../../coordinator/money/month.ts";
import { rateOf } from "../../coordinator/money/rate.ts";
import { savedShare, savedUsd } from "../../coordinator/money/tally.ts";

const MONTH_MS = HOURS_PER_MONTH * MS_PER_HOUR;
/** p3.2xlarge, USD an hour. */
const ON_DEMAND = 3.06;
const SPOT = 1.2;

const spot = (nodes: number): Charge => ({
  pool: "gpus/spot",
  tier: "spot",
  state: "allocated",
  nodes,
  usdPerHour: SPOT,
  onDemandUsdPerHour: ON_DEMAND,
});
const onDemand = (nodes: number): Charge => ({
  pool: "gpus/on-demand",
  tier: "on-demand",
  state: "allocated",
  nodes,
  usdPerHour: ON_DEMAND,
  onDemandUsdPerHour: ON_DEMAND,
});

function afterAMonth(charges: readonly Charge[]) {
  const ledger = createLedger(NODE_CUTS);
  ledger.charge(charges, MONTH_MS);
  return ledger;
}

test("a month is 720 hours", () => expect(HOURS_PER_MONTH).toBe(720));

describe("B118: one p3.2xlarge on spot for a month", () => {
  const total = afterAMonth([spot(1)]).total();

  test("864 instead of 2,203: 1,339 are saved, 61 %", () => {
    expect(Math.round(total.usd)).toBe(864);
    expect(Math.round(total.onDemandUsd)).toBe(2_203);
    expect(Math.round(savedUsd(total))).toBe(1_339);
    expect(Math.round((savedShare(total) ?? 0) * 100)).toBe(61);
  });

  test("the estimate of a month at this rate is the same", () => {
    const rate = rateOf([spot(1)]);
    expect(rate.usdPerMonth).toBeCloseTo(total.usd, 9);
    expect(rate.savedUsdPerMonth).toBeCloseTo(savedUsd(total), 9);
  });
});

describe("B119: six on spot and four on demand", () => {
  const ledger = afterAMonth([spot(6), onDemand(4)]);
  const total = ledger.total();

  test("5,184 and 8,812 against 22,030: 8,034 are saved, 36 %, but for the tables' rounding", () => {
    expect(ledger.by("tier").get("spot")?.usd).toBeCloseTo(5_184, 6);
    expect(ledger.by("tier").get("on-demand")?.usd).toBeCloseTo(8_812.8, 6);
    expect(total.usd).toBeCloseTo(13_996.8, 6);
    expect(total.onDemandUsd).toBeCloseTo(22_032, 6);
    expect(savedUsd(total)).toBeCloseTo(8_035.2, 6);
    expect(Math.round((savedShare(total) ?? 0) * 100)).toBe(36);
    // The old table: 13,996, 22,030 and 8,034.
    expect(Math.abs(total.usd - 13_996)).toBeLessThan(1);
    expect(Math.abs(total.onDemandUsd - 22_030)).toBeLessThan(3);
    expect(Math.abs(savedUsd(total) - 8_034)).toBeLessThan(2);
  });
});

test("A72: two g4dn.xlarge on spot cost some 230 a month around the clock, and a third of it by day on weekdays", () => {
  const node = { ...spot(2), usdPerHour: 0.16, onDemandUsdPerHour: 0.526 };
  expect(Math.round(afterAMonth([node]).total().usd)).toBe(230);
  const ledger = createLedger(NODE_CUTS);
  // 22 working days of 11.4 hours are 251 of the 720.
  ledger.charge([node], 22 * 11.4 * MS_PER_HOUR);
  expect(Math.round(ledger.total().usd)).toBe(80);
});
