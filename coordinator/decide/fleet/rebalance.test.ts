import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, notice, replaces, shrinks, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { NoticeInput } from "../snapshot.ts";
import { REBALANCE_COOLDOWN_MS } from "./rebalance.ts";

interface Options extends Omit<SnapshotOptions, "policies" | "memory" | "notices"> {
  readonly spec?: PolicyOptions;
  readonly pool?: PoolOptions;
  readonly memory?: Partial<Memory>;
  readonly hinted?: readonly string[];
  readonly hint?: Partial<NoticeInput>;
  readonly notices?: readonly NoticeInput[];
  /** In the place of its one policy. */
  readonly policies?: NonNullable<SnapshotOptions["policies"]>;
}

const full = (name: string) => node(name, { telemetry: reported({ mean: 0.5 }) });

/** Full nodes, each with one pod; those that are named are under a hint. */
function decided(count: number, options: Options = {}) {
  const { spec, pool: of = {}, memory = {}, hinted = ["n1"], hint, notices = [], ...rest } = options;
  const { policies = [policy({ spot: { rebalance: "Replace" }, ...spec, pools: [pool("spot", of)] })] } =
    rest;
  const names = Array.from({ length: count }, (_, index) => `n${index + 1}`);
  return decide(
    snapshot({
      nodes: names.map(full),
      pods: names.map((name) => pod(`on-${name}`, { node: name, gpus: 8 })),
      memory: { ...EMPTY_MEMORY, at: epochMs(NOW - 10 * SECOND), ...memory },
      notices: [
        ...hinted.map((name, index) =>
          notice(name, { kind: "rebalance", seenAt: epochMs(NOW - MINUTE + index), ...hint }),
        ),
        ...notices,
      ],
      ...rest,
      policies,
    }),
  );
}

describe("spot.rebalance: Replace", () => {
  test("buys a node for the pods first, and empties nothing", () => {
    const decision = decided(1);
    expect(decision.plan.moves.map(({ kind, from, to }) => [kind, from, to])).toEqual([["grow", 1, 2]]);
    expect(grows(decision)[0]?.pods).toEqual(["default/on-n1"]);
    expect(grows(decision)[0]?.because.map(({ code }) => code)).toEqual(
      expect.arrayContaining(["pending-pods", "rebalance"]),
    );
    expect(holdCodes(decision)).toContain("fits-nowhere-else");
    expect(decision.memory.rebalanced).toEqual({ "demo/spot": { n1: NOW } });
  });

  test("empties the node by its agent once there is room, however lately that was added", () => {
    const begun = { rebalanced: { "demo/spot": { n1: epochMs(NOW - 5 * MINUTE) } } };
    const decision = decided(1, {
      spec: {
        journal: { lastUpAt: { spot: epochMs(NOW - MINUTE) }, lastDownAt: { spot: epochMs(NOW - MINUTE) } },
      },
      memory: begun,
      nodes: [full("n1"), node("n2", { ageMs: MINUTE })],
    });
    expect(shrinks(decision)).toMatchObject([
      { node: "n1", how: "drain", disruption: "Rebalance", because: [{ code: "rebalance", source: "aws" }] },
    ]);
    expect(grows(decision)).toEqual([]);
  });

  test("empties the node whatever `behavior` says of shrinking, since another one has come for it", () => {
    const never = { selectPolicy: "Disabled" } as const;
    const decision = decided(1, {
      spec: { behavior: { scaleDown: never } },
      memory: { rebalanced: { "demo/spot": { n1: epochMs(NOW - 5 * MINUTE) } } },
      nodes: [full("n1"), node("n2", { ageMs: MINUTE })],
    });
    expect(shrinks(decision)).toMatchObject([{ node: "n1", disruption: "Rebalance" }]);
  });

  test("waits for a node that is Ready, not for one that is on its way", () => {
    const decision = decided(1, {
      memory: { rebalanced: { "demo/spot": { n1: epochMs(NOW - 5 * MINUTE) } } },
      nodes: [full("n1"), node("n2", { ready: "not-ready", ageMs: MINUTE })],
    });
    expect(decision.plan.moves).toEqual([]);
  });

  test("buys nothing where there is room already", () => {
    const decision = decided(1, { nodes: [full("n1"), node("n2")] });
    expect(decision.plan.moves.map(({ kind }) => kind)).toEqual(["shrink"]);
  });

  test("takes no node below a minimum, and none whose budget allows no eviction", () => {
    const room = { nodes: [full("n1"), node("n2")] };
    expect(shrinks(decided(1, { ...room, pool: { minSize: 2 } }))).toEqual([]);
    const budget = { key: "default/pdb", disruptionsAllowed: 0, pods: ["default/on-n1"] };
    const held = decided(1, { ...room, budgets: [budget] });
    expect(shrinks(held)).toEqual([]);
    expect(holdCodes(held)).toContain("budget");
  });

  test("leaves a pod of a Job that saves nothing where it is, with its next place ready", () => {
    const job = pod("train", { node: "n1", gpus: 8, owner: { uid: "j", kind: "Job" } });
    expect(grows(decided(1, { pods: [job] })).map(({ pods }) => pods)).toEqual([["default/train"]]);
    const ready = decided(1, { pods: [job], nodes: [full("n1"), node("n2")] });
    expect(shrinks(ready)).toEqual([]);
    expect(holdCodes(ready)).toContain("pod-of-job");
  });

  test("begins nothing while a list is incomplete, or where the pool is not ours to size", () => {
    expect(decided(1, { sync: { kind: "unsynced", missing: ["pods"] } }).plan.moves).toEqual([]);
    const blocked = decided(1, { pool: { group: { kind: "missing", detail: "404" } } });
    expect(blocked.plan.moves).toEqual([]);
    expect(blocked.memory.rebalanced).toBeUndefined();
  });

  test("has a disruption budget of its own", () => {
    const frozen = { disruption: { budgets: [{ nodes: 0, reasons: ["Rebalance" as const] }] } };
    const decision = decided(1, { nodes: [full("n1"), node("n2")], spec: frozen });
    expect(shrinks(decision)).toEqual([]);
    expect(holdCodes(decision)).toContain("disruption-budget");
  });
});

