// Acting twice is acting once: when the same fleet is decided upon again, after its growth was called or when a crash
// left no more than its intent, nothing is bought a second time, whoever asked for it. Where room that was kept free is
// used up by that time, more may follow, and soon nothing does.

import fc from "fast-check";
import { expect, test } from "vitest";

import type { WorkedDecision } from "../../coordinator/decide/answer/explanation.ts";
import { decideInFull } from "../../coordinator/decide/decide.ts";
import type { Decision, Move } from "../../coordinator/decide/plan.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { NOW } from "../build/now.ts";
import { move } from "../build/policy.ts";
import { snapshots } from "../build/random-snapshot.ts";
import { freeze } from "../build/snapshot.ts";

const ROUNDS = 4;
/** On a machine on which much else runs. */
const PATIENT = { timeout: 60_000 };

const adds = (made: Move) => made.kind === "grow" || made.kind === "replace";
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

const podsOf = (made: Move): readonly string[] => ("pods" in made ? made.pods : []);

/**
 * A scheduler gives a node to the most urgent pod that it takes, also where that pod had room elsewhere. Then the one
 * for which the node was bought needs another.
 */
function poolsGivenToOthers(
  { work }: WorkedDecision,
  bought: ReadonlyMap<string, string>,
): ReadonlySet<string> {
  const placed = [...(work?.packing.placed ?? [])];
  return new Set(
    placed.flatMap(([pod, { kind, pool }]) =>
      kind === "booting" && pool !== null && !bought.has(pod) ? [pool.name] : [],
    ),
  );
}

test.each([
  ["once it was called", applied],
  ["when only its intent was written", intended],
] as const)("what was bought is not bought again %s", PATIENT, (_when, act) => {
  fc.assert(
    fc.property(snapshots, (input) => {
      const first = decideInFull(input);
      const bought = first.plan.moves.filter(adds);
      fc.pre(bought.length > 0);
      const keys = new Set(bought.map(({ key }) => key));
      const poolOf = new Map(bought.flatMap((made) => podsOf(made).map((pod) => [pod, made.pool] as const)));
      let at = input;
      let last = first;
      for (let round = 1; round <= ROUNDS; round++) {
        at = act(at, last);
        last = decideInFull(at);
        const lost = poolsGivenToOthers(last, poolOf);
        const more = last.plan.moves.filter(adds);
        expect(more.filter(({ key }) => keys.has(key))).toEqual([]);
        const again = more.flatMap(podsOf).filter((pod) => poolOf.has(pod));
        expect(again.filter((pod) => !lost.has(poolOf.get(pod) ?? ""))).toEqual([]);
        if (more.length === 0) return;
      }
      expect(last.plan.moves.filter(adds)).toEqual([]);
    }),
    { numRuns: 150 },
  );
});
