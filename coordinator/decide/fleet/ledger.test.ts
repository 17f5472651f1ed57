import { describe, expect, test } from "vitest";

import type { MoveState } from "../../../shared/contract/policy/status.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { grows, snapshot } from "../../../test/build/snapshot.ts";
import { createExplainer } from "../answer/explain.ts";
import { decideInFull } from "../decide.ts";
import { leadMsOf } from "../limits/lead.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { GroupReading, InstanceInput, NodeInput, Snapshot } from "../snapshot.ts";
import { assemble } from "./fleet.ts";

interface Look {
  readonly size?: number;
  readonly group?: GroupReading;
  readonly instances?: readonly InstanceInput[];
  readonly nodes?: readonly NodeInput[];
  readonly pods?: readonly PodInput[];
  readonly moves?: readonly MoveState[];
  readonly sync?: Snapshot["sync"];
}

/** Decisions one after the other, each with the memory of the one before. */
function watch(start: Memory = EMPTY_MEMORY) {
  let memory = start;
  const look = (
    afterMs: number,
    { size = 0, group, instances = [], nodes = [], pods = [], moves = [], sync }: Look,
  ) => {
    const taken = snapshot({
      at: NOW + afterMs,
      memory,
      nodes,
      pods,
      policies: [
        policy({
          pools: [pool("spot", { size, instances, ...(group === undefined ? {} : { group }) })],
          journal: { moves },
        }),
      ],
      ...(sync === undefined ? {} : { sync }),
    });
    const full = decideInFull(taken);
    memory = full.memory;
    const figures = full.plan.figures[0]?.pools[0];
    return {
      grows: grows(full),
      finished: (figures?.finished ?? []).map(({ stage, ms }) => [stage, ms / SECOND] as const),
      stages: figures?.stages ?? [],
      lead: assemble(taken).pools.map((each) => leadMsOf(each, memory))[0],
      launches: createExplainer(full).pool("demo", "spot")?.launches ?? [],
    };
  };
  return { look, memory: () => memory };
}

const WAITS = pod("train", { gpus: 8 });
const sec = (seconds: number): number => seconds * SECOND;
/** A machine of the group, made so many seconds after NOW. */
const machine = (
  id: string,
  madeAt: number | null,
  name: string | null = null,
  ready = false,
): InstanceInput => ({
  id,
  node: name,
  state: ready ? "ready" : "booting",
  ...(madeAt === null ? {} : { createdAt: epochMs(NOW + sec(madeAt)) }),
});
const aNode = (name: string, madeAt: number, options: Parameters<typeof node>[1] = {}): NodeInput =>
  node(name, { ageMs: -sec(madeAt), ...options });
const accepted = (afterS: number, options: Partial<MoveState> = {}): MoveState =>
  move(NOW + sec(afterS), { phase: "applied", from: 0, to: 1, why: "pending-pods", ...options });

describe("the ledger of a launch", () => {
  /** Decided at 0, carried out at 2 s, made at 12 s, a node at 52 s, Ready at 70 s, with its GPUs at 80 s, used at 95 s. */
  function aLaunch() {
    const { look, memory } = watch();
    const [first] = look(0, { pods: [WAITS] }).grows;
    const moves = [accepted(2, { key: first?.key ?? "" })];
    const unready = aNode("n1", 52, { ready: "not-ready" });
    const steps = [
      look(sec(5), { size: 1, moves, pods: [WAITS] }),
      look(sec(15), { size: 1, moves, pods: [WAITS], instances: [machine("i-1", 12)] }),
      look(sec(60), {
        size: 1,
        moves,
        pods: [WAITS],
        instances: [machine("i-1", 12, "n1")],
        nodes: [unready],
      }),
      look(sec(70), {
        size: 1,
        moves,
        pods: [WAITS],
        instances: [machine("i-1", 12, "n1", true)],
        nodes: [aNode("n1", 52, { gpus: 0 })],
      }),
    ];
    const here = { size: 1, moves, instances: [machine("i-1", 12, "n1", true)], nodes: [aNode("n1", 52)] };
    const ready = look(sec(80), { ...here, pods: [WAITS] });
    const used = look(sec(95), { ...here, pods: [{ ...WAITS, node: "n1", waiting: null }] });
    const after = look(sec(100), { ...here, pods: [{ ...WAITS, node: "n1", waiting: null }] });
    return { steps, ready, used, after, memory };
  }

  test("tells each stage once, in the decision that sees its end", () => {
    const { steps, ready, used, after } = aLaunch();
    expect(steps.map(({ finished }) => finished)).toEqual([
      [],
      [
        ["accepted", 2],
        ["launched", 10],
      ],
      [["registered", 40]],
      [],
    ]);
    expect(ready.finished).toEqual([["ready", 28]]);
    expect(used.finished).toEqual([
      ["first-pod", 15],
      ["total", 95],
    ]);
    expect(after.finished).toEqual([]);
  });

  test("gives each stage's median and p90, and the lead of schedules from the same times", () => {
    const { after, memory } = aLaunch();
    expect(after.stages).toEqual(
      [
        ["accepted", 2],
        ["launched", 10],
        ["registered", 40],
        ["ready", 28],
        ["first-pod", 15],
        ["total", 95],
      ].map(([stage, s]) => ({ stage, medianMs: sec(Number(s)), p90Ms: sec(Number(s)), machines: 1 })),
    );
    // From the call to a node that works.
    expect(memory().bootMs).toEqual({ "demo/spot": [sec(78)] });
    expect(after.lead).toBe(sec(78));
    expect(memory().ledger?.["demo/spot"]?.machines).toEqual([]);
  });

  test("says what is on its way and how far it has come", () => {
    const { steps, ready, used } = aLaunch();
    expect(steps.map(({ launches }) => launches)).toMatchObject([
      [{ nodes: 1, machine: null, stage: "accepted", askedMs: sec(5), forMs: sec(3) }],
      [{ nodes: 1, machine: "i-1", stage: "launched", askedMs: sec(15), forMs: sec(3) }],
      [{ nodes: 1, machine: "i-1", stage: "registered", askedMs: sec(60), forMs: sec(8) }],
      [{ nodes: 1, machine: "i-1", stage: "registered" }],
    ]);
    expect(ready.launches).toMatchObject([{ machine: "i-1", stage: "ready", forMs: 0 }]);
    expect(used.launches).toEqual([]);
  });
});

