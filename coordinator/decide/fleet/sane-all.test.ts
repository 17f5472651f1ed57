// One part of a full snapshot is replaced by what it cannot be, wherever it may stand: whoever decides and whoever
// explains answers all the same, and no pool goes without an answer.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { drainState, node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { daemonSet, pod } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { memory, notice, snapshot } from "../../../test/build/snapshot.ts";
import { sentence } from "../../report/explain.ts";
import { createExplainer } from "../answer/explain.ts";
import { decide, decideInFull } from "../decide.ts";
import type { Snapshot } from "../snapshot.ts";

const ago = (ms: number) => epochMs(NOW - ms);
const TERM = {
  topologyKey: "kubernetes.io/hostname",
  selector: { matchLabels: { app: "a" }, matchExpressions: [{ key: "k", operator: "Exists" }] },
  namespaces: ["default"],
  namespaceSelector: {},
} as const;
const NODE_TERM = { labels: [{ key: "zone", operator: "In", values: ["a"] }], names: [] } as const;
const SPREAD = {
  topologyKey: "zone",
  maxSkew: 1,
  minDomains: 1,
  selector: { matchLabels: { app: "a" } },
  nodeAffinityPolicy: "Honor",
  nodeTaintsPolicy: "Ignore",
} as const;

