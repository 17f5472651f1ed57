import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { node } from "../../test/build/node.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import { pod, pods } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import type { PolicyOptions } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../test/build/snapshot.ts";
import { EMPTY_MEMORY } from "../decide/snapshot-memory.ts";
import { demandOf } from "./demand.ts";

const ON = { predictive: { mode: "ForecastOnly" } } as const;

function demand(spec: PolicyOptions = {}, options: SnapshotOptions = {}) {
  return demandOf(snapshot({ policies: [policy({ ...ON, ...spec })], ...options }));
}

describe("demandOf()", () => {
  test("adds what pods hold and what waiting pods ask for", () => {
    const [one] = demand(
      {},
      {
        nodes: [node("a"), node("b")],
        pods: [pod("held", { node: "a", gpus: 8 }), pod("waits", { gpus: 4 })],
      },
    );
    expect(one).toMatchObject({ gpus: 12, nodes: 2, gpusPerNode: 8, isCut: false, pools: ["spot"] });
  });

  test.each([
    ["terminates", { terminating: true }],
    ["is of a DaemonSet", { daemon: true }],
    ["is held back by its queue", { waiting: { kind: "gated" } }],
    ["asks for no GPU", { gpus: 0 }],
    ["selects other nodes", { nodeSelector: { team: "web" } }],
    ["stands on a node of nobody", { node: "stranger" }],
  ] as const)("leaves out a pod that %s", (_what, options) => {
    const nodes = [node("stranger", { pool: null })];
    expect(demand({}, { nodes, pods: [pod("p", options)] })[0]).toMatchObject({ gpus: 0 });
  });

  test("does not know what a list that may lack pods leaves out", () => {
    const sync = { kind: "unsynced", missing: ["pods"] } as const;
    expect(demand({}, { sync, pods: pods(2, "p") })[0]).toMatchObject({ gpus: null });
  });

  test.each([
    ["Off", { predictive: { mode: "Off" }, enablePredictiveScaling: true }, 0],
    ["nothing written", { predictive: {} }, 0],
    ["the older switch", { predictive: {}, enablePredictiveScaling: true }, 1],
  ] as const)("looks at a policy whose mode is %s", (_mode, spec, count) => {
    expect(demand(spec)).toHaveLength(count);
  });

  test("tells kinds of GPU apart, by what the pod asks for and where it stands", () => {
    const taint = { key: "t4", value: "true", effect: "NoSchedule" } as const;
    const pools = [
      pool("big", { fields: { gpuType: "A100" } }),
      pool("small", { fields: { gpuType: "nvidia-tesla-t4" }, taints: [taint] }),
    ];
    const tolerations = [{ key: "t4", operator: "Exists" }] as const;
    const wants = (name: string, gpuModel: string) => ({ ...pod(name, { tolerations }), gpuModel });
    const found = demand(
      { pools },
      {
        nodes: [node("n", { pool: "small" })],
        pods: [
          pod("on-small", { node: "n", gpus: 2 }),
          wants("t4", "nvidia-tesla-t4"),
          wants("a100", "A100-SXM4-40GB"),
          pod("anything", { gpus: 4 }),
        ],
      },
    );
    expect(found.map(({ gpuType, gpus }) => [gpuType, gpus])).toEqual([
      ["A100", 5],
      ["T4", 3],
    ]);
  });

  test("is cut where pods wait and nothing can grow", () => {
    const waits = { pods: pods(3, "p", { gpus: 8 }), nodes: [node("a"), node("b")] };
    const full = { pools: [pool("spot", { maxSize: 2 })] };
    expect(demand({}, waits)[0]).toMatchObject({ isCut: false });
    expect(demand(full, waits)[0]).toMatchObject({ isCut: true });
    expect(demand({ maxNodes: 2 }, waits)[0]).toMatchObject({ isCut: true });
    expect(demand(full, { nodes: waits.nodes })[0]).toMatchObject({ isCut: false });
    const offering = {
      offering: "pool/spot",
      kind: "no-capacity" as const,
      failures: 1,
      lastAt: epochMs(NOW - MINUTE),
      until: epochMs(NOW + MINUTE),
      detail: "",
    };
    expect(demand({ journal: { offerings: [offering] } }, waits)[0]).toMatchObject({ isCut: true });
  });

  test("a start takes what its stages took in nine of ten cases, of the slowest pool", () => {
    const stages = (ready: number) => ({
      asked: [],
      machines: [],
      stageMs: { accepted: [1_000], registered: [60_000, 90_000], ready: [ready], "first-pod": [7_000] },
    });
    const memory = {
      ...EMPTY_MEMORY,
      ledger: { "demo/a": stages(30_000), "demo/b": stages(200_000) },
    };
    const pools = [pool("a"), pool("b")];
    expect(demand({ pools }, { memory })[0]).toMatchObject({ startMs: 291_000 });
    expect(demand({ pools })[0]).toMatchObject({ startMs: null });
  });
});