describe("what nobody saw is not measured", () => {
  const made = { instances: [machine("i-1", 30)] };
  const works = { size: 1, instances: [machine("i-1", 30, "n1", true)], nodes: [aNode("n1", 60)] };

  test("a machine made by hand has its own stages, and neither a total nor a wait for pods", () => {
    const { look, memory } = watch();
    look(0, {});
    expect(look(sec(35), { size: 1, ...made }).finished).toEqual([]);
    expect(look(sec(70), { ...works, pods: [pod("p", { node: "n1" })] }).finished).toEqual([
      ["registered", 30],
      ["ready", 10],
    ]);
    expect(memory().ledger?.["demo/spot"]).toMatchObject({ machines: [], asked: [] });
    expect(memory().bootMs).toEqual({ "demo/spot": [sec(40)] });
  });

  test("a growth that was decided before anybody remembers is known from its acceptance on", () => {
    const { look } = watch();
    const moves = [accepted(2)];
    // Whether its launch was counted before the memory was lost is not known either.
    expect(look(sec(35), { size: 1, moves, ...made }).finished).toEqual([]);
    expect(look(sec(70), { ...works, moves, pods: [pod("p", { node: "n1" })] }).finished).toEqual([
      ["registered", 30],
      ["ready", 10],
      ["first-pod", 0],
    ]);
  });

  test("an intent that is still on its way is accepted at a time that is not known yet", () => {
    const { look } = watch();
    look(0, {});
    const moves = [accepted(2, { phase: "intended" })];
    expect(look(sec(10), { moves }).launches).toMatchObject([
      { nodes: 1, stage: "asked", forMs: sec(8), askedMs: sec(8) },
    ]);
    expect(look(sec(35), { size: 1, moves, ...made }).finished).toEqual([["launched", 28]]);
  });

  test("of what was there before anybody looked nothing is said but what its cloud tells", () => {
    const { look, memory } = watch();
    look(sec(35), { size: 2, instances: [machine("i-1", null), machine("i-2", 30)] });
    const known = [{ id: "i-2", launchedAt: NOW + sec(30) }, { id: "i-1" }];
    expect(memory().ledger?.["demo/spot"]?.machines).toEqual(known);
    const up = watch();
    up.look(sec(100), works);
    expect(up.look(sec(110), works).finished).toEqual([]);
  });

  test("and a memory that is lost counts no stage twice", () => {
    const moves = [accepted(2)];
    const unnamed = { size: 1, moves, instances: [machine("i-1", null)] };
    const seen = watch();
    seen.look(0, {});
    expect(seen.look(sec(35), unnamed).finished).toEqual([["launched", 33]]);
    const lost = watch();
    const after = [sec(40), sec(45)].flatMap((at) => lost.look(at, unnamed).finished);
    expect(after).toEqual([]);
    const node = {
      size: 1,
      moves,
      instances: [machine("i-1", null, "n1")],
      nodes: [aNode("n1", 60, { ready: "not-ready" })],
    };
    const again = watch();
    expect([sec(65), sec(70)].flatMap((at) => again.look(at, node).finished)).toEqual([]);
  });

  test("a group that lists no members shows when its nodes come, from its acceptance", () => {
    const { look } = watch();
    const group = { kind: "known", size: 1, chosenRemoval: false } as const;
    look(0, {});
    const moves = [accepted(2)];
    look(sec(10), { group, moves });
    expect(look(sec(70), { group, moves, nodes: [aNode("n1", 60)] }).finished).toEqual([
      ["registered", 58],
      ["ready", 10],
    ]);
  });

  test("a growth for a floor waits for no pod", () => {
    const { look, memory } = watch();
    look(0, {});
    const moves = [accepted(2, { why: "below-minimum" })];
    look(sec(35), { size: 1, moves, ...made });
    look(sec(70), { ...works, moves });
    expect(memory().ledger?.["demo/spot"]?.machines).toEqual([]);
    expect(look(sec(90), { ...works, moves, pods: [pod("p", { node: "n1" })] }).finished).toEqual([]);
  });

  test("a pod that comes much later is not the one that the node was bought for", () => {
    const { look, memory } = watch();
    look(0, {});
    const moves = [accepted(2)];
    look(sec(35), { size: 1, moves, ...made });
    look(sec(70), { ...works, moves });
    expect(memory().ledger?.["demo/spot"]?.machines).toHaveLength(1);
    look(sec(70) + 15 * MINUTE, { ...works, moves });
    expect(memory().ledger?.["demo/spot"]?.machines).toEqual([]);
  });
});

