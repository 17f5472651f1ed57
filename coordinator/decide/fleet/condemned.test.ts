import { describe, expect, test } from "vitest";

import type { Reason } from "../../../shared/model/reasons.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import type { NodeOptions } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { comingTo, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { notice, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { NodeMemory } from "../snapshot-memory.ts";
import type { InstanceInput, NodeInput } from "../snapshot.ts";
import { condemnedOf, healthOf } from "./condemned.ts";
import { assemble } from "./fleet.ts";

const REPLACE: PolicyOptions = { health: { replace: "Replace", maxUnhealthyPercent: 20 } };

interface Scene extends Omit<SnapshotOptions, "memory" | "policies"> {
  readonly spec?: PolicyOptions;
  readonly pool?: PoolOptions;
  readonly remembered?: Readonly<Record<string, Partial<NodeMemory>>>;
}

function health({ spec = REPLACE, pool: of = {}, remembered = {}, ...options }: Scene) {
  const nodes = Object.fromEntries(
    Object.entries(remembered).map(([name, more]) => [
      name,
      { idleSince: null, lastReportAt: null, emptySince: null, ...more },
    ]),
  );
  const taken = snapshot({
    ...options,
    policies: [policy({ ...spec, pools: [pool("spot", of)] })],
    memory: { ...EMPTY_MEMORY, nodes },
  });
  const found = healthOf(assemble(taken), taken);
  return {
    condemned: Object.fromEntries([...found.condemned].map(([name, { code }]) => [name, code])),
    instances: Object.fromEntries([...found.instances].map(([id, { code }]) => [id, code])),
    notes: [...found.notes].flatMap(([, reasons]) => reasons),
  };
}

const healthy = (count: number) => Array.from({ length: count }, (_, index) => node(`ok-${index}`));
const down = (name: string, forMs: number, options: NodeOptions = {}): NodeInput => ({
  ...node(name, { ready: "not-ready", ...options }),
  readyChangedAt: epochMs(NOW - forMs),
});
const ill = (name: string, options: NodeOptions = {}): NodeInput => ({
  ...node(name, options),
  gpuHealth: { verdict: "ill", since: epochMs(NOW - 5 * MINUTE), detail: "XID 79" },
});
const coming = { comingSince: epochMs(NOW - 40 * MINUTE) };

describe("a node is condemned", () => {
  test("when it is not Ready for ten minutes", () => {
    expect(health({ nodes: [down("n1", 10 * MINUTE)] }).condemned).toEqual({ n1: "node-not-ready" });
    expect(health({ nodes: [down("n1", 10 * MINUTE - 1)] }).condemned).toEqual({});
  });

  test("not when nobody knows since when", () => {
    expect(health({ nodes: [node("n1", { ready: "unknown" })] }).condemned).toEqual({});
    const remembered = { n1: { downSince: epochMs(NOW - 11 * MINUTE) } };
    expect(health({ nodes: [node("n1", { ready: "unknown" })], remembered }).condemned).toEqual({
      n1: "node-not-ready",
    });
  });

  test("when its agent calls its GPUs ill, and not when it does not know", () => {
    expect(health({ nodes: [ill("n1")] }).condemned).toEqual({ n1: "gpu-unhealthy" });
    const unknown: NodeInput = {
      ...node("n1"),
      gpuHealth: { verdict: "unknown", since: epochMs(NOW), detail: "no report" },
    };
    expect(health({ nodes: [unknown] }).condemned).toEqual({});
  });

  test("when its GPUs are gone for as long as new ones may take", () => {
    const scene = (agoMs: number) =>
      health({
        nodes: [node("n1", { gpus: 0 })],
        remembered: { n1: { downSince: epochMs(NOW - agoMs) } },
      }).condemned;
    expect(scene(15 * MINUTE)).toEqual({});
    expect(scene(15 * MINUTE + 1)).toEqual({ n1: "gpu-missing" });
  });

  test("not while it is on its way out already", () => {
    const nodes = [ill("n1"), down("n2", 20 * MINUTE, { drainRequest: { kind: "malformed", why: "x" } })];
    expect(health({ nodes: [...nodes, ...healthy(20)], notices: [notice("n1")] }).condemned).toEqual({});
  });

  test("not while a list is incomplete", () => {
    const sync = { kind: "unsynced", missing: ["nodes"] } as const;
    expect(health({ nodes: [ill("n1")], sync }).condemned).toEqual({});
  });

  test("not by a policy that is switched off", () => {
    expect(health({ nodes: [ill("n1")], spec: { ...REPLACE, enabled: false } }).condemned).toEqual({});
  });
});

