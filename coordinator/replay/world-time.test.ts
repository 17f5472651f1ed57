import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { createEventQueue, timestamp } from "./world-time.ts";

describe("createEventQueue()", () => {
  test("gives events by instant, and those of one instant in the order in which they came", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5), { maxLength: 60 }), (instants) => {
        const queue = createEventQueue();
        const ran: { at: number; order: number }[] = [];
        for (const [order, at] of instants.entries()) queue.add(epochMs(at), () => ran.push({ at, order }));
        for (let run = queue.takeDue(epochMs(5)); run !== null; run = queue.takeDue(epochMs(5))) run();
        const wanted = instants
          .map((at, order) => ({ at, order }))
          .toSorted((one, other) => one.at - other.at);
        expect(ran).toEqual(wanted);
      }),
    );
  });

  test("holds back what is not due yet", () => {
    const queue = createEventQueue();
    queue.add(epochMs(20), () => {});
    expect(queue.takeDue(epochMs(19))).toBeNull();
    expect(queue.nextAt()).toBe(20);
    expect(queue.takeDue(epochMs(20))).not.toBeNull();
    expect(queue.nextAt()).toBeNull();
  });
});

describe("timestamp()", () => {
  test("writes whole seconds and rounds down, as the API does", () => {
    expect(timestamp(epochMs(Date.UTC(2026, 0, 5, 9, 0, 1, 999)))).toBe("2026-01-05T09:00:01Z");
  });
});
