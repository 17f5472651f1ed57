import { describe, expect, test } from "vitest";

import {
  growths,
  MONDAY,
  playWeek,
  taughtFeed,
  TRAINING_GPUS,
  TRAINING_WEEK,
  VIENNA,
} from "../../test/build/forecast-week.ts";
import { HOUR_MS, localTime } from "../../test/build/load.ts";
import { decodeSeries, encodeSeries } from "./feed-state.ts";
import { createForecastFeed } from "./feed.ts";

describe("training on weekdays at 09:00 (B19), played to decide", () => {
  const reactive = playWeek({ ...TRAINING_WEEK, forecasts: false });
  const run = playWeek(TRAINING_WEEK);

  test("without a forecast the nodes are ordered when the pods wait", () => {
    expect(growths(reactive, TRAINING_WEEK).map(({ when, code }) => [when, code])).toEqual([
      ["1 9:00", "pending-pods"],
      ["2 9:00", "pending-pods"],
    ]);
    expect(reactive.score.unmetGpuMinutes).toBeGreaterThan(2 * TRAINING_GPUS * 10 - 1);
  });

  test("they are ordered so that they are there at 08:30: half an hour before that while nobody knows a start", () => {
    const [monday] = growths(run, TRAINING_WEEK);
    expect(monday).toMatchObject({ when: "1 8:00", code: "forecast" });
  });

  test("and by the time of a start before 08:30 once it was measured", () => {
    const tuesday = growths(run, TRAINING_WEEK).filter(({ when }) => when.startsWith("2 "));
    expect(tuesday[0]).toMatchObject({ code: "forecast" });
    // A replay asks every five minutes.
    expect(tuesday[0]?.when).toMatch(/^2 8:2[0-4]$/);
  });

  test("so that no pod waits", () => {
    expect(growths(run, TRAINING_WEEK).every(({ code }) => code === "forecast")).toBe(true);
    expect(run.score.unmetGpuMinutes).toBeLessThan(1);
  });

  test("what was ordered stays until the work comes", () => {
    const shrinks = run.happenings.filter(({ kind }) => kind === "shrink");
    const early = shrinks.filter(({ atMs }) => localTime(VIENNA, MONDAY + atMs).hour < 9);
    expect(early).toEqual([]);
  });
});

describe("a restart", () => {
  test("in the middle goes on with what was put by", () => {
    let feed = taughtFeed(TRAINING_WEEK);
    let restarts = 0;
    const restarted = () => {
      const next = createForecastFeed();
      for (const name of feed.series()) {
        const state = feed.stateOf(name);
        if (state !== null) next.restore(name, decodeSeries(encodeSeries(name, state)).state);
      }
      restarts += 1;
      feed = next;
    };
    let due = MONDAY + 5 * HOUR_MS;
    const run = playWeek(TRAINING_WEEK, {
      ...feed,
      look: (snapshot) => {
        if (snapshot.at >= due) {
          restarted();
          due += 7 * HOUR_MS;
        }
        feed.look(snapshot);
      },
      inputOf: (policy) => feed.inputOf(policy),
      views: () => feed.views(),
      shown: () => feed.shown(),
    });
    expect(restarts).toBeGreaterThan(4);
    expect(growths(run, TRAINING_WEEK)[0]).toMatchObject({ when: "1 8:00", code: "forecast" });
    expect(run.score.unmetGpuMinutes).toBeLessThan(1);
  });

  test("whose past comes hours late forecasts as if it had been there, with what was seen meanwhile", () => {
    const whole = taughtFeed(TRAINING_WEEK);
    const late = createForecastFeed();
    const kept = taughtFeed(TRAINING_WEEK);
    let given = false;
    playWeek(
      { ...TRAINING_WEEK, days: 1 },
      {
        ...whole,
        look: (snapshot) => {
          whole.look(snapshot);
          late.look(snapshot);
          if (!given && snapshot.at >= MONDAY + 6 * HOUR_MS) {
            expect(late.views()[0]?.standsDown).toMatchObject([{ code: "cold-start" }]);
            kept.look({ ...snapshot, at: MONDAY });
            const [name] = kept.series();
            const state = name === undefined ? null : kept.stateOf(name);
            if (name === undefined || state === null) throw new Error("nothing was kept");
            late.restore(name, state);
            given = true;
          } else if (given) {
            const [ours] = late.views();
            const [theirs] = whole.views();
            expect(ours?.forecast).toEqual({ ...theirs?.forecast, exceeds: expect.any(Function) as unknown });
          }
        },
      },
    );
    expect(given).toBe(true);
  });
});