describe("how many at a time", () => {
  const begun = (nodes: Readonly<Record<string, number>>) => ({
    rebalanced: {
      "demo/spot": Object.fromEntries(
        Object.entries(nodes).map(([name, agoMs]) => [name, epochMs(NOW - agoMs)]),
      ),
    },
  });
  const chosen = (decision: ReturnType<typeof decide>): readonly string[] =>
    Object.keys(decision.memory.rebalanced?.["demo/spot"] ?? {}).toSorted();

  test("one of a small pool, the one that was told first", () => {
    const decision = decided(3, { hinted: ["n3", "n2"] });
    expect(chosen(decision)).toEqual(["n3"]);
    expect(grows(decision).map(({ pods }) => pods)).toEqual([["default/on-n3"]]);
    const waits = decision.plan.holds
      .flatMap(({ because }) => because)
      .find(({ code }) => code === "rebalance-waits");
    expect(waits).toEqual({
      code: "rebalance-waits",
      node: "n2",
      begun: 1,
      allowed: 1,
      leftMs: REBALANCE_COOLDOWN_MS,
    });
  });

  test("a tenth of a large one", () => {
    expect(chosen(decided(25, { hinted: ["n1", "n2", "n3"] }))).toEqual(["n1", "n2"]);
  });

  test("no other one for half an hour, though the first has gone", () => {
    expect(chosen(decided(3, { memory: begun({ gone: 29 * MINUTE }) }))).toEqual(["gone"]);
    expect(chosen(decided(3, { memory: begun({ gone: 30 * MINUTE }) }))).toEqual(["n1"]);
  });

  test("and none after that while the first is not done", () => {
    const decision = decided(3, { hinted: ["n1", "n2"], memory: begun({ n1: 40 * MINUTE }) });
    expect(chosen(decision)).toEqual(["n1"]);
    expect(holdCodes(decision)).toContain("rebalance-waits");
  });

  test("by the journal where the memory was lost", () => {
    const drained = move(NOW, {
      kind: "shrink",
      key: "demo/spot/shrink/gone",
      node: "gone",
      disruption: "Rebalance",
      phase: "applied",
      from: 4,
      to: 3,
      agoMs: 20 * MINUTE,
    });
    expect(chosen(decided(3, { spec: { journal: { moves: [drained] } } }))).toEqual(["gone"]);
    const failed = { ...drained, phase: "failed" as const };
    expect(chosen(decided(3, { spec: { journal: { moves: [failed] } } }))).toEqual(["n1"]);
  });

  test("a notice in the meantime wins, and buys no second node", () => {
    const bought = decided(1).memory;
    const grown = move(NOW, { phase: "applied", from: 1, to: 2, agoMs: 20 * SECOND, why: "pending-pods" });
    const decision = decided(1, {
      memory: bought,
      spec: { journal: { moves: [grown] } },
      pool: {
        size: 2,
        instances: [
          { id: "i-n1", node: "n1", state: "ready" },
          { id: "i-2", node: null, state: "booting" },
        ],
      },
      notices: [notice("n1", { id: "real" })],
    });
    expect(replaces(decision)).toEqual([]);
    expect(grows(decision)).toEqual([]);
    expect(shrinks(decision)).toEqual([]);
  });
});

