import { describe, expect, test } from "vitest";

import { seededRandom } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { createChannels, EVERY_SECOND_MS } from "./channels.ts";
import type { Channel, Next } from "./channels.ts";
import { createHealth } from "./health.ts";

const SEED = 20_261_126;

function start() {
  const clock = createFakeClock();
  const { log, lines } = createLogSink("info");
  const stop = new AbortController();
  const outcomes: string[] = [];
  let changes = 0;
  const onChange = (): void => {
    changes++;
  };
  const health = createHealth({ clock, log, onChange });
  const channels = createChannels({
    health,
    clock,
    random: seededRandom(SEED),
    log,
    signal: stop.signal,
    onOutcome: (outcome) => {
      outcomes.push(outcome);
    },
  });
  const run = (place: string, ask: () => Next | Promise<Next>, more: Partial<Channel> = {}) => {
    const times: number[] = [];
    const ended = channels.run({
      place,
      everyMs: EVERY_SECOND_MS,
      matters: true,
      isUrgent: () => true,
      ...more,
      ask: async () => {
        times.push(clock.monotonic());
        return await ask();
      },
    });
    const gaps = () => times.slice(1).map((at, i) => Math.round(at - (times[i] ?? 0)));
    return { times, gaps, ended };
  };
  return { clock, lines, stop, outcomes, changes: () => changes, health, run };
}

const fails = (): never => {
  throw new AppError("unavailable", "nobody there");
};

describe("a round of questions", () => {
  test(`comes more than once a second, each at a time of its own (seed ${SEED})`, async () => {
    const { clock, run } = start();
    const { gaps } = run("spot", () => "usual");
    await clock.advance(100_000);
    expect(Math.max(...gaps())).toBeLessThan(930);
    expect(Math.min(...gaps())).toBeGreaterThan(750);
    expect(new Set(gaps()).size).toBeGreaterThan(20);
  });

  test("counts from start to start, so that a slow answer makes no longer gap", async () => {
    const { clock, run } = start();
    const { gaps } = run("spot", async (): Promise<Next> => {
      await clock.sleep(millis(600));
      return "usual";
    });
    await clock.advance(20_000);
    expect(Math.max(...gaps())).toBeLessThan(930);
  });

  test("grows seldom after failures, never beyond what sees a return within two seconds", async () => {
    const { clock, run, outcomes } = start();
    const { gaps } = run("spot", fails);
    await clock.advance(60_000);
    expect(gaps()[0]).toBeLessThanOrEqual(1_000);
    expect(gaps()[4]).toBeGreaterThan(1_500);
    expect(Math.max(...gaps())).toBeLessThanOrEqual(1_800);
    expect(new Set(outcomes)).toEqual(new Set(["unavailable"]));
  });

  test("is slower where no notice can be, until the first place answers again", async () => {
    const { clock, run, health } = start();
    let isDown = true;
    const ask = (): Next => (isDown ? fails() : "usual");
    run("spot", ask);
    const slow = run("maintenance", ask, { everyMs: millis(30_000), isUrgent: () => false });
    await clock.advance(60_000);
    expect(slow.gaps().at(-1)).toBeGreaterThan(4_000);
    isDown = false;
    await clock.advance(2_000);
    expect(health.state).toMatchObject({ state: "up" });
    const asked = slow.times.length;
    await clock.advance(25_000);
    expect(slow.times).toHaveLength(asked);
  });

  test("waits as long as a service that is asked too much says, and no longer than five seconds", async () => {
    const { clock, run } = start();
    const { gaps } = run("events", () => {
      throw new AppError("throttled", "too many", { retryAfterMs: 60_000 });
    });
    await clock.advance(30_000);
    expect(new Set(gaps())).toEqual(new Set([5_000]));
  });

  test("asks again at once a few times, and then as others do", async () => {
    const { clock, run } = start();
    const { times } = run("preempted", () => "again");
    await clock.advance(0);
    expect(times).toHaveLength(6);
    await clock.advance(10_000);
    expect(times.length).toBeLessThan(20);
  });

  test("does not count where it idles, and ends where it is over", async () => {
    const { clock, run, health } = start();
    let isThere = false;
    const { times } = run("spot", () => (isThere ? "usual" : "idle"));
    run("maintenance", () => "usual");
    const { ended } = run("identity", () => "over", { matters: false });
    await clock.advance(10_000);
    await ended;
    expect(health).toMatchObject({ complete: true, state: { state: "up" } });
    expect(times).toHaveLength(1);
    isThere = true;
    await clock.advance(60_000);
    expect(times.length).toBeGreaterThan(5);
  });

  test("goes on after an exception of our own, which is logged with its stack", async () => {
    const { clock, run, lines, outcomes } = start();
    const { times } = run("spot", () => {
      throw new TypeError("no such thing");
    });
    await clock.advance(10_000);
    expect(times.length).toBeGreaterThan(4);
    expect(outcomes[0]).toBe("bug");
    const said = lines.filter(({ level }) => level === "error");
    expect(said).toHaveLength(1);
    expect(JSON.stringify(said)).toContain("channels.test.ts");
  });

  test("ends with the signal, in the middle of a question too", async () => {
    const { clock, run, stop, outcomes } = start();
    const one = run("spot", () => "usual");
    const other = run("maintenance", async (): Promise<Next> => {
      await clock.sleep(millis(60_000), stop.signal);
      return "usual";
    });
    await clock.advance(5_000);
    stop.abort(new Error("stopping"));
    await Promise.all([one.ended, other.ended]);
    expect(new Set(outcomes)).toEqual(new Set(["ok"]));
    expect(clock.sleeping()).toBe(0);
  });
});

describe("health", () => {
  test("is told once while it flaps, and with how long it was away", async () => {
    const { clock, run, lines, health } = start();
    let n = 0;
    run("spot", () => (n++ % 2 === 1 ? fails() : "usual"));
    await clock.advance(30_000);
    expect(lines.filter(({ level }) => level === "warn")).toHaveLength(1);
    expect(["up", "down"]).toContain(health.state.state);
  });

  test("is down while one place fails, and says since when and why", async () => {
    const { clock, run, health } = start();
    const from = clock.now();
    run("spot", () => "usual");
    run("maintenance", fails);
    await clock.advance(10_000);
    expect(health.state).toEqual({ state: "down", since: from, why: "nobody there" });
    expect(health.complete).toBe(false);
  });
});
