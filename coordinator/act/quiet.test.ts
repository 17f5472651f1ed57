import { describe, expect, test } from "vitest";

import { millis } from "../../shared/model/units.ts";
import type { Predecessor } from "../../shared/runtime/kube/lease-record.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { inheritedAfter, quietAfter } from "./quiet.ts";

const SILENT: Predecessor = { kind: "silent", identity: "other", lastSeenMs: millis(0) };

function aReign(predecessor: Predecessor, led: readonly string[] = ["old"]) {
  const clock = createFakeClock();
  const quietMs = quietAfter(
    { predecessor, sinceMs: clock.monotonic() },
    { clock, leaseMs: millis(10_000), wasLed: (policy) => led.includes(policy) },
  );
  return { clock, quietMs };
}

describe("inheritedAfter()", () => {
  test.each([
    [SILENT, 2_000],
    [{ kind: "gave-back" }, 7_000],
    [{ kind: "none" }, 12_000],
  ] as const)("is over, after %j, when what was sent is carried out or never", async (predecessor, forMs) => {
    const clock = createFakeClock();
    const since = { predecessor, sinceMs: clock.monotonic() };
    const inheritedMs = inheritedAfter(since, {
      clock,
      leaseMs: millis(10_000),
      callDeadlineMs: millis(5_000),
    });
    expect(inheritedMs()).toBe(forMs);
    await clock.advance(forMs - 1);
    expect(inheritedMs()).toBe(1);
    await clock.advance(1_000);
    expect(inheritedMs()).toBe(0);
  });
});

describe("quietAfter()", () => {
  test("waits for what was sent before a silent leader's lease ran out", async () => {
    const { clock, quietMs } = aReign(SILENT);
    expect(quietMs("old")).toBe(2_000);
    await clock.advance(1_999);
    expect(quietMs("old")).toBe(1);
    await clock.advance(1);
    expect([quietMs("old"), quietMs()]).toEqual([0, 0]);
  });

  test("waits for nothing after a leader who gave the lease back", () => {
    expect(aReign({ kind: "gave-back" }).quietMs("old")).toBe(0);
  });

  test("waits out a whole lease where the Lease is not there, for a leader may not know yet", () => {
    expect(aReign({ kind: "none" }).quietMs("old")).toBe(12_000);
  });

  test("waits for nothing in a policy that nobody has ever led", () => {
    expect(aReign(SILENT).quietMs("new")).toBe(0);
    expect(aReign({ kind: "none" }, []).quietMs("old")).toBe(0);
  });
});
