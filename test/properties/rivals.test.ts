// Two hands on one group, step by step in virtual time: ours decides and its moves are carried out at once, the other
// writes whatever size at whatever moment. However it goes, we never fight: once the other has written twice within ten
// minutes we write no more until ten minutes have passed without it. A failure prints its seed and the shortest story.

import fc from "fast-check";
import { expect, test } from "vitest";

import { decide } from "../../coordinator/decide/decide.ts";
import { EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { Memory } from "../../coordinator/decide/snapshot-memory.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { RIVAL_KINDS } from "../../shared/model/rival.ts";
import { epochMs } from "../../shared/model/units.ts";
import { node } from "../build/node.ts";
import { MINUTE, NOW, SECOND } from "../build/now.ts";
import { pod } from "../build/pod.ts";
import { move, policy, pool } from "../build/policy.ts";
import { snapshots } from "../build/random-snapshot.ts";
import { freeze, snapshot } from "../build/snapshot.ts";

const STEP_MS = 30 * SECOND;
const HOLD_MS = 10 * MINUTE;

interface Story {
  /** Steps between its writes, and the size that it writes. */
  readonly writes: readonly { readonly after: number; readonly size: number }[];
  readonly minSize: number;
  readonly pods: number;
  readonly cooldownSeconds: number;
  /** Looks for which the group shows an old size. */
  readonly lag: number;
}

const stories: fc.Arbitrary<Story> = fc.record({
  writes: fc.array(
    fc.record({ after: fc.constantFrom(1, 2, 3, 7, 19, 21, 30), size: fc.integer({ min: 0, max: 6 }) }),
    {
      minLength: 1,
      maxLength: 5,
    },
  ),
  minSize: fc.integer({ min: 0, max: 3 }),
  pods: fc.integer({ min: 0, max: 4 }),
  cooldownSeconds: fc.constantFrom(0, 60, 300),
  lag: fc.constantFrom(0, 0, 1, 2),
});

interface Told {
  /** When the other's size was first seen by a decision. */
  readonly seen: readonly number[];
  readonly ours: readonly number[];
}

/** Pods stand on as many nodes as there are, and the others wait. */
function tell({ writes, minSize, pods, cooldownSeconds, lag }: Story): Told {
  const spelt = policy({
    scaleUpCooldownSeconds: cooldownSeconds,
    emptySeconds: 60,
    scaleDownCooldownSeconds: cooldownSeconds,
    scaleDownDelayAfterAddSeconds: 0,
    pools: [pool("spot", { minSize })],
  });
  const due = new Map<number, number>();
  let step = 0;
  for (const { after, size } of writes) due.set((step += after), size);
  const end = step + 25;
  const history: number[] = [];
  const seen: number[] = [];
  const ours: number[] = [];
  let size = 2;
  let memory: Memory = EMPTY_MEMORY;
  let moves: readonly MoveState[] = [];
  let lastUp: number | null = null;
  for (let now = 0; now <= end; now++) {
    const at = NOW + now * STEP_MS;
    size = due.get(now) ?? size;
    history.push(size);
    const shown = history[Math.max(0, now - lag)] ?? size;
    const before = memory.sizes?.["demo/spot"]?.byHand.at(-1)?.at;
    const decision = decide(
      snapshot({
        at,
        policies: [
          {
            ...spelt,
            pools: [pool("spot", { size: shown }).input],
            journal: { ...spelt.journal, moves, lastUpAt: lastUp === null ? {} : { spot: epochMs(lastUp) } },
          },
        ],
        nodes: Array.from({ length: shown }, (_, index) => node(`n${index}`)),
        pods: Array.from({ length: pods }, (_, index) =>
          pod(`p${index}`, { gpus: 8, node: index < shown ? `n${index}` : null }),
        ),
        memory,
      }),
    );
    memory = decision.memory;
    const last = memory.sizes?.["demo/spot"]?.byHand.at(-1)?.at;
    // Less than before: what was written was taken back at once.
    if (last !== undefined && last === at && last !== before) seen.push(now);
    else if (last !== before && before !== undefined && last !== at) seen.pop();
    for (const each of decision.plan.moves) {
      if (each.kind !== "grow" && each.kind !== "shrink") continue;
      // As the act layer does: from what is there, and not where it is there already.
      const to = each.kind === "grow" ? Math.max(size, each.to) : size - 1;
      if (to === size || to < 0) continue;
      moves = [
        ...moves,
        move(at, { key: `${each.key}-${now}`, kind: each.kind, from: size, to, phase: "applied" }),
      ].slice(-50);
      if (each.kind === "grow") lastUp = at;
      size = to;
      ours.push(now);
    }
    history[now] = size;
  }
  return { seen, ours };
}

test("a size that somebody else writes again and again is left to him", () => {
  const holds = HOLD_MS / STEP_MS;
  fc.assert(
    fc.property(stories, (story) => {
      const { seen, ours } = tell(story);
      for (const at of ours) {
        const lately = seen.filter((other) => other <= at && at - other < holds);
        const [previous, last] = [lately.at(-2), lately.at(-1)];
        const isFight = previous !== undefined && last !== undefined && last - previous <= holds;
        expect(isFight, `wrote at step ${at}, between ${JSON.stringify(seen)}`).toBe(false);
      }
    }),
    { numRuns: 40 },
  );
});

test("without another hand nothing is taken for one, however late the group shows what we did", () => {
  fc.assert(
    fc.property(stories, (story) => {
      expect(tell({ ...story, writes: [] }).seen).toEqual([]);
    }),
    { numRuns: 30 },
  );
});

test("while something else is seen to size a group, nothing of any fleet moves that group", () => {
  const one = fc.constantFrom(
    ...RIVAL_KINDS.filter((kind) => kind !== "az-rebalance" && kind !== "instance-refresh"),
  );
  fc.assert(
    fc.property(snapshots, one, (input, rival) => {
      const rivaled = freeze({
        ...input,
        policies: input.policies.map((each) =>
          each.kind === "valid"
            ? {
                ...each,
                pools: each.pools.map((own) =>
                  own.name === "spot" ? { ...own, rivals: [{ rival, detail: "seen" }] } : own,
                ),
              }
            : each,
        ),
      });
      const isActing = rivaled.policies.some((each) => each.kind === "valid" && each.spec.mode === "Act");
      const { moves } = decide(rivaled).plan;
      if (isActing) expect(moves.filter(({ pool: of }) => of === "spot")).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
