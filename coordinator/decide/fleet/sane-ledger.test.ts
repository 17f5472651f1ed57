import { expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { NOW } from "../../../test/build/now.ts";
import type { LaunchLedger } from "../snapshot-memory.ts";
import { saneLedgers } from "./sane-ledger.ts";

const LATER = epochMs(NOW + 1);
const PAST = epochMs(NOW - 60_000);
const LEDGER: LaunchLedger = {
  asked: [{ key: "k", intendedAt: PAST, seen: 1 }],
  machines: [{ id: "i-1", intendedAt: PAST, acceptedAt: PAST, launchedAt: PAST, forPods: true }],
  stageMs: { accepted: [1], total: [60_000] },
};
const sane = (part: object): unknown => saneLedgers({ "p/a": { ...LEDGER, ...part } }, NOW)["p/a"];

test("what is well stays the object that it was", () => {
  const ledgers = { "p/a": LEDGER };
  expect(saneLedgers(ledgers, NOW)).toBe(ledgers);
});

test("a moment that lies ahead or cannot be read is one that nobody saw", () => {
  const machines = [{ id: "i-1", intendedAt: LATER, acceptedAt: "x", launchedAt: PAST, forPods: "yes" }];
  expect(sane({ machines })).toEqual({ ...LEDGER, machines: [{ id: "i-1", launchedAt: PAST }] });
  const asked = [{ key: "k", intendedAt: LATER, seen: Number.NaN }];
  expect(sane({ asked })).toEqual({ ...LEDGER, asked: [{ key: "k", seen: 0 }] });
});

test("times that are none, and stages that nobody knows, are left out", () => {
  const stageMs = { accepted: [1, Number.NaN, -1, null, 1e300, 2], launched: "long", dreamt: [1] };
  expect(sane({ stageMs })).toEqual({ ...LEDGER, stageMs: { accepted: [1, 2] } });
});

test("what is no ledger is as good as lost", () => {
  expect(
    saneLedgers({ a: null, b: { asked: [7], machines: [], stageMs: {} }, c: LEDGER } as never, NOW),
  ).toEqual({
    c: LEDGER,
  });
});

test("it is bounded, whoever wrote it", () => {
  const machines = Array.from({ length: 5_000 }, (_, index) => ({ id: `i-${index}` }));
  expect(sane({ machines })).toMatchObject({ machines: { length: 1_000 } });
});
