import { describe, expect, test } from "vitest";

import type { MoveState } from "../../../shared/contract/policy/status.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { grows, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory, OfferingMemory } from "../snapshot-memory.ts";
import type { PodInput } from "../snapshot-pod.ts";
import type { InstanceInput, NodeInput } from "../snapshot.ts";

/** What becomes of machines that a pool is asked for: they come after `bootMs`, fail after `failMs`, or nothing is heard. */
type Fate =
  | { readonly comes: number; readonly first?: number }
  | { readonly fails: number }
  | { readonly silent: true };

interface Play {
  readonly pools: Readonly<Record<string, PoolOptions>>;
  readonly fates: Readonly<Record<string, Fate>>;
  readonly pods: (at: number) => readonly PodInput[];
  readonly forMs: number;
  readonly spec?: PolicyOptions;
}

interface Machine {
  readonly id: string;
  readonly pool: string;
  readonly askedAt: EpochMs;
  readonly fate: Fate;
}

/** Decisions each ten seconds and a provider that does what it is told; the calls, as "<seconds> <pool> +<nodes>". */
function play({ pools, fates, pods: podsAt, forMs, spec = {} }: Play): readonly string[] {
  const calls: string[] = [];
  const machines: Machine[] = [];
  const moves: MoveState[] = [];
  const lastUpAt: Record<string, EpochMs> = {};
  let memory: Memory = EMPTY_MEMORY;
  let offerings: readonly OfferingMemory[] = [];
  for (let ms = 0; ms <= forMs; ms += 10 * SECOND) {
    const at = epochMs(NOW + ms);
    const of = (name: string): readonly Machine[] => machines.filter((machine) => machine.pool === name);
    const decision = decide(
      snapshot({
        at,
        memory,
        policies: [
          policy({
            pendingPodTimeoutSeconds: 0,
            ...spec,
            pools: Object.entries(pools).map(([name, options]) =>
              pool(name, {
                ...options,
                size: of(name).length,
                instances: of(name).flatMap((machine) => instanceOf(machine, at)),
              }),
            ),
            journal: { moves: [...moves], lastUpAt: { ...lastUpAt }, offerings },
          }),
        ],
        nodes: machines.flatMap((machine) => nodeOf(machine, at)),
        pods: podsAt(ms),
      }),
    );
    for (const { key, pool: name, from, to } of grows(decision)) {
      calls.push(`${ms / SECOND} ${name} +${to - from}`);
      const had = of(name).length;
      for (let index = from; index < to; index++) {
        const fate = fateOf(fates[name] ?? { silent: true }, had + index - from);
        machines.push({ id: `${name}-${index}`, pool: name, askedAt: at, fate });
      }
      moves.push({
        key,
        kind: "grow",
        pool: name,
        from,
        to,
        phase: "applied",
        at: new Date(at).toISOString(),
      });
      lastUpAt[name] = at;
    }
    memory = decision.memory;
    offerings = decision.plan.figures[0]?.offerings ?? [];
  }
  return calls;
}

/** A pool that has `first` machines gives no more than these. */
function fateOf(fate: Fate, index: number): Fate {
  return "comes" in fate && fate.first !== undefined && index >= fate.first ? { fails: 10 * SECOND } : fate;
}

function instanceOf({ id, fate, askedAt }: Machine, at: EpochMs): readonly InstanceInput[] {
  const base = { id, node: null, createdAt: askedAt };
  if ("silent" in fate) return [];
  if ("fails" in fate)
    return at - askedAt < fate.fails
      ? [{ ...base, state: "booting" }]
      : [{ ...base, state: "failed", failure: { kind: "no-capacity", detail: "none left" } }];
  return at - askedAt < fate.comes
    ? [{ ...base, state: "booting" }]
    : [{ ...base, node: `n-${id}`, state: "ready" }];
}

function nodeOf({ id, pool: name, fate, askedAt }: Machine, at: EpochMs): readonly NodeInput[] {
  if (!("comes" in fate) || at - askedAt < fate.comes) return [];
  return [node(`n-${id}`, { pool: name, ageMs: NOW - (askedAt + fate.comes) })];
}

const waiting = (count: number) => pods(count, "p", { gpus: 8 });
const one = () => waiting(1);
const od = { capacityType: "on-demand" } as const;
const comes = { comes: 3 * MINUTE };