/** Everything that a snapshot can have, each thing once. */
const PLAIN: Snapshot = {
  ...snapshot({
    policies: [
      policy({
        pools: [
          pool("spot"),
          pool("od", {
            capacityType: "on-demand",
            instances: [
              { id: "i-1", node: null, state: "booting", createdAt: ago(MINUTE), zone: "zone-a" },
              { id: "i-2", node: null, state: "failed", failure: { kind: "no-capacity", detail: "none" } },
              { id: "i-3", node: null, state: "failed", placeholder: true },
            ],
            group: {
              kind: "known",
              size: 3,
              chosenRemoval: true,
              min: 1,
              max: 9,
              growsItself: false,
              detaches: true,
              replacesLeaving: false,
            },
            fields: { instanceTypes: ["p3.2xlarge"], availabilityZones: ["us-west-2a"] },
          }),
        ],
        headroom: [{ name: "kept", gpus: 1 }],
        schedules: [
          { name: "day", timeZone: "Europe/Berlin", start: "0 8 * * *", durationSeconds: 7200, minNodes: 1 },
        ],
        behavior: { scaleUp: {}, scaleDown: {} },
        forecast: { gpus: 3, at: epochMs(NOW + MINUTE), confidence: 0.9, earned: true } as never,
        journal: {
          moves: [
            move(NOW, { kind: "shrink", pool: "spot", node: "n0", from: 2, to: 1 }),
            move(NOW, {
              pool: "spot",
              phase: "failed",
              failure: "quota",
              why: "pending-pods",
              key: "k",
              term: 3,
            }),
          ],
          lastUpAt: { spot: ago(MINUTE) },
          lastDownAt: { spot: ago(MINUTE) },
          additions: [{ at: ago(MINUTE), nodes: 1 }],
          removals: [{ at: ago(MINUTE), nodes: 1 }],
          offerings: [
            {
              offering: "p3.2xlarge|*|on-demand",
              kind: "no-capacity",
              failures: 1,
              lastAt: ago(MINUTE),
              until: epochMs(NOW + MINUTE),
              detail: "",
            },
          ],
        },
      }),
    ],
    nodes: [
      node("n0", { telemetry: reported() }),
      {
        ...node("n1", { telemetry: reported({ mean: 0.9 }), drainState: drainState() }),
        capacity: { cpu: 100_000, "nvidia.com/gpu": 8 },
        readyChangedAt: ago(60 * MINUTE),
        gpuHealth: { verdict: "ill", since: ago(MINUTE), detail: "XID 79" },
        volumeLimits: { driver: 3 },
      },
      node("n2", { pool: "od", taints: [{ key: "a", value: "b", effect: "NoSchedule" }] }),
    ],
    pods: [
      {
        ...pod("full", { tolerations: [{ key: "a", operator: "Exists" }], nodeSelector: { zone: "a" } }),
        labels: { app: "a" },
        nodeTerms: [NODE_TERM],
        podAffinity: [TERM],
        podAntiAffinity: [TERM],
        spread: [SPREAD],
        hostPorts: [{ ip: "0.0.0.0", protocol: "TCP", port: 80 }],
        volumes: [{ kind: "bound", claim: "c", nodeTerms: [NODE_TERM], driver: "driver" }],
        gang: { id: "g", minimum: 2, source: "PodGroup" },
      },
      { ...pod("mate"), gang: { id: "g", minimum: 2, source: "PodGroup" } },
      pod("alone"),
      pod("runs", { node: "n0" }),
      pod("ends", { node: "n1", terminating: true }),
      pod("daemon", { node: "n0", daemon: true }),
    ],
    budgets: [{ key: "default/b", disruptionsAllowed: 1, pods: ["default/runs"], alwaysAllowsUnready: true }],
    notices: [
      notice("n2", {
        survived: true,
        machine: { cloud: "aws", instanceType: "p3.2xlarge", zoneId: "usw2-az1", lifecycle: "spot" },
        checkpoints: [{ pod: "default/runs", result: "saved", tookMs: 9, step: 7, uri: "s3://b/7" }],
      }),
      notice("n0", { id: "hint", kind: "maintenance", action: "Freeze", endsMachine: true }),
    ],
    memory: {
      ...memory({ n0: { idleMs: 60 * MINUTE, emptyMs: MINUTE } }),
      hotSince: { demo: ago(MINUTE) },
      launches: { "demo/spot": { missing: 1, since: ago(MINUTE) } },
      bootMs: { "demo/spot": [60_000, 70_000] },
      risk: {
        "aws/us-west-2/p3.2xlarge|*|spot": {
          nodeDays: 1,
          interruptions: 1,
          at: ago(MINUTE),
          zoneId: "usw2-az1",
        },
      },
      rebalanced: { "demo/spot": { n1: ago(MINUTE) } },
      openHints: { hint: { node: "n0", pool: "demo/spot", since: ago(MINUTE), settled: false } },
      hintRecord: { "demo/spot": { followed: 1, spared: 2, at: ago(MINUTE) } },
      countedNotices: { old: ago(MINUTE) },
      lessSpot: { demo: epochMs(NOW + MINUTE) },
      failedSince: { "demo/od/i-2": ago(MINUTE) },
      ledger: {
        "demo/spot": {
          asked: [{ key: "k", intendedAt: ago(MINUTE), seen: 1 }],
          machines: [
            {
              id: "i-n0",
              intendedAt: ago(MINUTE),
              acceptedAt: ago(MINUTE),
              launchedAt: ago(MINUTE),
              registeredAt: ago(MINUTE),
              readyAt: ago(MINUTE),
              forPods: true,
            },
          ],
          stageMs: { accepted: [1, 2], total: [9] },
        },
      },
      behavior: {
        "demo/spot": {
          recommendations: [{ at: ago(MINUTE), nodes: 3 }],
          ups: [{ at: ago(MINUTE), nodes: 1 }],
          downs: [{ at: ago(MINUTE), nodes: 1 }],
          exempt: { key: 1 },
        },
      },
      leftOut: ["default/alone"],
      shapes: {
        "demo/spot": {
          allocatable: { cpu: 96_000, pods: 110, "nvidia.com/gpu": 8 },
          labels: { zone: "a" },
          taints: [{ key: "a", effect: "NoSchedule" }],
          overhead: { cpu: 10 },
          daemons: { "uid-d": { cpu: 10 } },
          capacity: { cpu: 97_000 },
          volumeLimits: { driver: 3 },
        },
      },
    },
    prices: [
      {
        provider: "aws",
        region: "us-west-2",
        zone: "us-west-2a",
        instanceType: "p3.2xlarge",
        tier: "on-demand",
        usdPerHour: 3,
        source: "test",
        at: ago(MINUTE),
      },
    ],
    daemons: [daemonSet("d", { tolerations: [{ operator: "Exists" }] })],
  }),
  namespaces: { default: { team: "a" } },
  workUnits: 100_000,
};

