import { describe, expect, test } from "vitest";

import type { Fact, LedgerEntry } from "../../coordinator/replay/world-core.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { Evidence } from "./evidence.ts";
import { figureRows, figuresOf } from "./figures.ts";

const at = (s: number, fact: Fact): LedgerEntry => ({ at: epochMs(s * 1000), ...fact });
const pod = (uid: string) => ({ namespace: "default", pod: `pod-${uid}`, uid });

function started(job: string, gpus: number, arrivedS: number, startedS: number): readonly LedgerEntry[] {
  return [
    at(arrivedS, { kind: "job-submitted", job, gpus, workers: 1, durationMs: 1000 }),
    at(arrivedS, { kind: "pod-created", ...pod(job), owner: `Job/${job}`, gpus, evictionPriority: null }),
    at(startedS, { kind: "pod-started", ...pod(job), node: "spot-1" }),
  ];
}

function evidence(...ledger: readonly LedgerEntry[]): Evidence {
  return {
    startedAt: epochMs(0),
    endedAt: epochMs(60_000),
    ledger,
    limits: { pools: [], maxNodes: 12, addedInTenMinutes: 60, emptyMs: 5000, idleMs: 10_000 },
    drill: null,
    natsAway: [],
    agents: {},
    nodes: [],
    pods: [],
    machines: [],
    gpusPerNode: 8,
  };
}

describe("figuresOf()", () => {
  test("waits are those of jobs with GPUs: the script's companions do not make them look short", () => {
    const figures = figuresOf(
      evidence(
        ...started("a", 1, 0, 6),
        ...started("b", 8, 0, 8),
        ...["x", "y", "z"].flatMap((id) => started(id, 0, 20, 20.3)),
      ),
    );
    expect([figures.waitP50S, figures.waitP95S]).toEqual([6, 8]);
  });

  test("a drained node is timed by its last pod, one that never started included", () => {
    const drill = {
      node: "spot-1",
      pool: "spot",
      at: epochMs(30_000),
      deadline: epochMs(90_000),
      pods: ["a", "b"],
    };
    const exited = at(33, {
      kind: "pod-exited",
      ...pod("a"),
      node: "spot-1",
      why: "clean",
      ranMs: 1,
      keptMs: 1,
      warnedMs: 1,
    });
    const removed = at(34, { kind: "pod-removed", ...pod("b"), node: "spot-1" });
    expect(figuresOf({ ...evidence(exited, removed), drill }).noticeToDrainedS).toBe(4);
    expect(figuresOf({ ...evidence(exited), drill }).noticeToDrainedS).toBeNull();
  });

  test("what did not happen is a dash and not a zero", () => {
    const rows = new Map(figureRows(figuresOf(evidence())));
    expect(rows.get("wait p50")).toBe("–");
    expect(rows.get("notice → first eviction")).toBe("–");
  });
});
