import { describe, expect, test } from "vitest";

import type { Fact, LedgerEntry } from "../../coordinator/replay/world-core.ts";
import { epochMs } from "../../shared/model/units.ts";
import { CHECKS, runChecks } from "./checks.ts";
import type { CheckName } from "./checks.ts";
import type { Evidence } from "./evidence.ts";

const at = (s: number, fact: Fact): LedgerEntry => ({ at: epochMs(s * 1000), ...fact });
const pod = (uid: string) => ({ namespace: "default", pod: `pod-${uid}`, uid });

/** A pod's way: created, scheduled, started on a node, evicted with 10 s and ended 2 s later by itself. */
function life(uid: string, priority: string, evictedAt: number): readonly LedgerEntry[] {
  return [
    at(1, { kind: "pod-created", ...pod(uid), owner: `Job/${uid}`, gpus: 1, evictionPriority: priority }),
    at(2, { kind: "pod-scheduled", ...pod(uid), node: "spot-1" }),
    at(3, { kind: "pod-started", ...pod(uid), node: "spot-1" }),
    at(evictedAt, {
      kind: "pod-evicted",
      ...pod(uid),
      node: "spot-1",
      evictionPriority: priority,
      graceMs: 10_000,
    }),
    at(evictedAt, {
      kind: "pod-stopping",
      ...pod(uid),
      node: "spot-1",
      graceMs: 10_000,
      killAt: epochMs((evictedAt + 10) * 1000),
    }),
    at(evictedAt + 2, {
      kind: "pod-exited",
      ...pod(uid),
      node: "spot-1",
      why: "clean",
      ranMs: 0,
      keptMs: 0,
      warnedMs: 2000,
    }),
    at(evictedAt + 2, { kind: "pod-removed", ...pod(uid), node: "spot-1" }),
  ];
}

/** A drill at 30 s that went as it should: all checks hold. */
function good(): Evidence {
  const ledger = [
    at(0, { kind: "size-changed", pool: "spot", from: 0, to: 2 }),
    at(1, { kind: "machine-joined", pool: "spot", machine: "m1", node: "spot-1" }),
    at(1, { kind: "node-added", node: "spot-1", pool: "spot" }),
    at(1, { kind: "machine-joined", pool: "spot", machine: "m2", node: "spot-2" }),
    at(1, { kind: "node-added", node: "spot-2", pool: "spot" }),
    ...life("a", "low", 30.5),
    ...life("b", "medium", 31),
    ...life("c", "high", 35),
    at(30.4, { kind: "size-changed", pool: "on-demand", from: 0, to: 1 }),
    at(50, { kind: "size-changed", pool: "spot", from: 2, to: 1 }),
    at(50, { kind: "machine-deleting", pool: "spot", machine: "m2", chosen: "annotated" }),
    at(51, { kind: "node-removed", node: "spot-2" }),
  ];
  return {
    startedAt: epochMs(0),
    endedAt: epochMs(100_000),
    ledger: ledger.toSorted((one, other) => one.at - other.at),
    limits: {
      pools: [
        { name: "spot", min: 0, max: 8 },
        { name: "on-demand", min: 0, max: 4 },
      ],
      maxNodes: 12,
      addedInTenMinutes: 60,
      emptyMs: 5000,
      idleMs: 10_000,
    },
    drill: {
      node: "spot-1",
      pool: "spot",
      at: epochMs(30_000),
      deadline: epochMs(90_000),
      pods: ["a", "b", "c"],
    },
    natsAway: [],
    agents: { "spot-2": [{ from: epochMs(2000), to: null }] },
    nodes: [{ metadata: { name: "spot-1" } }],
    pods: [],
    machines: [{ metadata: { name: "m1" }, status: { nodeRef: { name: "spot-1" } } }],
    gpusPerNode: 8,
  };
}

function failing(evidence: Evidence): readonly CheckName[] {
  return runChecks(evidence)
    .filter((check) => !check.held)
    .map((check) => check.name);
}

const without = (evidence: Evidence, drop: (entry: LedgerEntry) => boolean): Evidence => ({
  ...evidence,
  ledger: evidence.ledger.filter((entry) => !drop(entry)),
});
const withFacts = (evidence: Evidence, ...facts: readonly LedgerEntry[]): Evidence => ({
  ...evidence,
  ledger: [...evidence.ledger, ...facts],
});

