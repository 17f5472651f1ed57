import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { decodeSeries, encodeSeries } from "./feed-state.ts";
import { createForecaster } from "./forecaster.ts";
import { NEW_GUARD } from "./guard.ts";
import { openBin } from "./open-bin.ts";

const NAME = { policy: "gpu", gpuType: "A100" };
const at = epochMs(Date.UTC(2026, 0, 5));

function text(): string {
  const forecaster = createForecaster();
  forecaster.learn({ at, gpus: 3 });
  const open = { askedAt: at, at, from: 1, to: 2, peak: 8, reached: 2 };
  const guard = { ...NEW_GUARD, restsUntil: at, open };
  const bin = openBin(at, { gpus: 4, isCut: true });
  return encodeSeries(NAME, { guard, bin, forecaster: forecaster.state() });
}

describe("decodeSeries()", () => {
  test("reads what encodeSeries() wrote", () => {
    const { name, state } = decodeSeries(text());
    expect(name).toEqual(NAME);
    expect(encodeSeries(name, state)).toBe(text());
  });

  test.each([
    ["cut off", (whole: string) => whole.slice(0, -40), "it was cut off"],
    ["of another version", (whole: string) => whole.replace('"v":1', '"v":2'), "v must be 1, got 2"],
    ["a list", () => "[]", "series must be an object"],
    ["without its guard", (whole: string) => whole.replace('"guard"', '"warden"'), "guard must be an object"],
    [
      "with a share of null",
      (whole: string) => whole.replace('"share":1', '"share":null'),
      "guard.share must be",
    ],
    [
      "with a bin that lacks a field",
      (whole: string) => whole.replace('"area"', '"room"'),
      "bin.area must be",
    ],
    [
      "without what was learned",
      (whole: string) => whole.replace('"forecaster":"', '"forecaster":"x'),
      "no JSON",
    ],
  ])("refuses a text that is %s, and says why", (_what, spoil, problem) => {
    expect(() => decodeSeries(spoil(text()))).toThrow(problem);
  });
});
