// What holds of every decision, on random fleets. A failure prints its seed and the smallest fleet that shows it.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decide } from "../../coordinator/decide/decide.ts";
import { assemble } from "../../coordinator/decide/fleet/fleet.ts";
import { allowedDisruptions, leavingNodes } from "../../coordinator/decide/limits/budgets.ts";
import { addedInWindow } from "../../coordinator/decide/limits/growth.ts";
import type { Decision, Move } from "../../coordinator/decide/plan.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import { explainMove, sentence } from "../../coordinator/report/explain.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import type { Random } from "../../shared/model/random.ts";
import { SECOND } from "../build/now.ts";
import { policy, pool } from "../build/policy.ts";
import { snapshots } from "../build/random-snapshot.ts";

const RUNS = { numRuns: 250 };

function check(property: (input: Snapshot, decision: Decision) => void): void {
  fc.assert(
    fc.property(snapshots, (input) => {
      property(input, decide(input));
    }),
    RUNS,
  );
}

const adds = (move: Move) => move.kind === "grow" || move.kind === "replace";
/** Members of a gang that are no demand in any case. */
const NO_DEMAND: ReadonlySet<string> = new Set([
  "pod-of-daemon-set",
  "pod-ends",
  "pod-has-successor",
  "pod-expendable",
  "pod-nominated",
]);

const NEVER_A_NODE: ReadonlySet<string> = new Set(["never-registered", "machine-failed"]);

/** On a machine on which much else runs. */
const PATIENT = { timeout: 60_000 };

const validOf = (input: Snapshot) => input.policies.filter((one) => one.kind === "valid");

/** The same things in another order, by a seed. */
function shuffled<T>(list: readonly T[], random: Random): readonly T[] {
  return list
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item);
}

function shuffledRecord<T>(record: Readonly<Record<string, T>>, random: Random): Record<string, T> {
  return Object.fromEntries(shuffled(Object.entries(record), random));
}

/** A policy of its own beside the random one, so that the order of policies can be another too. */
const OTHER = policy({ name: "another", minNodes: 1, pools: [pool("other", { size: 0 })] });

