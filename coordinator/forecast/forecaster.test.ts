import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { DAY_MS, HOUR_MS, instant, localTime, teach } from "../../test/build/load.ts";
import { createForecaster } from "./forecaster.ts";
import type { Forecast, Forecaster } from "./forecaster.ts";

const BIN = 30 * 60_000;
const START = instant("2026-01-05T00:00:00Z");
const OPTIONS = { binMinutes: 30, horizonsMinutes: [30, 60] };

/** Working hours of weekdays, with a shape within them. */
function office(timeZone: string): (at: number) => number {
  return (at) => {
    const { weekday, hour } = localTime(timeZone, at);
    const working = weekday >= 1 && weekday <= 5 && hour >= 9 && hour < 17;
    return working ? 40 + 8 * Math.sin(hour) : 8;
  };
}

function after(days: number): EpochMs {
  return epochMs(START + days * DAY_MS);
}

/** The middle of what is expected for the bin that starts at `at`, asked when the bin `BIN` before has ended. */
function expected(forecaster: Forecaster, at: EpochMs): number {
  const forecast = forecaster.forecast(at, { lead: millis(0) });
  return forecast.kind === "forecast" ? forecast.p50 : Number.NaN;
}

function codes(forecast: Forecast): readonly string[] {
  return forecast.standsDown.map(({ code }) => code);
}

/** Repeatable noise from -1 to 1. */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return (state / 2_147_483_648) * 2 - 1;
  };
}

describe("a series with a week's rhythm", () => {
  test("is forecast without error after three weeks, weekends too", () => {
    const load = office("UTC");
    const forecaster = createForecaster(OPTIONS);
    teach(forecaster, START, after(21), BIN, load);
    let worst = 0;
    for (let at = after(21); at < after(28); at = epochMs(at + BIN)) {
      worst = Math.max(worst, Math.abs(expected(forecaster, at) - load(at)));
      forecaster.learn({ at, gpus: load(at) });
    }
    expect(worst).toBeLessThan(0.5);
  });

  test("is followed after its level doubles", () => {
    const load = office("UTC");
    const forecaster = createForecaster(OPTIONS);
    teach(forecaster, START, after(21), BIN, load);
    teach(forecaster, after(21), epochMs(after(22) + 14 * HOUR_MS), BIN, (at) => 2 * load(at));
    const noon = epochMs(after(22) + 14 * HOUR_MS);
    expect(expected(forecaster, noon)).toBeGreaterThan(1.7 * load(noon));
  });

  test("keeps its weekdays when the weekend is the busy time", () => {
    const load = (at: number): number => ([0, 6].includes(localTime("UTC", at).weekday) ? 30 : 4);
    const forecaster = createForecaster(OPTIONS);
    teach(forecaster, START, after(26), BIN, load);
    // Friday night to Saturday, and Sunday night to Monday.
    expect(expected(forecaster, after(26))).toBeCloseTo(30, 0);
    teach(forecaster, after(26), after(28), BIN, load);
    expect(expected(forecaster, after(28))).toBeCloseTo(4, 0);
  });

  test.each([
    ["America/New_York", "2026-03-08T00:00:00Z"],
    ["America/New_York", "2026-11-01T00:00:00Z"],
    ["Australia/Lord_Howe", "2026-04-05T00:00:00Z"],
    ["Australia/Lord_Howe", "2026-10-04T00:00:00Z"],
  ])("keeps to the wall clock of %s around %s", (timeZone, shift) => {
    const load = office(timeZone);
    const forecaster = createForecaster({ ...OPTIONS, timeZone });
    const change = instant(shift);
    teach(forecaster, epochMs(change - 21 * DAY_MS), epochMs(change + 12 * HOUR_MS), BIN, load);
    let worst = 0;
    for (let at = epochMs(change + 12 * HOUR_MS); at < change + 4 * DAY_MS; at = epochMs(at + BIN)) {
      worst = Math.max(worst, Math.abs(expected(forecaster, at) - load(at)));
      forecaster.learn({ at, gpus: load(at) });
    }
    expect(worst).toBeLessThan(2);
  });
});

