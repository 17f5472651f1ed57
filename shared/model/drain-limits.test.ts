import { describe, expect, test } from "vitest";

import { forceAt, hookLimit } from "./drain-limits.ts";
import { planDrain } from "./drain-plan.ts";
import { drainWindow } from "./drain-window.ts";
import type { DrainKind } from "./drain-window.ts";
import type { Volume } from "./kube.ts";
import { POD_ANNOTATION } from "./names.ts";
import type { EvictionClass } from "./pod.ts";
import { epochMs, millis } from "./units.ts";

const NOTICE = 1_800_000_000_000;

/** Seconds after the notice, seen `lateS` after it. */
function forceS(
  of: EvictionClass,
  ownS: number,
  noticeS: number,
  { lateS = 1, extend = true, kind = "real" as DrainKind } = {},
): number | null {
  const window = drainWindow(epochMs(NOTICE + lateS * 1000), epochMs(NOTICE + noticeS * 1000), kind);
  const pod = { class: of, ownGraceMs: millis(ownS * 1000), extend, end: window.end };
  const at = forceAt(pod, window);
  return at === null ? null : (at - NOTICE) / 1000;
}

describe("forceAt()", () => {
  // All seen a second after the notice: 114, 27 and 12 s are usable, and end 115, 28 and 13 s after it.
  test.each<[noticeS: number, of: EvictionClass, ownS: number, afterS: number]>([
    [120, "low", 60, 115 - 11.4],
    [120, "low", 30, 115 - 11.4],
    [120, "low", 3, 115 - 5],
    [120, "medium", 60, 115 - 34.2],
    [120, "medium", 20, 115 - 20],
    [120, "high", 300, 115 - 68.4],
    [120, "system", 60, 115 - 34.2],
    [30, "low", 60, 28 - 5],
    [30, "medium", 60, 28 - 8.1],
    [30, "high", 300, 28 - 16.2],
    [15, "low", 60, 13 - 3],
    [15, "medium", 60, 13 - 3.6],
    [15, "high", 300, 13 - 7.2],
  ])("of a notice of %d s and a %s pod that asks for %d s is %d s after it", (noticeS, of, ownS, afterS) => {
    expect(forceS(of, ownS, noticeS)).toBeCloseTo(afterS, 3);
  });

  test("a high pod that gets what is left is forced as early whatever it asks for, one that declines is not", () => {
    expect(forceS("high", 30, 120)).toBe(forceS("high", 300, 120));
    expect(forceS("high", 30, 120, { extend: false })).toBe(115 - 30);
  });

  test("with less than 6 s left force comes with the second word", () => {
    expect(forceS("low", 30, 15, { lateS: 9 })).toBeGreaterThan(9);
    expect(forceS("low", 30, 15, { lateS: 9.1 })).toBe(9.1);
    expect(forceS("high", 30, 15, { lateS: 20 })).toBe(20);
  });

  test("never comes in a drill or for a request", () => {
    expect(forceS("high", 30, 120, { kind: "drill" })).toBeNull();
    expect(forceS("low", 30, 5, { kind: "request" })).toBeNull();
  });
});

test("hookLimit() leaves half of the time, or the pod's own grace", () => {
  const window = drainWindow(epochMs(NOTICE), epochMs(NOTICE + 30_000), "drill");
  const limitS = (ownS: number): number => {
    const pod = { class: "high" as const, ownGraceMs: millis(ownS * 1000), extend: true, end: window.end };
    return (hookLimit(pod, window) - NOTICE) / 1000;
  };
  expect([300, 14, 4, 0].map(limitS)).toEqual([14, 14, 24, 28]);
});

test.each<[string, Volume, number]>([
  ["a claim", { name: "v", persistentVolumeClaim: { claimName: "c" } }, 10],
  ["a claim that is made for the pod", { name: "v", ephemeral: {} }, 10],
  ["a folder of the node", { name: "v", emptyDir: {} }, 0],
])("a pod with %s ends %d s earlier, by force too", (_, volume, earlierS) => {
  const of = (noticeS: number, volumes: readonly Volume[]) =>
    planDrain({
      pods: [
        {
          metadata: {
            name: "db",
            uid: "db",
            annotations: { [POD_ANNOTATION.evictionPriority]: "high" },
          },
          spec: { containers: [{ name: "main" }], terminationGracePeriodSeconds: 40, volumes },
        },
      ],
      seenAt: epochMs(NOTICE),
      deadline: epochMs(NOTICE + noticeS * 1000),
      kind: "real",
      now: epochMs(NOTICE),
      self: null,
    }).pods[0];
  const between = (noticeS: number, name: "end" | "forceAt" | "hookBy"): number =>
    (Number(of(noticeS, [])?.[name]) - Number(of(noticeS, [volume])?.[name])) / 1000;
  expect((["end", "forceAt", "hookBy"] as const).map((name) => between(120, name))).toEqual(
    [1, 1, 1].map(() => earlierS),
  );
  // No time for that below 45 s.
  expect(between(30, "end")).toBe(0);
});