describe("every decision", PATIENT, () => {
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

  test("stays within the GPU cap, as far as what a node has is known", () => {
    check((input, decision) => {
      for (const one of validOf(input)) {
        const { maxGpus } = one.spec;
        const growing = decision.plan.moves.filter(adds);
        if (maxGpus === undefined || growing.length === 0) continue;
        const pools = assemble(input).pools.map((state) => {
          const to = growing.findLast((move) => move.pool === state.name)?.to ?? state.planned;
          return { to, grows: to > state.planned, gpus: state.gpusPerNode };
        });
        // A pool without GPUs may always grow; any other only below the cap.
        if (!pools.some(({ grows, gpus }) => grows && gpus !== 0)) continue;
        expect(pools.reduce((sum, { to, gpus }) => sum + to * (gpus ?? 0), 0)).toBeLessThanOrEqual(maxGpus);
      }
    });
  });

  test("removes nothing below a minimum, one node with each move, by its own name", () => {
    check((input, decision) => {
      for (const one of validOf(input)) {
        // A member that never became a node, or an ill one, is none that a minimum could count on.
        const removals = decision.plan.moves.filter(
          (move) =>
            (move.kind === "shrink" || move.kind === "release") &&
            !NEVER_A_NODE.has(move.because[0]?.code ?? "") &&
            !("disruption" in move && move.disruption === "Unhealthy"),
        );
        for (const move of removals) {
          expect(move.from - move.to).toBe(1);
          expect("instance" in move && move.instance).not.toBe("");
          expect(move.to).toBeGreaterThanOrEqual(
            one.spec.nodePools.find(({ name }) => name === move.pool)?.minSize ?? Infinity,
          );
        }
        if (removals.length > 0) {
          const sizes = one.pools.reduce((sum, each) => {
            const size =
              each.group.kind === "known"
                ? each.group.size
                : input.nodes.filter((other) => other.labels[NODE_LABEL.pool] === each.name).length;
            return sum + size;
          }, 0);
          expect(sizes - removals.length).toBeGreaterThanOrEqual(one.spec.minNodes);
        }
      }
    });
  });

  test("takes no more nodes of a pool at one time than each budget allows for the reason", () => {
    check((input, decision) => {
      for (const state of assemble(input).pools) {
        const going = decision.plan.moves.filter(
          (move) => move.kind === "shrink" && move.policy === state.policy && move.pool === state.name,
        );
        for (const move of going) {
          if (move.kind !== "shrink" || move.disruption === undefined) continue;
          const { nodes } = allowedDisruptions(state, move.disruption, input.at);
          expect(leavingNodes(state) + going.length).toBeLessThanOrEqual(nodes);
        }
      }
    });
  });

  test("calls no node idle on readings that are missing, old or thin, and removes none while a list is incomplete", () => {
    check((input, decision) => {
      for (const move of decision.plan.moves) {
        expect(input.sync.kind).toBe("synced");
        if (move.kind !== "shrink" || move.disruption !== "Idle") continue;
        expect(move.how).not.toBe("empty");
        const victim = input.nodes.find(({ name }) => name === move.node);
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

  test("removes a node as empty only when nobody's work is on it", () => {
    check((input, decision) => {
      for (const move of decision.plan.moves) {
        if (move.kind !== "shrink" || move.how !== "empty") continue;
        const work = input.pods.filter((each) => each.node === move.node && !each.daemon && !each.mirror);
        expect(work.map(({ key }) => key)).toEqual([]);
      }
    });
  });

  test("buys for all of a gang or for none of it", () => {
    check((input, decision) => {
      const bought = new Set(decision.plan.moves.flatMap((move) => (move.kind === "grow" ? move.pods : [])));
      const refused = new Map(decision.plan.unplaced.map(({ pod: key, because }) => [key, because]));
      const here = new Set(["pod-fits-existing", "booting"]);
      const waiting = input.pods.filter(
        ({ node: at, gang, waiting: why, terminating }) =>
          at === null && gang !== undefined && why?.kind === "unschedulable" && !terminating,
      );
      for (const members of Map.groupBy(waiting, ({ gang }) => gang?.id).values()) {
        if (!members.some(({ key }) => bought.has(key))) continue;
        for (const { key } of members) {
          const codes = refused.get(key)?.map(({ code }) => code) ?? [];
          const settled =
            bought.has(key) || codes.some((code) => here.has(code)) || NO_DEMAND.has(codes[0] ?? "");
          expect([key, codes, settled]).toEqual([key, codes, true]);
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
    fc.assert(
      fc.property(snapshots, fc.nat(), (random, seed) => {
        const input: Snapshot = { ...random, policies: [...random.policies, OTHER] };
        const next = seededRandom(seed);
        const turned: Snapshot = {
          ...input,
          nodes: shuffled(input.nodes, next),
          pods: shuffled(input.pods, next),
          budgets: shuffled(input.budgets, next).map((each) => ({
            ...each,
            pods: shuffled(each.pods, next),
          })),
          notices: shuffled(input.notices, next),
          memory: { ...input.memory, nodes: shuffledRecord(input.memory.nodes, next) },
          policies: shuffled(validOf(input), next).map((one) => ({
            ...one,
            pools: shuffled(one.pools, next).map((each) => ({
              ...each,
              instances: shuffled(each.instances, next),
            })),
          })),
        };
        expect(decide(turned)).toEqual(decide(input));
      }),
      RUNS,
    );
  });

  test("gives every move a key of its own", () => {
    check((_input, decision) => {
      const keys = decision.plan.moves.map(({ key }) => key);
      expect(new Set(keys).size).toBe(keys.length);
    });
  });
});

test("the random fleets reach every kind of move, and most reasons", PATIENT, () => {
  const seen = new Set<string>();
  for (const input of fc.sample(snapshots, { numRuns: 2_000, seed: 7 })) {
    const { moves, holds, unplaced } = decide(input).plan;
    for (const each of moves) seen.add(each.kind === "shrink" ? each.how : each.kind);
    for (const { because } of [...moves, ...holds, ...unplaced])
      for (const { code } of because) seen.add(code);
  }
  expect([...seen]).toEqual(
    expect.arrayContaining(
      `grow replace release empty drain walk
       pending-pods below-minimum utilization-high schedule headroom forecast
       expired movable gpu-unhealthy never-registered gang-does-not-fit gang-incomplete
       pod-anti-affinity topology-spread volume-zone cost-limit no-capacity behavior-limit`.split(/\s+/),
    ),
  );
  expect(seen.size).toBeGreaterThan(100);
});
