import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { graceAt, isCovered, planDrain, startOf, startsOf } from "./drain-plan.ts";
import type { ClassesGone, DrainInput, DrainKind, DrainPlan } from "./drain-plan.ts";
import { drainWindow, isHasty } from "./drain-window.ts";
import type { Pod } from "./kube.ts";
import { POD_ANNOTATION } from "./names.ts";
import { EVICTION_CLASSES } from "./pod.ts";
import type { EvictionClass } from "./pod.ts";
import { epochMs, millis } from "./units.ts";

const SEEN = epochMs(1_800_000_000_000);
const NOBODY_GONE: ClassesGone = { low: false, medium: false, high: false, system: false };

interface PodOptions {
  readonly priority?: string;
  readonly graceS?: number;
  readonly volume?: boolean;
  readonly owner?: string;
  readonly annotations?: Record<string, string>;
  readonly deletedInS?: number;
  readonly phase?: string;
  readonly priorityClass?: string;
}

function pod(name: string, options: PodOptions = {}): Pod {
  const {
    priority,
    graceS = 30,
    volume,
    owner = "ReplicaSet",
    annotations,
    deletedInS,
    phase = "Running",
    priorityClass,
  } = options;
  return {
    metadata: {
      name,
      namespace: "team-a",
      uid: `uid-${name}`,
      annotations: {
        ...(priority === undefined ? {} : { [POD_ANNOTATION.evictionPriority]: priority }),
        ...annotations,
      },
      ownerReferences: [{ apiVersion: "v1", kind: owner, name: "owner", uid: "owner", controller: true }],
      ...(deletedInS === undefined
        ? {}
        : { deletionTimestamp: new Date(SEEN + deletedInS * 1000).toISOString() }),
    },
    spec: {
      containers: [{ name: "main" }],
      terminationGracePeriodSeconds: graceS,
      ...(priorityClass === undefined ? {} : { priorityClassName: priorityClass }),
      ...(volume === true
        ? { volumes: [{ name: "data", persistentVolumeClaim: { claimName: "data" } }] }
        : {}),
    },
    status: { phase },
  };
}

function plan(
  pods: readonly Pod[],
  noticeS: number,
  kind: DrainKind = "real",
  more: Partial<DrainInput> = {},
): DrainPlan {
  const deadline = epochMs(SEEN + noticeS * 1000);
  return planDrain({ pods, seenAt: SEEN, deadline, kind, now: SEEN, self: null, ...more });
}

/** Seconds after the notice was seen. */
function startS(of: DrainPlan, name: string, gone: ClassesGone = NOBODY_GONE): number {
  const planned = of.pods.find((one) => one.name === name);
  if (planned === undefined) throw new Error(`no pod ${name}`);
  return (startOf(of.window, planned, gone) - SEEN) / 1000;
}

function graceS(of: DrainPlan, name: string, atS: number): number {
  const planned = of.pods.find((one) => one.name === name);
  if (planned === undefined) throw new Error(`no pod ${name}`);
  return graceAt(of.window, planned, epochMs(SEEN + atS * 1000));
}

describe("drainWindow()", () => {
  // Seen 1 s after the notice.
  test.each([
    ["120 s", 119, 5, 114, "staggered"],
    ["30 s", 29, 2, 27, "parallel"],
    ["15 s", 14, 2, 12, "parallel"],
    ["60 s", 59, 2.95, 56.05, "staggered"],
    ["49 s", 47, 2.35, 44.65, "parallel"],
  ])("a notice of %s leaves margin and usable time", (_, leftS, marginS, usableS, mode) => {
    const window = drainWindow(SEEN, epochMs(SEEN + leftS * 1000), "real");
    expect((window.deadline - window.end) / 1000).toBeCloseTo(marginS);
    expect(window.usableMs / 1000).toBeCloseTo(usableS);
    expect(window.mode).toBe(mode);
  });

  test("a deadline in the past leaves no time and no negative numbers", () => {
    expect(drainWindow(SEEN, epochMs(SEEN - 5000), "real")).toMatchObject({
      end: SEEN,
      usableMs: 0,
      mode: "parallel",
    });
  });
});

