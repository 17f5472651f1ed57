import { describe, expect, test } from "vitest";

import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { DAY_MS, HOUR_MS, instant, localTime } from "../../test/build/load.ts";
import { policy } from "../../test/build/policy.ts";
import { createSeries } from "./series.ts";
import type { ForecastView, Series } from "./series.ts";

const BIN_MS = 300_000;
const MINUTE_MS = 60_000;
/** A Monday. */
const START = instant("2026-02-02T00:00:00Z");
/** From the order of a node to its readiness. */
const BOOT = millis(10 * MINUTE_MS);

type Load = (at: number) => number;

/** Every day from 09:00 to noon, or to five. */
function daily(low: number, high: number, untilHour: number): Load {
  return (at) => {
    const { hour } = localTime("UTC", at);
    return hour >= 9 && hour < untilHour ? high : low;
  };
}

/** A series that has seen the week and a half before a time. */
function taught(load: Load, until: EpochMs): Series {
  const series = createSeries();
  const bins = (10 * DAY_MS) / BIN_MS;
  series.teach(
    Array.from({ length: bins }, (_, index) => {
      const at = epochMs(until - (bins - index) * BIN_MS);
      return { at, gpus: load(at) };
    }),
  );
  return series;
}

interface Look {
  readonly at: EpochMs;
  /** That pods hold and wait for; nodes have one GPU each. */
  readonly gpus: number;
  readonly nodes: number;
  readonly horizonMinutes?: number;
}

const POLICIES = new Map(
  [5, 30].map((horizonMinutes) => {
    const predictive = {
      mode: "ForecastAndScale" as const,
      timeZone: "UTC",
      lookbackDays: 7,
      horizonMinutes,
      confidenceThreshold: 0.7,
      preWarmThreshold: 1,
      calendar: [],
    };
    return [horizonMinutes, policy({ predictive })];
  }),
);

function look(series: Series, { at, gpus, nodes, horizonMinutes = 30 }: Look): ForecastView {
  const own = POLICIES.get(horizonMinutes);
  if (own === undefined) throw new Error(`no policy looks ${horizonMinutes} minutes ahead`);
  const about = { policy: own, gpuType: null, pools: ["spot"], isCut: false, gpusPerNode: 1, startMs: BOOT };
  series.look({ ...about, gpus, nodes }, at, true);
  const view = series.view();
  if (view === null) throw new Error("nothing is shown after a look");
  return view;
}

function after(at: EpochMs, minutes: number): EpochMs {
  return epochMs(at + minutes * MINUTE_MS);
}

function timeOf(hour: number, minute: number): EpochMs {
  return epochMs(START + hour * HOUR_MS + minute * MINUTE_MS);
}

describe("demand that falls after the last bin", () => {
  // Sixteen in the day, eight at night: at 07:00 nothing is expected but what is there.
  const load = daily(8, 16, 17);

  /** The looks within one bin: at its start with what is usual there, then each half minute with less. */
  function looks(bin: EpochMs, nodes: number, levels: readonly number[]): readonly ForecastView[] {
    const series = taught(load, bin);
    return [load(bin), ...levels].map((gpus, index) =>
      look(series, { at: epochMs(bin + (index * MINUTE_MS) / 2), gpus, nodes }),
    );
  }

  test("takes the floor with it at once, no lower than what is held and waits, and back again", () => {
    const levels = [7, 3, 1, 0, 8];
    const [before, ...later] = looks(timeOf(7, 0), 8, levels);
    expect(before?.input).toMatchObject({ gpus: 8, earned: true });
    expect(later.map(({ input }) => input?.gpus)).toEqual(levels);
    for (const { input, forecast } of later) {
      expect(input).not.toHaveProperty("keepGpus");
      // All come from one forecast: no bin has ended between them.
      expect(forecast).toBe(before?.forecast);
    }
  });

  test("takes only what is gone from a rise that is still to come", () => {
    // At 08:40 sixteen are expected for 09:00, of which five are wanted no more.
    const floors = looks(timeOf(8, 40), 16, [3]).map(({ input }) => input?.gpus);
    expect(floors).toEqual([16, 11]);
  });

  test("leaves an order as it is, until it is clear that nobody comes", () => {
    const [before, fallen] = looks(timeOf(8, 40), 8, [3]);
    expect(before?.guard.open).toMatchObject({ from: 8, to: 16 });
    expect(fallen?.input).toMatchObject({ gpus: 11, keepGpus: 16 });
  });
});