describe("runChecks()", () => {
  test("holds all of them on a run that went as it should", () => {
    expect(runChecks(good()).filter((check) => !check.held)).toEqual([]);
    expect(runChecks(good()).map((check) => check.name)).toEqual(CHECKS);
  });

  test("placed fails when a pod never started", () => {
    const waiting = at(40, {
      kind: "pod-created",
      ...pod("z"),
      owner: "Job/z",
      gpus: 1,
      evictionPriority: null,
    });
    expect(failing(withFacts(good(), waiting))).toEqual(["placed"]);
  });

  test("placed fails when a job of two workers ran one", () => {
    const job = at(1, { kind: "job-submitted", job: "a", gpus: 2, workers: 2, durationMs: 1000 });
    expect(failing(withFacts(good(), job))).toEqual(["placed"]);
  });

  test.each<[string, Evidence]>([
    [
      "a high pod left before a medium one",
      {
        ...good(),
        ledger: good()
          .ledger.map((entry) =>
            entry.kind === "pod-evicted" && entry.uid === "c" ? { ...entry, at: epochMs(30_100) } : entry,
          )
          .toSorted((a, b) => a.at - b.at),
      },
    ],
    ["a class was not there", without(good(), (entry) => "uid" in entry && entry.uid === "b")],
    [
      "a pod was deleted without an eviction",
      without(good(), (entry) => entry.kind === "pod-evicted" && entry.uid === "c"),
    ],
    [
      "a pod was killed",
      {
        ...good(),
        ledger: good().ledger.map((entry) =>
          entry.kind === "pod-exited" && entry.uid === "a" ? { ...entry, why: "killed" } : entry,
        ),
      },
    ],
    [
      "a pod is still there",
      without(
        good(),
        (entry) => (entry.kind === "pod-exited" || entry.kind === "pod-removed") && entry.uid === "c",
      ),
    ],
    [
      "a pod was given more than the notice has",
      {
        ...good(),
        ledger: good().ledger.map((entry) =>
          entry.kind === "pod-stopping" ? { ...entry, killAt: epochMs(91_000) } : entry,
        ),
      },
    ],
  ])("order fails when %s", (_, evidence) => {
    expect(failing(evidence)).toContain("order");
  });

  test("order holds when a pod was evicted before it had started, and so has no exit", () => {
    const early = good();
    const ledger = life("d", "medium", 31).filter(
      (entry) => entry.kind !== "pod-started" && entry.kind !== "pod-exited",
    );
    const drill = early.drill === null ? null : { ...early.drill, pods: [...early.drill.pods, "d"] };
    const merged = [...early.ledger, ...ledger].toSorted((one, other) => one.at - other.at);
    expect(failing({ ...early, drill, ledger: merged })).toEqual([]);
  });

  test.each<[string, LedgerEntry]>([
    ["a pool above its maximum", at(60, { kind: "size-changed", pool: "on-demand", from: 1, to: 5 })],
    ["a pool below its minimum", at(60, { kind: "size-changed", pool: "spot", from: 1, to: -1 })],
    ["an unknown pool", at(60, { kind: "size-changed", pool: "other", from: 0, to: 1 })],
  ])("limits fails on %s", (_, fact) => {
    expect(failing(withFacts(good(), fact))).toEqual(["limits"]);
  });

  test("limits fails on growth faster than the rate", () => {
    const fast = good();
    expect(failing({ ...fast, limits: { ...fast.limits, addedInTenMinutes: 2 } })).toEqual(["limits"]);
  });

  test("stale fails when a busy node went without a live agent, and only then", () => {
    const busy = at(20, { kind: "pod-scheduled", ...pod("x"), node: "spot-2" });
    expect(failing(withFacts(good(), busy))).toEqual([]);
    expect(failing({ ...withFacts(good(), busy), agents: {} })).toEqual(["stale"]);
    expect(
      failing({ ...withFacts(good(), busy), natsAway: [{ from: epochMs(40_000), to: epochMs(45_000) }] }),
    ).toEqual(["stale"]);
  });

  test("stale takes a pod that was removed before it started for gone", () => {
    const passing = [
      at(20, { kind: "pod-scheduled", ...pod("x"), node: "spot-2" }),
      at(21, { kind: "pod-removed", ...pod("x"), node: "spot-2" }),
    ];
    expect(failing({ ...withFacts(good(), ...passing), agents: {} })).toEqual([]);
  });

  test("stale lets an empty node go whatever its agent says", () => {
    expect(failing({ ...good(), agents: {} })).toEqual([]);
  });

  test.each<[string, Partial<Evidence>]>([
    ["a cordon", { nodes: [{ metadata: { name: "n" }, spec: { unschedulable: true } }] }],
    [
      "a taint",
      {
        nodes: [
          {
            metadata: { name: "n" },
            spec: { taints: [{ key: "gpu-autoscaler.io/scale-down", effect: "NoSchedule" }] },
          },
        ],
      },
    ],
    [
      "a drain request",
      { nodes: [{ metadata: { name: "n", annotations: { "gpu-autoscaler.io/drain-request": "{}" } } }] },
    ],
    ["a machine without a node", { machines: [{ metadata: { name: "m" } }] }],
    [
      "a machine in deletion",
      { machines: [{ metadata: { name: "m", deletionTimestamp: "x" }, status: { nodeRef: { name: "n" } } }] },
    ],
    [
      "a marked machine",
      {
        machines: [
          {
            metadata: { name: "m", annotations: { "cluster.x-k8s.io/delete-machine": "x" } },
            status: { nodeRef: { name: "n" } },
          },
        ],
      },
    ],
  ])("orphans fails on %s left behind", (_, change) => {
    expect(failing({ ...good(), ...change })).toEqual(["orphans"]);
  });

  test.each<[string, Evidence]>([
    [
      "late",
      {
        ...good(),
        ledger: good().ledger.map((entry) =>
          entry.kind === "size-changed" && entry.pool === "on-demand"
            ? { ...entry, at: epochMs(31_200) }
            : entry,
        ),
      },
    ],
    ["never", without(good(), (entry) => entry.kind === "size-changed" && entry.pool === "on-demand")],
  ])("replaced fails when the replacement was asked for %s", (_, evidence) => {
    expect(failing(evidence)).toEqual(["replaced"]);
  });

  test("a run without a drill holds neither order nor replaced", () => {
    expect(failing({ ...good(), drill: null })).toEqual(["order", "replaced"]);
  });
});
