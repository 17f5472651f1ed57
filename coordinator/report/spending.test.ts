import { describe, expect, test } from "vitest";

import { HOUR, MINUTE, NOW } from "../../test/build/now.ts";
import { pricedFleet, spendingBy } from "../../test/build/priced-fleet.ts";
import type { Spending } from "./spending.ts";

const usdOf = (spending: Spending): number =>
  Object.values(spending.state()?.months ?? {}).reduce((sum, { total }) => sum + total.usd, 0);

/** As the loop does: a look each ten seconds. */
function run(spending: Spending, fromMs: number, toMs: number, nodes = 1): void {
  for (let at = fromMs; at <= toMs; at += 10_000) spending.look(pricedFleet({ at, nodes }), undefined);
}

describe("what is spent", () => {
  test("is price times time, from the first look on", () => {
    const spending = spendingBy();
    expect(spending.state()).toBeNull();
    expect(spending.now()).toBeNull();
    run(spending, NOW, NOW + HOUR);
    expect(usdOf(spending)).toBeCloseTo(1.2, 9);
    expect(spending.state()).toMatchObject({ since: NOW, until: NOW + HOUR, unobservedMs: 0 });
  });

  test("what was there at a look is paid until the next one", () => {
    const spending = spendingBy();
    spending.look(pricedFleet({ at: NOW, nodes: 3 }), undefined);
    const step = spending.look(pricedFleet({ at: NOW + MINUTE, nodes: 1 }), undefined);
    expect(step).toMatchObject({ ms: MINUTE, unobservedMs: 0 });
    expect(usdOf(spending)).toBeCloseTo((3 * 1.2) / 60, 9);
  });

  test("of unknown price is time, and no money", () => {
    const spending = spendingBy();
    for (const at of [NOW, NOW + MINUTE]) spending.look(pricedFleet({ at, usdPerHour: null }), undefined);
    const [total] = Object.values(spending.state()?.months ?? {}).map((month) => month.total);
    expect(total).toMatchObject({ usd: 0, nodeHours: 1 / 60, unknownNodeHours: 1 / 60 });
  });

  test("a wall clock that is set back pays nothing twice", () => {
    const spending = spendingBy();
    run(spending, NOW, NOW + MINUTE);
    spending.look(pricedFleet({ at: NOW }), undefined);
    expect(usdOf(spending)).toBeCloseTo(1.2 / 60, 9);
  });

  test("while lists are incomplete the last complete look counts", () => {
    const spending = spendingBy();
    spending.look(pricedFleet({ at: NOW, nodes: 2 }), undefined);
    const sync = { kind: "unsynced", missing: ["nodes"] } as const;
    expect(spending.look(pricedFleet({ at: NOW + MINUTE, nodes: 0, sync }), undefined)).toBeNull();
    spending.look(pricedFleet({ at: NOW + 2 * MINUTE, nodes: 2 }), undefined);
    expect(usdOf(spending)).toBeCloseTo((2 * 1.2 * 2) / 60, 9);
  });

  test("nobody looked for an hour: five minutes are paid, the rest is said", () => {
    const spending = spendingBy();
    spending.look(pricedFleet({ at: NOW }), undefined);
    spending.look(pricedFleet({ at: NOW + HOUR }), undefined);
    expect(usdOf(spending)).toBeCloseTo(1.2 / 12, 9);
    expect(spending.state()?.unobservedMs).toBe(55 * MINUTE);
  });
});

describe("months, by UTC", () => {
  test("begin anew, and only the last four are kept", () => {
    const spending = spendingBy();
    for (const month of ["2026-08", "2026-09", "2026-10", "2026-11", "2026-12"]) {
      const at = Date.parse(`${month}-28T00:00:00Z`);
      run(spending, at, at + HOUR);
    }
    const months = spending.state()?.months ?? {};
    expect(Object.keys(months).toSorted()).toEqual(["2026-09", "2026-10", "2026-11", "2026-12"]);
    expect(months["2026-12"]?.total.usd).toBeCloseTo(1.2, 9);
  });
});

describe("the next leader", () => {
  const before = (): NonNullable<ReturnType<Spending["state"]>> => {
    const first = spendingBy();
    run(first, NOW, NOW + HOUR);
    const state = first.state();
    if (state === null) throw new Error("nothing was counted");
    return JSON.parse(JSON.stringify(state)) as typeof state;
  };

  test.each([
    ["reads it before he looks", true],
    ["reads it after he has looked for a while", false],
  ])("goes on, and says in which time nobody looked: %s", (_how, isFirst) => {
    const spending = spendingBy();
    const kept = before();
    if (isFirst) spending.take(kept);
    run(spending, NOW + HOUR + 20_000, NOW + 2 * HOUR + 20_000);
    if (!isFirst) spending.take(kept);
    expect(usdOf(spending)).toBeCloseTo(2.4, 9);
    expect(spending.state()).toMatchObject({
      since: NOW,
      until: NOW + 2 * HOUR + 20_000,
      unobservedMs: 20_000,
    });
  });

  test("who leads no more knows nothing, so that nothing is counted twice when he leads again", () => {
    const spending = spendingBy();
    run(spending, NOW, NOW + HOUR);
    spending.forget();
    expect(spending.state()).toBeNull();
    spending.take(before());
    run(spending, NOW + HOUR, NOW + 2 * HOUR);
    expect(usdOf(spending)).toBeCloseTo(2.4, 9);
  });
});
