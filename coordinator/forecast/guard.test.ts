import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { asked, followed, NEW_GUARD } from "./guard.ts";
import type { Guard } from "./guard.ts";

const HOUR = 3_600_000;
const MINUTE = 60_000;
const START = Date.UTC(2026, 0, 5);
const BASE = { day: 0, gpusPerNode: 8, ttlMs: 30 * MINUTE, floor: 0, ms: 0 };

/** One order of four nodes beside none, expected in half an hour, and the most that was wanted until its end. */
function ordered(guard: Guard, atMs: number, peak: number, reached = 4): Guard {
  const now = epochMs(START + atMs);
  const at = epochMs(now + 30 * MINUTE);
  const after = (ms: number) => epochMs(now + ms);
  let next = asked(guard, { nodes: 4, at }, { now, nodes: 0, gpus: 0 });
  next = followed(next, { ...BASE, now: after(40 * MINUTE), nodes: reached, gpus: peak });
  return followed(next, { ...BASE, now: after(60 * MINUTE), nodes: reached, gpus: 0 });
}

describe("nodes that were ordered", () => {
  test("count as useful as far as demand came for them", () => {
    expect(ordered(NEW_GUARD, 0, 24)).toMatchObject({
      useful: 3,
      wasted: 1,
      wastedInARow: 0,
      restsUntil: null,
    });
  });

  test("are not judged before half an hour after the expected time", () => {
    const now = epochMs(START);
    const open = asked(NEW_GUARD, { nodes: 2, at: epochMs(now + 30 * MINUTE) }, { now, nodes: 0, gpus: 0 });
    const early = followed(open, { ...BASE, now: epochMs(now + 59 * MINUTE), nodes: 2, gpus: 0 });
    expect(early).toMatchObject({ useful: 0, wasted: 0, wastedInARow: 0 });
  });

  test("that nobody used make it rest for an hour", () => {
    const guard = ordered(NEW_GUARD, 0, 0);
    expect(guard).toMatchObject({ wasted: 4, wastedInARow: 1, share: 1 });
    expect(guard.restsUntil).toBe(START + 2 * HOUR);
  });

  test("three times in a row halve what it may ask for, a useful one or a day doubles it again", () => {
    let guard = NEW_GUARD;
    for (const time of [0, 1, 2]) guard = ordered(guard, time * 2 * HOUR, 0);
    expect(guard).toMatchObject({ share: 0.5, wastedInARow: 3 });
    expect(ordered(guard, 6 * HOUR, 32)).toMatchObject({ share: 1, wastedInARow: 0 });
    const day = followed(guard, { ...BASE, now: epochMs(START + 30 * HOUR), nodes: 0, gpus: 0 });
    expect(day.share).toBe(1);
    for (let time = 3; time < 30; time++) guard = ordered(guard, time * HOUR, 0);
    expect(guard.share).toBeGreaterThanOrEqual(1 / 8);
  });

  test("that a limit kept away are neither", () => {
    expect(ordered(NEW_GUARD, 0, 0, 0)).toMatchObject({ useful: 0, wasted: 0, wastedInARow: 0, open: null });
  });
});

describe("the budget of a day", () => {
  const held = (guard: Guard, more: object) =>
    followed(guard, { ...BASE, now: epochMs(START), ms: HOUR, nodes: 5, gpus: 8, floor: 4, ...more })
      .nodeHours;

  test("is what stands ready for the forecast alone", () => {
    expect(held(NEW_GUARD, {})).toBe(3);
    expect(held(NEW_GUARD, { floor: 0 })).toBe(0);
    expect(held(NEW_GUARD, { nodes: 2 })).toBe(1);
    expect(held(NEW_GUARD, { gpus: 40 })).toBe(0);
  });

  test("begins anew with the local day", () => {
    const spent = { ...NEW_GUARD, nodeHours: 7 };
    expect(held(spent, {})).toBe(10);
    expect(held(spent, { day: 1 })).toBe(3);
  });
});