describe("health.replace Report", () => {
  test("only tells of nodes that fall ill", () => {
    const scene = health({ nodes: [ill("n1")], spec: {} });
    expect(scene).toMatchObject({
      condemned: {},
      notes: [{ code: "health-report-only", node: "n1", detail: "XID 79" }],
    });
  });

  test("and replaces all the same what never came to work", () => {
    const spec = { health: { replace: "Report", maxUnhealthyPercent: 20 } } as const;
    const nodes = [node("blind", { gpus: 0, ageMs: 40 * MINUTE }), ...healthy(20)];
    expect(health({ nodes, spec, remembered: { blind: coming } }).condemned).toEqual({
      blind: "gpu-missing",
    });
    const late = [node("late", { ready: "not-ready", ageMs: 40 * MINUTE }), ...healthy(20)];
    expect(health({ nodes: late, spec, remembered: { late: coming } }).condemned).toEqual({
      late: "never-registered",
    });
  });

  test("members of the group that never became a node go by their own name", () => {
    const instances = [
      ...comingTo(1, { createdAt: epochMs(NOW - 16 * MINUTE) }),
      ...healthy(5).map(({ name }) => ({ id: `i-${name}`, node: name, state: "ready" as const })),
    ];
    const scene = health({ nodes: healthy(5), pool: { size: 6, instances }, spec: {} });
    expect(scene).toMatchObject({ condemned: {}, instances: { "i-coming-0": "never-registered" } });
  });
});

describe("a member without a node", () => {
  const old = { createdAt: epochMs(NOW - 16 * MINUTE) };
  const failed = (id: string, named: string | null = null): InstanceInput => ({
    id,
    node: named,
    state: "failed",
    failure: { kind: "no-capacity", detail: "none left" },
  });
  const ready = (name: string): InstanceInput => ({ id: `i-${name}`, node: name, state: "ready" });

  test("goes when its group says that it failed, since it would hold its place for ever", () => {
    const instances = [ready("ok-0"), failed("f-1"), failed("f-2", "gone")];
    const scene = health({ nodes: healthy(1), pool: { size: 3, instances }, spec: {} });
    expect(scene).toEqual({
      condemned: {},
      instances: { "f-1": "machine-failed", "f-2": "machine-failed" },
      notes: [],
    });
  });

  test("is no sign of a fault that nodes have, so all of them go", () => {
    const scene = health({ pool: { size: 3, instances: comingTo(3, old) }, spec: {} });
    expect(Object.keys(scene.instances)).toHaveLength(3);
    expect(scene.notes).toEqual([]);
  });

  test.each<[string, readonly InstanceInput[]]>([
    ["late", comingTo(1, old)],
    ["failed", [failed("f-1")]],
  ])("is kept when it is %s and a node that works is named by none", (_case, others) => {
    const instances = [ready("ok-0"), ready("ok-1"), ...others];
    const nodes = [...healthy(2), node("young", { ageMs: 14 * MINUTE })];
    const scene = health({ nodes, pool: { size: 3, instances } });
    expect(scene).toEqual({ condemned: {}, instances: {}, notes: [] });
  });

  test.each<[string, readonly InstanceInput[]]>([
    ["late", comingTo(1, old)],
    ["failed", [failed("f-1")]],
  ])("is kept when it is %s and its group is about to replace one itself", (_case, others) => {
    const instances = [ready("ok-0"), ready("ok-1"), ...others];
    const scene = health({ nodes: healthy(2), pool: { size: 2, instances } });
    expect(scene).toEqual({ condemned: {}, instances: {}, notes: [] });
  });

  test("is left to the rules for nodes while its node is here", () => {
    const scene = health({ nodes: healthy(1), pool: { size: 1, instances: [failed("f-1", "ok-0")] } });
    expect(scene).toEqual({ condemned: {}, instances: {}, notes: [] });
  });
});

describe("the breaker", () => {
  const some = (count: number) => Array.from({ length: count }, (_, index) => ill(`ill-${index}`));

  test("keeps all when more than the share are ill: the fault lies elsewhere", () => {
    expect(Object.keys(health({ nodes: [...some(2), ...healthy(8)] }).condemned)).toHaveLength(2);
    const scene = health({ nodes: [...some(3), ...healthy(8)] });
    expect(scene).toMatchObject({
      condemned: {},
      notes: [{ code: "too-many-unhealthy", unhealthy: 3, nodes: 11, percent: 20 }],
    });
  });

  test("one of a small pool is no such sign", () => {
    expect(health({ nodes: [ill("n1")] }).condemned).toEqual({ n1: "gpu-unhealthy" });
  });
});

describe("condemnedOf()", () => {
  test("calls a node that is both ill and under a hint ill", () => {
    const sick: Reason = { code: "node-not-ready", node: "n1", forMs: millis(MINUTE) };
    const hinted = (name: string): Reason => ({
      code: "rebalance",
      node: name,
      source: "aws",
      forMs: millis(MINUTE),
    });
    const found = condemnedOf(
      { condemned: new Map([["n1", sick]]), instances: new Map(), notes: new Map() },
      {
        condemned: new Map([
          ["n1", hinted("n1")],
          ["n2", hinted("n2")],
        ]),
      },
    );
    expect(Object.fromEntries(found)).toEqual({ n1: sick, n2: hinted("n2") });
  });
});
