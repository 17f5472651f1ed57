import { expect, test } from "vitest";

import { seededRandom } from "../../shared/model/random.ts";
import { burstsOf } from "./bursts.ts";
import { drawFaults } from "./draw.ts";
import type { DrawOptions } from "./draw.ts";
import { HOURS_KINDS } from "./hours/play.ts";

const OPTIONS: DrawOptions = {
  seed: 1,
  kinds: HOURS_KINDS,
  lengthMs: 200 * 3_600_000,
  gapMs: 240_000,
  spansMs: [5_000, 720_000],
  zones: ["zone-a", "zone-b"],
  bursts: { gapMs: 3_000_000, withinMs: 180_000, most: 4, noticesMs: [30_000, 120_000] },
  stepMs: 120_000,
};

test("the same seed gives the same faults, another one others", () => {
  expect(drawFaults(OPTIONS)).toEqual(drawFaults(OPTIONS));
  expect(drawFaults({ ...OPTIONS, seed: 2 })).not.toEqual(drawFaults(OPTIONS));
});

test("in enough hours each kind comes, in the order of time and within it", () => {
  const faults = drawFaults(OPTIONS);
  expect(new Set(faults.map(({ kind }) => kind))).toEqual(new Set(HOURS_KINDS));
  expect(faults.map(({ at }) => at)).toEqual(faults.map(({ at }) => at).toSorted((a, b) => a - b));
  expect(Math.max(...faults.map(({ at }) => at))).toBeLessThan(OPTIONS.lengthMs);
});

test("most reclaims come in company: within three minutes and in one zone", () => {
  const reclaims = burstsOf({
    random: seededRandom(3),
    lengthMs: OPTIONS.lengthMs,
    zones: OPTIONS.zones,
    ...OPTIONS.bursts,
    most: 10,
  });
  const inCompany = reclaims.filter((one) =>
    reclaims.some(
      (other) => other !== one && other.zone === one.zone && Math.abs(other.at - one.at) <= 180_000,
    ),
  );
  expect(reclaims.length).toBeGreaterThan(200);
  expect(inCompany.length / reclaims.length).toBeGreaterThan(0.6);
});