describe("an order that nobody used", () => {
  test.each([
    // Nodes stand ready a horizon before 09:00, are ordered a start before that, and go a horizon after it.
    [5, "08:45", "09:05"],
    [30, "08:20", "09:30"],
  ])("goes one horizon after its time: of %d minutes", (horizonMinutes, orderedAt, goneAt) => {
    const load = daily(0, 8, 12);
    const series = taught(load, timeOf(8, 10));
    let ordered: EpochMs | null = null;
    let last: ForecastView | null = null;
    for (let at = timeOf(8, 10); at < timeOf(9, 40); at = after(at, 1)) {
      const nodes = ordered !== null && at >= ordered + BOOT ? 8 : 0;
      const view = look(series, { at, gpus: 0, nodes, horizonMinutes });
      if (view.guard.open !== null) {
        if (ordered === null) expect(clock(at)).toBe(orderedAt);
        ordered ??= at;
        expect(clock(view.guard.open.at)).toBe("09:00");
        // All eight stay till then, whatever the forecast thinks meanwhile.
        expect(Math.max(view.input?.gpus ?? 0, view.input?.keepGpus ?? 0)).toBe(8);
        expect(view.input?.earned).toBe(true);
      } else if (last !== null && last.guard.open !== null) {
        expect(clock(at)).toBe(goneAt);
        expect(view.guard).toMatchObject({ useful: 0, wasted: 8, wastedInARow: 1 });
        expect(view.standsDown.map(({ code }) => code)).toEqual(["wasted"]);
        // What has not earned it keeps nothing.
        expect(view.input?.earned).toBe(false);
      }
      last = view;
    }
    expect(ordered).not.toBeNull();
    expect(last?.guard).toMatchObject({ open: null, wasted: 8 });
  });
});

describe("a load that is always at six GPUs", () => {
  test("is asked for six, and none of the bounds lies beside it", () => {
    const series = taught(() => 6, START);
    const view = look(series, { at: START, gpus: 6, nodes: 6 });
    expect(view.input?.gpus).toBe(6);
    expect(view.forecast).toMatchObject({ p10: 6, p50: 6, p90: 6 });
  });

  /** Rare leaps make the usual error large. */
  function leaping(seed: number, isLeap: (at: number) => boolean | null): Load {
    const random = seededRandom(seed);
    return (at) => ((isLeap(at) ?? random() < 1 / 16) ? 200 : 6);
  }

  test.each([1, 2])("but for leaps that nobody can foresee: six, not seven (seed %d)", (seed) => {
    // The last one lies an hour back.
    const series = taught(
      leaping(seed, (at) => (at < START - HOUR_MS ? null : false)),
      START,
    );
    const asked = Array.from({ length: 72 }, (_, bin) => {
      const at = epochMs(START + bin * BIN_MS);
      return look(series, { at, gpus: 6, nodes: 6 }).input?.gpus ?? Number.NaN;
    });
    expect(Math.max(...asked)).toBe(6);
  });

  test.each([1, 2])("is asked for six after a leap in the last bin, too (seed %d)", (seed) => {
    const series = taught(
      leaping(seed, (at) => (at === START - BIN_MS ? true : null)),
      START,
    );
    const view = look(series, { at: START, gpus: 6, nodes: 6 });
    expect(view.forecast).toMatchObject({ p50: 6 });
    expect(view.input?.gpus).toBe(6);
    expect(look(series, { at: after(START, 1), gpus: 4, nodes: 6 }).input?.gpus).toBe(4);
  });
});

function clock(at: number): string {
  return new Date(at).toISOString().slice(11, 16);
}
