import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import { DAY_MS, instant, teach } from "../../test/build/load.ts";
import { createForecaster } from "./forecaster.ts";
import { decodeState, encodeState } from "./state.ts";

const BIN = 30 * 60_000;
const START = instant("2026-01-05T00:00:00Z");
const END = epochMs(START + 16 * DAY_MS);
const OPTIONS = { binMinutes: 30, horizonsMinutes: [30, 60] };

function load(at: number): number {
  return 20 + 10 * Math.sin((2 * Math.PI * at) / DAY_MS) + ((at / BIN) % 7) / 3;
}

function taught(options = OPTIONS) {
  const forecaster = createForecaster(options);
  teach(forecaster, START, END, BIN, load);
  return forecaster;
}

describe("a state", () => {
  test("written down and read back goes on bit for bit", () => {
    const one = taught();
    const text = encodeState(one.state());
    const other = createForecaster(OPTIONS, decodeState(text));
    for (let at = END; at < END + 2 * DAY_MS; at = epochMs(at + BIN)) {
      const asked = { lead: millis(BIN), hold: millis(BIN) };
      expect(JSON.stringify(other.forecast(at, asked))).toBe(JSON.stringify(one.forecast(at, asked)));
      one.learn({ at, gpus: load(at) });
      other.learn({ at, gpus: load(at) });
    }
    expect(encodeState(other.state())).toBe(encodeState(one.state()));
  });

  test("is a copy: learning on does not change it", () => {
    const forecaster = taught();
    const state = forecaster.state();
    const text = encodeState(state);
    forecaster.learn({ at: END, gpus: 99 });
    expect(encodeState(state)).toBe(text);
  });

  test("of other horizons or another zone is learned again, not lost", () => {
    const state = taught().state();
    const changed = createForecaster({ ...OPTIONS, horizonsMinutes: [90], timeZone: "Europe/Vienna" }, state);
    const forecast = changed.forecast(END, { lead: millis(60 * 60_000) });
    if (forecast.kind !== "forecast") throw new Error("no forecast");
    expect(Math.abs(forecast.p50 - load(END + 60 * 60_000))).toBeLessThan(3);
    expect(forecast.skill.days).toBeGreaterThan(6);
  });

  test.each([
    ["", /no JSON/],
    ["{}", /state has no shape/],
    ['{"shape":{"version":9}}', /shape\.version must be 2, got 9/],
    [encodeState(taught().state()).slice(0, -9), /no JSON/],
    [
      encodeState(taught().state()).replace('"rowDay":[', '"rowDay":[1,'),
      /model\.rowDay must be 58 numbers, got 59/,
    ],
    [encodeState(taught().state()).replace('"rowDay":[', '"rowDay":["x",'), /model\.rowDay/],
  ])("that cannot be read is refused by name (%#)", (text, message) => {
    expect(() => decodeState(text)).toThrow(message);
  });

  test("of two months in bins of five minutes fits a value of the store", () => {
    const state = createForecaster().state();
    const { model } = state;
    model.days.fill(123.4567);
    for (const curve of model.season) curve.fill(-12.34567);
    for (const { pending } of model.horizons) pending.fill(123.456_789_012_345);
    const text = encodeState(state);
    expect(decodeState(text)).toEqual(state);
    expect(text.length).toBeLessThan(512 * 1024);
  });
});