describe("issues 4958 and 370: a pause no longer than a launch", () => {
  test("two groups that give nothing are not asked in turn for ever: on-demand is tried", () => {
    const calls = play({
      pools: { a: {}, b: {}, od },
      fates: { a: { silent: true }, b: { silent: true }, od: comes },
      pods: one,
      forMs: 60 * MINUTE,
    });
    expect(calls).toEqual(["0 a +1", "310 b +1", "620 od +1"]);
  });

  test("nor two that fail slowly", () => {
    const calls = play({
      pools: { a: {}, b: {}, od },
      fates: { a: { fails: 4 * MINUTE }, b: { fails: 4 * MINUTE }, od: comes },
      pods: one,
      forMs: 60 * MINUTE,
    });
    expect(calls).toEqual(["0 a +1", "240 b +1", "480 od +1"]);
  });
});

describe("PR 5756: a pause that ends when the failed growth does", () => {
  test("all groups are tried before one is tried again", () => {
    const fails = { fails: 2 * MINUTE };
    const calls = play({
      pools: { g1: {}, g2: {}, g3: {}, g4: {}, g5: {} },
      fates: { g1: fails, g2: fails, g3: fails, g4: fails, g5: comes },
      pods: one,
      forMs: 60 * MINUTE,
    });
    expect(calls.map((call) => call.split(" ")[1])).toEqual(["g1", "g2", "g3", "g4", "g5"]);
  });
});

describe("issue 6661: a hundred groups without capacity", () => {
  test("the one that has some is found at one failure a cycle", () => {
    const names = Array.from({ length: 30 }, (_, index) => `g${String(index).padStart(2, "0")}`);
    const calls = play({
      pools: Object.fromEntries(names.map((name) => [name, {}])),
      fates: Object.fromEntries(names.map((name) => [name, name === "g29" ? comes : { fails: SECOND }])),
      pods: one,
      forMs: 10 * MINUTE,
    });
    expect(calls.at(-1)).toBe("290 g29 +1");
    expect(new Set(calls.map((call) => call.split(" ")[1])).size).toBe(30);
  });
});

describe("issues 3042, 3490 and 4438: the same group again and again", () => {
  test("a group without capacity is asked ever more rarely, and for one node", () => {
    const calls = play({
      pools: { a: {} },
      fates: { a: { fails: 10 * SECOND } },
      pods: () => waiting(4),
      forMs: 120 * MINUTE,
    });
    expect(calls[0]).toBe("0 a +4");
    expect(calls.slice(1).every((call) => call.endsWith("+1"))).toBe(true);
    expect(calls.length).toBeLessThanOrEqual(8);
  });

  test("and once it gives again, the rest is asked of it at once", () => {
    let asked = 0;
    const calls = play({
      pools: { a: {} },
      // The first two calls find nothing.
      fates: {
        get a(): Fate {
          return asked++ < 5 ? { fails: 10 * SECOND } : { comes: MINUTE };
        },
      },
      pods: () => waiting(4),
      forMs: 30 * MINUTE,
    });
    expect(calls.map((call) => call.split(" ")[2])).toEqual(["+4", "+1", "+1", "+3"]);
  });
});

describe("issue 2607: a part is granted", () => {
  test("what came is kept, and the rest is asked elsewhere in the decision that sees it", () => {
    const calls = play({
      pools: { a: { maxSize: 20 }, b: { maxSize: 20 } },
      spec: { spot: { diversify: false, onDemandFloorGpus: 0, rebalance: "Report" } },
      fates: { a: { comes: 5 * MINUTE, first: 6 }, b: comes },
      pods: () => waiting(10),
      forMs: 30 * MINUTE,
    });
    expect(calls).toEqual(["0 a +10", "10 b +4"]);
  });
});

test("issue 3241: another group is tried as soon as a failure is seen, not when the time for a launch is over", () => {
  const calls = play({
    pools: { a: {}, od },
    fates: { a: { fails: 20 * SECOND }, od: comes },
    pods: one,
    forMs: 10 * MINUTE,
  });
  expect(calls).toEqual(["0 a +1", "20 od +1"]);
});

test("a share leaves no pod waiting: with all of spot gone the rest is on-demand", () => {
  const calls = play({
    pools: { spot: {}, od },
    fates: { spot: { fails: 10 * SECOND }, od: comes },
    pods: () => waiting(5),
    forMs: 40 * SECOND,
  });
  expect(calls).toEqual(["0 spot +3", "0 od +2", "10 od +3"]);
});