test.each([
  [6, false],
  [5.9, true],
  [0, true],
  [-20, true],
])("with %d s left there is no time to ask twice: %s", (leftS, hasty) => {
  expect(isHasty(drainWindow(SEEN, epochMs(SEEN + leftS * 1000), "real"))).toBe(hasty);
});

describe("startOf()", () => {
  const pods = [
    pod("low", { priority: "low" }),
    pod("medium", {}),
    pod("high", { priority: "high" }),
    pod("system", { priorityClass: "system-cluster-critical" }),
  ];

  test("with 120 s the classes start one after the other, each within its barrier", () => {
    const of = plan(pods, 119);
    expect(["low", "medium", "high", "system"].map((name) => startS(of, name))).toEqual([0, 5, 8, 15]);
  });

  test("with 60 s the barriers shrink with the time", () => {
    const of = plan(pods, 60);
    const usable = 57;
    expect(startS(of, "medium")).toBeCloseTo(0.05 * usable, 2);
    expect(startS(of, "high")).toBeCloseTo(0.08 * usable, 2);
    expect(startS(of, "system")).toBeCloseTo(0.15 * usable, 2);
  });

  test("with 30 s all start at once", () => {
    const of = plan(pods, 29);
    expect(pods.map((one) => startS(of, one.metadata.name))).toEqual([0, 0, 0, 0]);
  });

  test("a class starts as soon as those before it are gone", () => {
    const of = plan(pods, 119);
    expect(startS(of, "medium", { ...NOBODY_GONE, low: true })).toBe(0);
    expect(startS(of, "high", { ...NOBODY_GONE, low: true })).toBe(8);
    expect(startS(of, "high", { ...NOBODY_GONE, low: true, medium: true })).toBe(0);
  });

  test("a pod that needs more than is left starts at once, whatever its class", () => {
    const of = plan(
      [pod("train", { priority: "high", graceS: 300 }), pod("fits", { priority: "high", graceS: 110 })],
      119,
    );
    expect(startS(of, "train")).toBe(0);
    // 114 s are usable: the latest start for 110 s of grace lies before the barrier of 8 s.
    expect(startS(of, "fits")).toBe(4);
  });

  test("a pod with a volume ends 10 s earlier, except when there is no time", () => {
    const long = plan([pod("db", { volume: true, graceS: 100 })], 119);
    expect(startS(long, "db")).toBe(4);
    expect(graceS(long, "db", 0)).toBe(Math.floor(0.7 * 114));
    expect(graceS(plan([pod("db", { volume: true, graceS: 100 })], 29), "db", 0)).toBe(27);
  });
});

describe("a pod with a hook", () => {
  const hookOf = () => ({
    kind: "http" as const,
    address: "10.0.0.1",
    port: 80,
    path: "/",
    timeoutMs: millis(60_000),
  });
  const startOfHook = (noticeS: number, graceS: number, saving: boolean, priority = "high"): number => {
    const of = plan([pod("train", { priority, graceS })], noticeS, "real", { hookOf });
    return ((startsOf(of, NOBODY_GONE, () => saving)[0]?.at ?? 0) - SEEN) / 1000;
  };

  test("is waited for while it saves, until half the time is left or its own grace if that is less", () => {
    // 115 s are usable at 120 s, 28 s at 30 s.
    expect(startOfHook(120, 300, true)).toBe(57.5);
    expect(startOfHook(120, 30, true)).toBe(85);
    expect(startOfHook(30, 300, true)).toBe(14);
    expect(startOfHook(30, 5, true)).toBe(23);
    expect(startOfHook(120, 30, true, "low")).toBe(85);
  });

  test("starts when it would without one as soon as it has saved", () => {
    expect(startOfHook(120, 30, false)).toBe(8);
    expect(startOfHook(120, 300, false)).toBe(0);
    expect(startOfHook(120, 30, false, "low")).toBe(0);
  });

  test("is waited for until its force time when that is when it starts anyway", () => {
    const annotations = { [POD_ANNOTATION.evictionMode]: "keep" };
    const of = plan([pod("ci", { annotations })], 120, "real", { hookOf });
    expect(of.pods[0]?.hookBy).toBe(of.pods[0]?.forceAt);
    expect(startsOf(of, NOBODY_GONE, () => true)[0]?.at).toBe(of.pods[0]?.forceAt);
  });
});