describe("series without a rhythm", () => {
  test.each([0, 12])("of %d GPUs all the time stays there", (gpus) => {
    const forecaster = createForecaster(OPTIONS);
    teach(forecaster, START, after(15), BIN, () => gpus);
    const forecast = forecaster.forecast(after(15), { lead: millis(30 * 60_000) });
    if (forecast.kind !== "forecast") throw new Error("no forecast");
    expect(forecast.p50).toBeCloseTo(gpus, 6);
    expect(forecast.p90 - forecast.p10).toBeLessThan(0.1);
    expect(forecast.earned).toBe(false);
    expect(codes(forecast)).toContain("no-skill");
  });

  test("with one spike do not take it for a pattern", () => {
    const spike = after(20) + 10 * HOUR_MS;
    const forecaster = createForecaster(OPTIONS);
    teach(forecaster, START, after(27), BIN, (at) => (at === spike ? 100 : 5));
    teach(forecaster, after(27), epochMs(after(27) + 10 * HOUR_MS), BIN, () => 5);
    expect(expected(forecaster, epochMs(after(27) + 10 * HOUR_MS))).toBeLessThan(6);
  });

  test.each([7, 11, 23])("keep the promise of their bound (noise of seed %d)", (seed) => {
    const next = noise(seed);
    const forecaster = createForecaster(OPTIONS);
    let held = 0;
    let count = 0;
    for (let at = START; at < after(42); at = epochMs(at + BIN)) {
      const gpus = 50 + 20 * next();
      const forecast = forecaster.forecast(at, { lead: millis(0) });
      if (at >= after(14) && forecast.kind === "forecast") {
        count++;
        if (gpus <= forecast.p90) held++;
      }
      forecaster.learn({ at, gpus });
    }
    expect(count).toBe(28 * 48);
    expect(held / count).toBeGreaterThan(0.87);
    expect(held / count).toBeLessThan(0.93);
  });
});

describe("what is not known", () => {
  test("is no zero: a gap leaves the forecast as it was, and makes it stand down", () => {
    const load = office("UTC");
    const forecaster = createForecaster(OPTIONS);
    teach(forecaster, START, after(21), BIN, load);
    const noon = epochMs(after(22) + 12 * HOUR_MS);
    const far = forecaster.forecast(noon, { lead: millis(0) });
    expect(codes(far)).toContain("gap");
    teach(forecaster, after(21), noon, BIN, () => null);
    const forecast = forecaster.forecast(noon, { lead: millis(0) });
    expect(codes(forecast)).toContain("gap");
    expect(forecast.kind === "forecast" && forecast.p50).toBeGreaterThan(0.8 * load(noon));
  });

  test("holes of a tenth do not spoil the pattern", () => {
    const load = office("UTC");
    const next = noise(5);
    const forecaster = createForecaster(OPTIONS);
    teach(forecaster, START, epochMs(after(22) + 12 * HOUR_MS), BIN, (at) =>
      next() > 0.8 ? undefined : load(at),
    );
    const noon = epochMs(after(22) + 12 * HOUR_MS);
    expect(Math.abs(expected(forecaster, noon) - load(noon))).toBeLessThan(2);
  });

  test("a bin that was cut off is 'at least': low ones teach nothing, high ones do", () => {
    const load = office("UTC");
    const made = (gpus: number): number => {
      const forecaster = createForecaster(OPTIONS);
      teach(forecaster, START, epochMs(after(22) + 12 * HOUR_MS), BIN, load);
      for (let bin = 0; bin < 4; bin++)
        forecaster.learn({ at: epochMs(after(22) + 12 * HOUR_MS + bin * BIN), gpus, censored: true });
      return expected(forecaster, epochMs(after(22) + 14 * HOUR_MS));
    };
    const usual = load(after(22) + 14 * HOUR_MS);
    expect(Math.abs(made(20) - usual)).toBeLessThan(2);
    expect(made(90)).toBeGreaterThan(usual + 10);
  });
});

describe("leakage", () => {
  test("nothing that comes later changes what was forecast, and asking changes nothing", () => {
    const load = office("UTC");
    const asked: unknown[] = [];
    const told: unknown[] = [];
    const one = createForecaster(OPTIONS);
    const other = createForecaster(OPTIONS);
    for (let at = START; at < after(16); at = epochMs(at + BIN)) {
      asked.push(JSON.stringify(one.forecast(at, { lead: millis(30 * 60_000), hold: millis(HOUR_MS) })));
      one.learn({ at, gpus: load(at) });
    }
    for (let at = START; at < after(16); at = epochMs(at + BIN)) {
      // Another future from the tenth day on.
      told.push(JSON.stringify(other.forecast(at, { lead: millis(30 * 60_000), hold: millis(HOUR_MS) })));
      other.learn({ at, gpus: at < after(10) ? load(at) : 77 });
    }
    const same = 10 * 48 + 1;
    expect(told.slice(0, same)).toEqual(asked.slice(0, same));
    expect(told.slice(same)).not.toEqual(asked.slice(same));
    const silent = createForecaster(OPTIONS);
    teach(silent, START, after(16), BIN, load);
    expect(silent.state()).toEqual(one.state());
  });
});

