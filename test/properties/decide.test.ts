// What holds of every decision, on random fleets. A failure prints its seed and the smallest fleet that shows it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decide } from "../../coordinator/decide/decide.ts";
import { addedInWindow } from "../../coordinator/decide/limits/growth.ts";
import type { Decision, Move } from "../../coordinator/decide/plan.ts";
import type { NodeInput, Snapshot } from "../../coordinator/decide/snapshot.ts";
import { explainMove, sentence } from "../../coordinator/report/explain.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import type { EpochMs, Ratio } from "../../shared/model/units.ts";
import { NOW, SECOND } from "../build/now.ts";
import { pod } from "../build/pod.ts";
import { move } from "../build/policy.ts";
import { snapshots } from "../build/random-snapshot.ts";
import { freeze, notice } from "../build/snapshot.ts";

const RUNS = { numRuns: 400 };

function check(property: (input: Snapshot, decision: Decision) => void): void {
  fc.assert(
    fc.property(snapshots, (input) => {
      property(input, decide(input));
    }),
    RUNS,
  );
}

const adds = (move: Move) => move.kind === "grow" || move.kind === "replace";
const validOf = (input: Snapshot) => input.policies.filter((one) => one.kind === "valid");

/** As the act layer leaves it once every growth was called: sizes written, nothing come yet. */
function applied(input: Snapshot, decision: Decision): Snapshot {
  const growing = decision.plan.moves.filter(adds);
  const nodes = growing.reduce((sum, { from, to }) => sum + to - from, 0);
  return freeze({
    ...input,
    memory: decision.memory,
    policies: validOf(input).map((one) => ({
      ...one,
      pools: one.pools.map((each) => {
        const last = growing.findLast((grown) => grown.pool === each.name);
        return last === undefined || each.group.kind !== "known"
          ? each
          : { ...each, group: { ...each.group, size: last.to } };
      }),
      journal: {
        ...one.journal,
        moves: [...one.journal.moves, ...growing.map((grown) => journalled(grown, "applied"))],
        lastUpAt: {
          ...one.journal.lastUpAt,
          ...Object.fromEntries(growing.map((grown) => [grown.pool, input.at])),
        },
        additions: [...one.journal.additions, { at: input.at, nodes }],
      },
    })),
  });
}

/** As a crash between the intent and the call leaves it. */
function intended(input: Snapshot, decision: Decision): Snapshot {
  const growing = decision.plan.moves.filter(adds).map((grown) => journalled(grown, "intended"));
  return freeze({
    ...input,
    memory: decision.memory,
    policies: validOf(input).map((one) => ({
      ...one,
      journal: { ...one.journal, moves: [...one.journal.moves, ...growing] },
    })),
  });
}

function journalled({ key, kind, pool: name, from, to }: Move, phase: MoveState["phase"]): MoveState {
  return move(NOW, { key, kind, pool: name, from, to, phase });
}