describe("graceAt()", () => {
  test("low gets its own grace up to 30 % of the time, medium up to 70 %", () => {
    const of = plan([pod("low", { priority: "low", graceS: 90 }), pod("medium", { graceS: 200 })], 119);
    expect(graceS(of, "low", 0)).toBe(34);
    expect(graceS(of, "medium", 5)).toBe(79);
  });

  test("where all start at once nobody is cut but by the time that is left", () => {
    const of = plan([pod("low", { priority: "low", graceS: 60 }), pod("medium", { graceS: 25 })], 29);
    expect(graceS(of, "low", 0)).toBe(27);
    expect(graceS(of, "medium", 0)).toBe(25);
  });

  test("high gets all that is left on a real notice, unless the pod declines", () => {
    const of = plan(
      [
        pod("train", { priority: "high", graceS: 30 }),
        pod("short", {
          priority: "high",
          graceS: 30,
          annotations: { [POD_ANNOTATION.extendGrace]: "false" },
        }),
      ],
      119,
    );
    expect(graceS(of, "train", 8)).toBe(106);
    expect(graceS(of, "short", 8)).toBe(30);
  });

  test("nobody gets more than its own grace when the drain is voluntary", () => {
    const of = plan([pod("train", { priority: "high", graceS: 30 })], 119, "request");
    expect(graceS(of, "train", 8)).toBe(30);
  });

  test("never below 2 s, also after the end", () => {
    const of = plan([pod("late", { priority: "high", graceS: 30 })], 29);
    expect(graceS(of, "late", 26)).toBe(2);
    expect(graceS(of, "late", 60)).toBe(2);
  });
});