describe("cold start", () => {
  test("says what is missing, and experts without a past abstain", () => {
    const forecaster = createForecaster(OPTIONS);
    expect(forecaster.forecast(START)).toEqual({
      kind: "none",
      standsDown: [{ code: "cold-start", days: 0, needed: 2 }],
    });
    teach(forecaster, START, epochMs(after(1) + 12 * HOUR_MS), BIN, office("UTC"));
    const forecast = forecaster.forecast(epochMs(after(1) + 12 * HOUR_MS));
    if (forecast.kind !== "forecast") throw new Error("no forecast");
    expect(codes(forecast)).toEqual(["cold-start"]);
    const silent = forecast.experts.filter(({ gpus }) => gpus === null).map(({ name }) => name);
    expect(silent).toContain("last-week");
    expect(silent).not.toContain("last-value");
    expect(forecast.experts.reduce((sum, { weight }) => sum + weight, 0)).toBeCloseTo(1, 9);
    expect(Number.isFinite(forecast.p90)).toBe(true);
  });
});

describe("calendar", () => {
  const holiday = "2026-02-02";
  const noon = instant(`${holiday}T12:00:00Z`);
  const made = (day: object): Forecast => {
    const forecaster = createForecaster({ ...OPTIONS, calendar: [{ date: holiday, ...day }] });
    teach(forecaster, START, instant(`${holiday}T08:30:00Z`), BIN, office("UTC"));
    return forecaster.forecast(instant(`${holiday}T08:30:00Z`), { lead: millis(60 * 60_000) });
  };

  test("a Monday that is treated as the weekend is expected to be quiet", () => {
    expect(noon).toBeGreaterThan(START);
    expect(made({})).toMatchObject({ kind: "forecast", earned: true });
    const usual = made({});
    const quiet = made({ treatAs: "weekend" });
    if (usual.kind !== "forecast" || quiet.kind !== "forecast") throw new Error("no forecast");
    expect(usual.p50).toBeGreaterThan(30);
    expect(quiet.p50).toBeLessThan(12);
  });

  test("a day that is left out moves nothing, and a factor scales what is usual", () => {
    expect(codes(made({ treatAs: "exclude" }))).toContain("excluded-day");
    const half = made({ factor: 0.5 });
    const usual = made({});
    if (usual.kind !== "forecast" || half.kind !== "forecast") throw new Error("no forecast");
    expect(half.p50).toBeLessThan(0.7 * usual.p50);
  });
});

describe("bad input", () => {
  test.each([
    [{ timeZone: "Mars/Olympus" }, /timeZone must be an IANA name.*"Mars\/Olympus"/],
    [{ binMinutes: 7 }, /binMinutes must be whole minutes.*got 7/],
    [{ lookbackDays: 0 }, /lookbackDays .*got 0/],
    [{ horizonsMinutes: [60, 30] }, /horizonsMinutes .*upwards.*\[60,30\]/],
    [{ calendar: [{ date: "2026-02-30" }] }, /calendar\[0\]\.date must be a day.*2026-02-30/],
    [{ calendar: [{ date: "2026-02-03", factor: -1 }] }, /calendar\[0\]\.factor .*-1/],
  ])("options %j are refused by name", (options, message) => {
    expect(() => createForecaster(options)).toThrow(message);
  });

  test("bins off the grid, back in time or not a number are refused and change nothing", () => {
    const forecaster = createForecaster(OPTIONS);
    teach(forecaster, START, after(2), BIN, () => 3);
    const before = forecaster.state();
    expect(() => forecaster.learn({ at: epochMs(after(2) + 60_000), gpus: 1 })).toThrow(
      /multiple of 30 minutes/,
    );
    expect(() => forecaster.learn({ at: after(1), gpus: 1 })).toThrow(/after the last bin, 2026-01-06T23:30/);
    expect(() => forecaster.learn({ at: after(2), gpus: Number.NaN })).toThrow(/gpus must be a number.*NaN/);
    expect(() => forecaster.learn({ at: after(2), gpus: -1 })).toThrow(/gpus must be a number.*-1/);
    expect(forecaster.state()).toEqual(before);
  });
});