describe("every decision", () => {
  test("stays within the maxima of pool and policy, the GPU cap and the rate", () => {
    check((input, decision) => {
      for (const one of validOf(input)) {
        const growing = decision.plan.moves.filter(adds);
        const added = growing.reduce((sum, move) => sum + move.to - move.from, 0);
        for (const move of growing) {
          expect(move.to).toBeGreaterThan(move.from);
          expect(move.to).toBeLessThanOrEqual(
            one.spec.nodePools.find(({ name }) => name === move.pool)?.maxSize ?? 0,
          );
        }
        if (added === 0) continue;
        const known = one.pools.reduce(
          (sum, each) => sum + (each.group.kind === "known" ? each.group.size : 0),
          0,
        );
        expect(known + added).toBeLessThanOrEqual(one.spec.maxNodes);
        const { nodes, percent } = one.spec.maxPercentOrNodesAdded;
        const before = addedInWindow(one.journal, input.at);
        // Growth under way and pools that cannot be read may add to what there is, at most to all maxima.
        const most = Math.max(nodes, Math.ceil((percent * one.spec.maxNodes) / 100));
        expect(before + added).toBeLessThanOrEqual(most);
      }
    });
  });

  test("removes nothing below a minimum, one node for each pool, by its own name", () => {
    check((input, decision) => {
      for (const one of validOf(input)) {
        const removals = decision.plan.moves.filter(
          (move) => move.kind === "shrink" || move.kind === "release",
        );
        for (const { name } of one.pools)
          expect(
            decision.plan.moves.filter((move) => move.kind === "shrink" && move.pool === name).length,
          ).toBeLessThanOrEqual(1);
        for (const move of removals) {
          expect(move.from - move.to).toBe(1);
          expect(move.instance).not.toBe("");
          expect(move.to).toBeGreaterThanOrEqual(
            one.spec.nodePools.find(({ name }) => name === move.pool)?.minSize ?? Infinity,
          );
        }
        if (removals.length > 0) {
          const sizes = one.pools.reduce((sum, each) => {
            const size =
              each.group.kind === "known"
                ? each.group.size
                : input.nodes.filter((other) => other.labels["gpu-autoscaler.io/pool"] === each.name).length;
            return sum + size;
          }, 0);
          expect(sizes - removals.length).toBeGreaterThanOrEqual(one.spec.minNodes);
        }
      }
    });
  });

  test("removes no node with pods on readings that are missing, old or thin, and none while a list is incomplete", () => {
    check((input, decision) => {
      for (const move of decision.plan.moves) {
        expect(input.sync.kind).toBe("synced");
        if (move.kind !== "shrink") continue;
        const victim = input.nodes.find(({ name }) => name === move.node);
        const workloads = input.pods.filter(
          (each) => each.node === move.node && !each.daemon && !each.mirror,
        );
        expect(move.how).toBe(workloads.length === 0 ? "empty" : "drain");
        if (workloads.length === 0) continue;
        expect(victim?.telemetry.kind).toBe("reported");
        if (victim?.telemetry.kind !== "reported") continue;
        expect(input.at - victim.telemetry.receivedAt).toBeLessThanOrEqual(15 * SECOND);
        for (const report of victim.telemetry.since) {
          expect(report.coverage).toBeGreaterThanOrEqual(0.9);
          expect(report.peak).not.toBeNull();
          expect(report.peak).toBeLessThan(0.2);
        }
      }
    });
  });

  test("answers every pool of every policy, with reasons that have a sentence", () => {
    check((input, decision) => {
      for (const one of validOf(input)) {
        for (const { name } of one.spec.nodePools) {
          const answers = [...decision.plan.moves, ...decision.plan.holds].filter(
            (answer) => answer.policy === one.name && answer.pool === name,
          );
          expect(answers.length).toBeGreaterThanOrEqual(1);
          for (const answer of answers) {
            expect(answer.because.length).toBeGreaterThanOrEqual(1);
            for (const reason of answer.because)
              expect(sentence(reason)).not.toMatch(/undefined|NaN|\[object/);
          }
        }
      }
      for (const move of decision.plan.moves) expect(explainMove(move)).not.toMatch(/undefined|NaN/);
    });
  });

  test("never sizes a pool whose size is not known, and nothing of a policy that is switched off", () => {
    check((input, decision) => {
      for (const move of decision.plan.moves) {
        const one = validOf(input).find(({ name }) => name === move.policy);
        expect(one?.spec.enabled).toBe(true);
        expect(one?.pools.find(({ name }) => name === move.pool)?.group.kind).toBe("known");
      }
    });
  });

  test("is JSON in and out: the same text gives the same decision, and nothing is lost on the way", () => {
    check((input, decision) => {
      const text = JSON.stringify(decision);
      expect(JSON.parse(text)).toEqual(decision);
      expect(JSON.stringify(decide(JSON.parse(JSON.stringify(input)) as Snapshot))).toBe(text);
    });
  });

  test("does not depend on the order of anything in the snapshot", () => {
    check((input, decision) => {
      const turned: Snapshot = {
        ...input,
        nodes: input.nodes.toReversed(),
        pods: input.pods.toReversed(),
        budgets: input.budgets.toReversed(),
        notices: input.notices.toReversed(),
        memory: {
          ...input.memory,
          nodes: Object.fromEntries(Object.entries(input.memory.nodes).toReversed()),
        },
        policies: validOf(input).map((one) => ({
          ...one,
          pools: one.pools.toReversed().map((each) => ({ ...each, instances: each.instances.toReversed() })),
        })),
      };
      expect(decide(turned)).toEqual(decision);
    });
  });

  test("acted upon, is followed by no further growth: neither once it was called nor when only its intent was written", () => {
    check((input, decision) => {
      for (const next of [applied(input, decision), intended(input, decision)]) {
        expect(decide(next).plan.moves.filter(adds)).toEqual([]);
      }
    });
  });

  test("gives every move a key of its own", () => {
    check((_input, decision) => {
      const keys = decision.plan.moves.map(({ key }) => key);
      expect(new Set(keys).size).toBe(keys.length);
    });
  });
});

describe("absurd numbers", () => {
  const absurd = fc.constantFrom(Number.NaN, -1, Infinity, -Infinity, 1e300, 0.5);

  test("are never an exception, never a number in the answer, and never a removal of what they describe", () => {
    fc.assert(
      fc.property(
        snapshots,
        fc.array(absurd, { minLength: 9, maxLength: 9 }),
        fc.nat(),
        (input, values, pick) => {
          const at = (index: number) => values[index] as number;
          const first = input.nodes[pick % Math.max(1, input.nodes.length)];
          const broken = (each: NodeInput): NodeInput =>
            each !== first
              ? each
              : {
                  ...each,
                  createdAt: at(0) as EpochMs,
                  allocatable: { "nvidia.com/gpu": at(1), cpu: at(2) },
                  telemetry: {
                    kind: "reported",
                    receivedAt: at(3) as EpochMs,
                    gpus: [{ uuid: "g", mean60: at(4) as Ratio }],
                    since: [
                      {
                        at: at(5) as EpochMs,
                        busiest: null,
                        peak: null,
                        coverage: at(6) as Ratio,
                      },
                    ],
                  },
                };
          const strange: Snapshot = freeze({
            ...input,
            nodes: [...input.nodes.map(broken), ...input.nodes.slice(0, 1)],
            pods: [
              ...input.pods,
              pod("strange", { requests: { "nvidia.com/gpu": at(7) } }),
              pod("old", { waiting: { kind: "unschedulable", since: at(8) as EpochMs } }),
            ],
            budgets: [{ key: "b", disruptionsAllowed: at(0), pods: ["default/p0"] }],
            notices: [
              ...input.notices,
              notice("n0", {
                id: "strange",
                deadline: at(1) as EpochMs,
                seenAt: at(2) as EpochMs,
              }),
            ],
            memory: {
              ...input.memory,
              at: at(3) as EpochMs,
              hotSince: { demo: at(4) as EpochMs },
            },
          });
          const decision = decide(strange);
          JSON.stringify(decision, (_key, value: unknown) => {
            if (typeof value === "number") expect(Number.isFinite(value)).toBe(true);
            return value;
          });
        },
      ),
      RUNS,
    );
  });

  test("of a group are an unknown size", () => {
    fc.assert(
      fc.property(snapshots, absurd, (input, size) => {
        const strange: Snapshot = {
          ...input,
          policies: validOf(input).map((one) => ({
            ...one,
            pools: one.pools.map((each) => ({
              ...each,
              group: { kind: "known", size, chosenRemoval: true } as const,
            })),
          })),
        };
        expect(decide(strange).plan.moves).toEqual([]);
      }),
      RUNS,
    );
  });
});

test("the random fleets reach every kind of move, and most reasons", () => {
  const seen = new Set<string>();
  for (const input of fc.sample(snapshots, { numRuns: 3_000, seed: 7 })) {
    const { moves, holds, unplaced } = decide(input).plan;
    for (const each of moves) seen.add(each.kind === "shrink" ? each.how : each.kind);
    for (const { because } of [...moves, ...holds, ...unplaced])
      for (const { code } of because) seen.add(code);
  }
  expect([...seen]).toEqual(
    expect.arrayContaining([
      "grow",
      "replace",
      "release",
      "empty",
      "drain",
      "pending-pods",
      "below-minimum",
      "utilization-high",
    ]),
  );
  expect(seen.size).toBeGreaterThan(45);
});