/** What groups say of themselves, which the snapshots of tests have no word for. */
const TOLD = {
  template: {
    instanceTypes: ["p3.2xlarge"],
    labels: { disk: "nvme" },
    taints: [{ key: "a", value: "b", effect: "NoSchedule" }],
    allocatable: { "nvidia.com/gpu": 1 },
  },
  mismatches: ["it has two names"],
} as const;

const FULL: Snapshot = {
  ...PLAIN,
  policies: PLAIN.policies.map((each) =>
    each.kind === "valid" ? { ...each, pools: each.pools.map((one) => ({ ...one, ...TOLD })) } : each,
  ),
};

type Path = readonly (string | number)[];

function pathsIn(value: unknown, path: Path = []): readonly Path[] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, part]) => pathsIn(part, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}

const ABSENT = Symbol("absent");

function withPart(value: unknown, [key, ...path]: Path, part: unknown): unknown {
  if (key === undefined) return part;
  if (Array.isArray(value)) {
    const at = Number(key);
    const made = withPart(value[at], path, part);
    return made === ABSENT ? value.toSpliced(at, 1) : value.with(at, made);
  }
  const { [key]: before, ...rest } = value as Record<string, unknown>;
  const made = withPart(before, path, part);
  return made === ABSENT ? rest : { ...rest, [key]: made };
}

const ODD: readonly unknown[] = [
  ABSENT,
  null,
  Number.NaN,
  -1,
  1e300,
  Infinity,
  0.5,
  "x",
  "",
  true,
  [],
  {},
  [null],
  { a: null },
];

/** Problems of a policy quote what is wrong with it. */
const QUOTES: ReadonlySet<string> = new Set(["policy-invalid"]);

describe("any part of a snapshot that cannot be read", () => {
  test("is no exception, and every pool and every question has its answer", () => {
    fc.assert(
      fc.property(fc.constantFrom(...pathsIn(FULL)), fc.constantFrom(...ODD), (path, part) => {
        const strange = withPart(FULL, path, part) as Snapshot;
        const full = decideInFull(strange);
        const { moves, holds, unplaced } = full.plan;
        for (const { because } of [...moves, ...holds, ...unplaced])
          for (const reason of because)
            if (!QUOTES.has(reason.code)) expect(sentence(reason)).not.toMatch(/undefined|NaN|\[object/);

        const explain = createExplainer(full);
        explain.waiting();
        for (const name of ["n0", "n1", "n2"]) explain.node(name);
        for (const name of ["spot", "od"]) explain.pool("demo", name);
        if (path[0] === "policies") return;
        const answered = new Set([...moves, ...holds].map((entry) => entry.pool));
        expect(answered).toEqual(new Set(["spot", "od"]));
      }),
      { numRuns: 600, verbose: 1 },
    );
  });

  test("is no exception where there is no snapshot at all", () => {
    for (const odd of [null, undefined, 7, "x", [], {}, { at: NOW }, { policies: [{ name: "p" }] }])
      expect(() => decide(odd as unknown as Snapshot)).not.toThrow();
  });
});

describe("a list with a hole in it", () => {
  const codes = (input: unknown) =>
    decide(input as Snapshot).plan.holds.map(({ pool: name, because }) => [
      name,
      because[0]?.code === "not-synced" ? because[0].missing : null,
    ]);

  test.each(["nodes", "pods", "budgets", "notices"] as const)("is not complete: %s", (list) => {
    const holed = { ...FULL, [list]: [...FULL[list], null] };
    const hole = `entry ${FULL[list].length + 1} of ${list}`;
    expect(codes(holed)).toEqual([
      ["spot", [hole]],
      ["od", [hole]],
    ]);
    const { [list]: _, ...without } = FULL;
    expect(codes(without)).toEqual([
      ["spot", [list]],
      ["od", [list]],
    ]);
    expect(decide(holed as Snapshot).plan.moves).toEqual([]);
  });

  test("of pods is one whose node is not known: some node may not be empty", () => {
    const pods = FULL.pods.map((each) => (each.key === "default/runs" ? { ...each, node: 7 } : each));
    expect(codes({ ...FULL, pods })[0]).toEqual(["spot", ["entry 4 of pods"]]);
  });
});