describe("planDrain()", () => {
  test("leaves DaemonSet, mirror and finished pods and the agent itself alone", () => {
    const mirror = pod("etcd", { annotations: { [POD_ANNOTATION.mirror]: "hash" } });
    const pods = [
      pod("cni", { owner: "DaemonSet" }),
      mirror,
      pod("done", { phase: "Succeeded" }),
      pod("agent"),
      pod("web"),
    ];
    expect(pods.map((one) => isCovered(one, "team-a/agent"))).toEqual([false, false, false, false, true]);
  });

  test("an unknown priority leaves with medium and is named", () => {
    expect(plan([pod("typo", { priority: "hihg" })], 119).pods[0]).toMatchObject({
      class: "medium",
      unknownPriority: "hihg",
    });
  });

  test("orders by class, and within a class by who needs the time most", () => {
    const of = plan(
      [
        pod("c", { priority: "high" }),
        pod("a-short"),
        pod("b-long", { graceS: 60 }),
        pod("z", { priority: "low" }),
      ],
      119,
    );
    expect(of.pods.map((one) => one.name)).toEqual(["z", "b-long", "a-short", "c"]);
  });

  test("a pod that is leaving in time is not asked again; on a real notice one that leaves too late is", () => {
    const pods = [pod("soon", { deletedInS: 20 }), pod("late", { deletedInS: 600 })];
    expect(startsOf(plan(pods, 119), NOBODY_GONE).map(({ pod: one }) => one.name)).toEqual(["late"]);
    expect(startsOf(plan(pods, 119, "drill"), NOBODY_GONE)).toEqual([]);
  });

  test("a pod that is not to be moved is kept with its reason, unless its machine really goes", () => {
    const pinned = pod("pinned", { annotations: { [POD_ANNOTATION.safeToEvict]: "false" } });
    for (const kind of ["drill", "request"] as const) {
      const of = plan([pinned, pod("web")], 119, kind);
      expect(of.pods.map(({ name, state }) => [name, state])).toEqual([
        ["pinned", "kept"],
        ["web", "stays"],
      ]);
      expect(of.pods[0]?.kept).toEqual({ reason: "refuses", annotation: POD_ANNOTATION.safeToEvict });
      expect(startsOf(of, NOBODY_GONE).map(({ pod: one }) => one.name)).toEqual(["web"]);
    }
    expect(plan([pinned], 119).pods[0]).toMatchObject({ state: "stays", kept: null });
  });

  test("a pod that is leaving already is not called kept", () => {
    const pinned = pod("pinned", {
      annotations: { [POD_ANNOTATION.doNotDisrupt]: "true" },
      deletedInS: 20,
    });
    expect(plan([pinned], 119, "request").pods[0]).toMatchObject({ state: "leaving", kept: null });
  });

  test("a pod in keep mode is asked at its force time and not before", () => {
    const annotations = { [POD_ANNOTATION.evictionMode]: "keep" };
    const of = plan([pod("ci", { annotations, graceS: 20 })], 119);
    expect(startS(of, "ci")).toBe(114 - 20);
    expect(startS(of, "ci", { ...NOBODY_GONE, low: true })).toBe(114 - 20);
  });

  const anyPod = fc.record({
    priority: fc.constantFrom("low", "medium", "high", "typo", undefined),
    graceS: fc.integer({ min: 0, max: 3600 }),
    volume: fc.boolean(),
    system: fc.boolean(),
  });
  const anyPods = fc.array(anyPod, { minLength: 1, maxLength: 40 }).map((all) =>
    all.map(({ priority, graceS: grace, volume, system }, i) =>
      pod(`pod-${i}`, {
        ...(priority === undefined ? {} : { priority }),
        graceS: grace,
        volume,
        ...(system ? { priorityClass: "system-cluster-critical" } : {}),
      }),
    ),
  );
  const anyKind = fc.constantFrom<DrainKind>("real", "drill", "request");
  const anyNotice = fc.integer({ min: 0, max: 600 });

  test("for any pods: every start lies between the notice and the end, and order costs no pod its grace", () => {
    fc.assert(
      fc.property(anyPods, anyNotice, anyKind, (pods, noticeS, kind) => {
        const of = plan(pods, noticeS, kind);
        for (const { pod: planned, at } of startsOf(of, NOBODY_GONE)) {
          expect(at).toBeGreaterThanOrEqual(SEEN);
          expect(at).toBeLessThanOrEqual(of.window.end);
          // What it would have got at once is what it gets at its start, when its own grace fits at all.
          const own = Math.min(planned.ownGraceMs, planned.end - SEEN);
          if (planned.class !== "low") expect(planned.end - at).toBeGreaterThanOrEqual(own - 1);
        }
      }),
    );
  });

  test("for any pods: grace is at least 2 s and at most what is left, or the floor", () => {
    fc.assert(
      fc.property(
        anyPods,
        anyNotice,
        fc.integer({ min: 0, max: 700 }),
        anyKind,
        (pods, noticeS, atS, kind) => {
          const of = plan(pods, noticeS, kind);
          const at = epochMs(SEEN + atS * 1000);
          for (const planned of of.pods) {
            const grace = graceAt(of.window, planned, at);
            expect(Number.isInteger(grace)).toBe(true);
            expect(grace).toBeGreaterThanOrEqual(2);
            expect(grace).toBeLessThanOrEqual(Math.max(2, (planned.end - at) / 1000));
            if (kind !== "real") expect(grace).toBeLessThanOrEqual(Math.max(2, planned.ownGraceMs / 1000));
          }
        },
      ),
    );
  });

  test("for any pods: force comes between the notice and the end, and only on a machine that goes", () => {
    fc.assert(
      fc.property(anyPods, anyNotice, anyKind, (pods, noticeS, kind) => {
        const of = plan(pods, noticeS, kind);
        for (const planned of of.pods) {
          const { forceAt, end, hookBy } = planned;
          expect(hookBy).toBeGreaterThanOrEqual(SEEN);
          expect(hookBy).toBeLessThanOrEqual(end);
          expect(forceAt === null).toBe(kind !== "real");
          if (forceAt === null) continue;
          expect(forceAt).toBeGreaterThanOrEqual(SEEN);
          expect(forceAt).toBeLessThanOrEqual(end);
          // Who is forced has a part of the time left that is worth a SIGTERM, volumes and all.
          if (end > SEEN)
            expect(end - forceAt).toBeGreaterThanOrEqual(Math.min(5_000, of.window.usableMs / 4) - 1);
        }
      }),
    );
  });

  test("for any pods: the order is total, whatever order they come in", () => {
    fc.assert(
      fc.property(
        anyPods,
        anyNotice,
        fc.array(fc.nat(), { minLength: 40, maxLength: 40 }),
        (pods, noticeS, keys) => {
          const shuffled = pods
            .map((one, i) => ({ one, key: keys[i] ?? 0 }))
            .toSorted((a, b) => a.key - b.key)
            .map(({ one }) => one);
          const names = (of: DrainPlan): readonly string[] => of.pods.map(({ name }) => name);
          expect(names(plan(shuffled, noticeS))).toEqual(names(plan(pods, noticeS)));
        },
      ),
    );
  });

  test.each([
    ["a deadline in the past", { graceS: 30 }, -3_600],
    ["no grace", { graceS: 0 }, 30],
    ["a grace that no clock reaches", { graceS: 2 ** 53 }, 120],
    ["a notice of years", { graceS: 30 }, 2 ** 40],
  ])("is total: %s", (_, options, noticeS) => {
    for (const kind of ["real", "drill", "request"] as const) {
      const pods = Array.from({ length: 200 }, (__, i) => pod(`p-${i}`, { ...options, volume: i % 2 === 0 }));
      const of = plan(pods, noticeS, kind);
      const starts = startsOf(of, NOBODY_GONE);
      expect(starts).toHaveLength(200);
      for (const { pod: planned, at } of starts) {
        expect(at).toBeGreaterThanOrEqual(SEEN);
        expect(at).toBeLessThanOrEqual(of.window.end);
        expect(graceAt(of.window, planned, at)).toBeGreaterThanOrEqual(2);
      }
    }
  });

  test("for any pods with the same grace: a class never starts before the one before it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3600 }), anyNotice, (grace, noticeS) => {
        const of = plan(
          [
            pod("low", { priority: "low", graceS: grace }),
            pod("medium", { graceS: grace }),
            pod("high", { priority: "high", graceS: grace }),
            pod("system", { priorityClass: "system-cluster-critical", graceS: grace }),
          ],
          noticeS,
        );
        const starts = EVICTION_CLASSES.map((name) => startS(of, name));
        expect(starts).toEqual(starts.toSorted((a, b) => a - b));
      }),
    );
  });

  test("for any pods: more time before the deadline never means less grace at the start", () => {
    fc.assert(
      fc.property(anyPods, anyNotice, fc.integer({ min: 1, max: 300 }), (pods, noticeS, moreS) => {
        const [short, long] = [plan(pods, noticeS), plan(pods, noticeS + moreS)];
        // Detaching volumes and the cap on low begin at 45 s: across that line the frame differs, not the rule.
        if (short.window.mode !== long.window.mode) return;
        for (const planned of short.pods) {
          const other = long.pods.find((one) => one.uid === planned.uid);
          if (other === undefined) throw new Error("a pod is missing");
          const before = graceAt(short.window, planned, startOf(short.window, planned, NOBODY_GONE));
          const after = graceAt(long.window, other, startOf(long.window, other, NOBODY_GONE));
          expect(after).toBeGreaterThanOrEqual(before);
        }
      }),
    );
  });

  test("when classes go, starts only move forward", () => {
    const anyGone = fc.record({
      low: fc.boolean(),
      medium: fc.boolean(),
      high: fc.boolean(),
      system: fc.boolean(),
    });
    fc.assert(
      fc.property(anyPods, anyNotice, anyGone, (pods, noticeS, gone: Record<EvictionClass, boolean>) => {
        const of = plan(pods, noticeS);
        for (const planned of of.pods) {
          expect(startOf(of.window, planned, gone)).toBeLessThanOrEqual(
            startOf(of.window, planned, NOBODY_GONE),
          );
        }
      }),
    );
  });
});