describe("what was begun", () => {
  const BROKEN = { kind: "invalid", name: "demo", problems: ["a typing error"], pools: ["spot"] } as const;
  const begun = { rebalanced: { "demo/spot": { n1: epochMs(NOW - 5 * MINUTE) } } };

  test("is not forgotten while its policy cannot be read", () => {
    expect(decided(2, { memory: begun, policies: [BROKEN] }).memory.rebalanced).toEqual(begun.rebalanced);
    const old = { rebalanced: { "demo/spot": { n1: epochMs(NOW - 31 * MINUTE) } } };
    expect(decided(2, { memory: old, policies: [BROKEN] }).memory.rebalanced).toBeUndefined();
  });

  test("counts on while its node is missing from a list", () => {
    const old = { rebalanced: { "demo/spot": { n9: epochMs(NOW - 31 * MINUTE) } } };
    const sync = { kind: "unsynced", missing: ["nodes"] } as const;
    expect(decided(1, { memory: old, sync }).memory.rebalanced).toEqual(old.rebalanced);
  });

  test("counts also where a clock that ran ahead wrote it", () => {
    const ahead = { rebalanced: { "demo/spot": { n1: epochMs(NOW + 2 * SECOND) } } };
    const decision = decided(2, { memory: ahead, hinted: ["n2"] });
    expect(decision.plan.moves).toEqual([]);
    expect(holdCodes(decision)).toContain("rebalance-waits");
  });

  test("holds up nobody for the maintenance that its machine lives through", () => {
    const old = { rebalanced: { "demo/spot": { n1: epochMs(NOW - 31 * MINUTE) } } };
    const freeze = { kind: "maintenance", endsMachine: false, deadline: epochMs(NOW + 60 * MINUTE) } as const;
    const decision = decided(2, {
      memory: old,
      hinted: ["n2"],
      notices: [notice("n1", { id: "freeze", ...freeze })],
    });
    expect(grows(decision)[0]?.pods).toEqual(["default/on-n2"]);
  });
});

describe("hints that seldom come true", () => {
  const record = (followed: number, spared: number) => ({
    hintRecord: { "demo/spot": { followed, spared, at: NOW } },
  });

  test("move nobody, and the pool says why", () => {
    const decision = decided(1, { memory: record(0, 6) });
    expect(decision.plan.moves).toEqual([]);
    expect(decision.plan.holds.flatMap(({ because }) => because)).toContainEqual({
      code: "rebalance-seldom-true",
      node: "n1",
      followed: 0,
      hints: 6,
    });
  });

  test.each([
    ["too few are known", record(0, 4)],
    ["a tenth came true", record(1, 9)],
  ])("are believed while %s", (_name, memory) => {
    expect(grows(decided(1, { memory }))).toHaveLength(1);
  });

  test("say nothing of maintenance that ends the machine", () => {
    const ends = { kind: "maintenance", endsMachine: true, deadline: epochMs(NOW + 60 * MINUTE) } as const;
    expect(grows(decided(1, { memory: record(0, 6), hint: ends }))).toHaveLength(1);
    const both = decided(1, { memory: record(0, 6), notices: [notice("n1", { id: "ends", ...ends })] });
    expect(grows(both)).toHaveLength(1);
  });

  test("do not stop what was begun", () => {
    const rebalanced = { "demo/spot": { n1: epochMs(NOW - 5 * MINUTE) } };
    const room = [full("n1"), node("n2")];
    expect(shrinks(decided(1, { memory: { ...record(0, 9), rebalanced }, nodes: room }))).toHaveLength(1);
  });
});

describe("maintenance", () => {
  const begins = epochMs(NOW + 60 * MINUTE);
  const said = (hint: Partial<NoticeInput>) =>
    decided(1, { hint: { kind: "maintenance", action: "Freeze", ...hint } });

  test.each([
    ["that the machine lives through", { endsMachine: false, deadline: begins }],
    ["of which nobody knows what it does", { deadline: begins }],
  ])("%s is told, and moves nobody", (_name, hint) => {
    const decision = said(hint);
    expect(decision.plan.moves).toEqual([]);
    expect(holdCodes(decision)).toContain("maintenance-hint");
  });

  test("that ends the machine counts as a hint, and is told whatever the policy makes of hints", () => {
    const hint = { endsMachine: true, deadline: begins };
    expect(grows(said(hint))).toHaveLength(1);
    const told = decided(1, {
      spec: { spot: { rebalance: "Ignore" } },
      hint: { kind: "maintenance", ...hint },
    });
    expect(told.plan.moves).toEqual([]);
    expect(holdCodes(told)).toContain("maintenance-hint");
  });

  test("weeks ahead buys nothing until it is near", () => {
    const far = said({ endsMachine: true, deadline: epochMs(NOW + 10 * 24 * 60 * MINUTE) });
    expect(far.plan.moves).toEqual([]);
    expect(far.memory.rebalanced).toBeUndefined();
    expect(holdCodes(far)).toContain("maintenance-hint");
  });
});