describe("which growth a machine is of", () => {
  test("the oldest that lacks one, and no more than it asked for", () => {
    const { look } = watch();
    look(0, {});
    const moves = [accepted(2, { key: "a", to: 2 }), accepted(20, { key: "b", from: 2, to: 3 })];
    const instances = [machine("i-3", 26), machine("i-1", 12), machine("i-2", 25)];
    const { finished } = look(sec(30), { size: 3, moves, instances });
    expect(finished).toEqual([
      ["launched", 10],
      ["launched", 23],
      ["launched", 6],
    ]);
    // Seen once, not again as the next one's.
    const more = [...instances, machine("i-4", 31)];
    expect(look(sec(35), { size: 4, moves, instances: more }).finished).toEqual([]);
  });

  test("one that is dated a moment before its growth was written down", () => {
    const { look } = watch();
    look(0, {});
    const { finished } = look(sec(30), { size: 1, moves: [accepted(10)], instances: [machine("i-1", 9)] });
    expect(finished).toEqual([["launched", 0]]);
  });

  test("places are no machines", () => {
    const { look, memory } = watch();
    look(0, {});
    const place = { ...machine("g/placeholder-0", null), placeholder: true };
    expect(look(sec(30), { size: 1, moves: [accepted(2)], instances: [place] }).finished).toEqual([]);
    expect(memory().ledger?.["demo/spot"]).toMatchObject({ machines: [], asked: [{ seen: 0 }] });
  });
});

describe("the ledger is kept", () => {
  const begun = () => {
    const made = watch();
    made.look(0, {});
    made.look(sec(35), { size: 1, moves: [accepted(2)], instances: [machine("i-1", 30)] });
    return made;
  };
  const machines = (memory: Memory) => memory.ledger?.["demo/spot"]?.machines.map(({ id }) => id);

  test("while the group cannot be read or a list is incomplete", () => {
    const { look, memory } = begun();
    look(sec(40), { group: { kind: "unknown", detail: "throttled" } });
    expect(machines(memory())).toEqual(["i-1"]);
    look(sec(45), { size: 1, sync: { kind: "unsynced", missing: ["pods"] } });
    expect(machines(memory())).toEqual(["i-1"]);
  });

  test("and forgets a machine that has gone or failed", () => {
    const gone = begun();
    gone.look(sec(40), { size: 0 });
    expect(machines(gone.memory())).toEqual([]);
    const failed = begun();
    failed.look(sec(40), { size: 1, instances: [{ ...machine("i-1", 30), state: "failed" }] });
    expect(machines(failed.memory())).toEqual([]);
  });

  test("within bounds: 200 machines on their way, 20 times a stage", () => {
    const { look, memory } = watch();
    look(0, {});
    const many = Array.from({ length: 300 }, (_, index) => machine(`i-${index}`, 10));
    const moves = [accepted(2, { to: 300 })];
    look(sec(20), { size: 300, moves, instances: many });
    look(sec(30), { size: 300, moves, instances: many });
    const ledger = memory().ledger?.["demo/spot"];
    expect(ledger?.machines).toHaveLength(200);
    expect(ledger?.asked).toMatchObject([{ seen: 200 }]);
    expect(ledger?.stageMs.launched).toHaveLength(20);
  });
});
