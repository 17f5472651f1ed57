import { describe, expect, test } from "vitest";

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Grow, Move, Release, Shrink } from "../decide/plan.ts";
import {
  EMPTY_STATUS,
  inFlight,
  journalOf,
  MAX_MOVES,
  moveHash,
  withIntents,
  withOutcomes,
} from "./moves.ts";
import type { Outcome } from "./moves.ts";

const AT = epochMs(Date.UTC(2026, 5, 1));
const later = (ms: number) => epochMs(AT + ms);

function aGrow(overrides: Partial<Grow> = {}): Grow {
  return {
    kind: "grow",
    key: "p/a/grow/pending/2",
    policy: "p",
    pool: "a",
    from: 1,
    to: 3,
    because: [],
    pods: [],
    ...overrides,
  };
}

function aShrink(overrides: Partial<Shrink> = {}): Shrink {
  return {
    kind: "shrink",
    key: "p/a/shrink/n1",
    policy: "p",
    pool: "a",
    from: 3,
    to: 2,
    because: [],
    node: "n1",
    instance: "m1",
    how: "empty",
    ...overrides,
  };
}

describe("withIntents()", () => {
  test("writes down what is about to be done", () => {
    const status = withIntents(EMPTY_STATUS, [aShrink()], AT);
    expect(status.moves).toEqual([
      {
        key: "p/a/shrink/n1",
        kind: "shrink",
        pool: "a",
        node: "n1",
        instance: "m1",
        from: 3,
        to: 2,
        phase: "intended",
        at: "2026-06-01T00:00:00.000Z",
      },
    ]);
  });

  test("leaves a move of the same key that is in flight as it is", () => {
    const once = withIntents(EMPTY_STATUS, [aGrow()], AT);
    expect(withIntents(once, [aGrow()], later(5_000))).toBe(once);
  });

  test("replaces one that has ended", () => {
    const failed = withOutcomes(
      withIntents(EMPTY_STATUS, [aGrow()], AT),
      [{ key: aGrow().key, outcome: { kind: "failed", detail: "no" } }],
      AT,
    );
    const again = withIntents(failed, [aGrow()], later(1));
    expect(again.moves.map(({ phase }) => phase)).toEqual(["intended"]);
  });

  test("keeps the list bounded, and never drops what is in flight", () => {
    let status = withIntents(EMPTY_STATUS, [aGrow({ key: "first" })], AT);
    for (let i = 0; i < 2 * MAX_MOVES; i++) {
      const key = `k${i}`;
      status = withOutcomes(
        withIntents(status, [aGrow({ key })], AT),
        [{ key, outcome: { kind: "failed", detail: "no" } }],
        AT,
      );
    }
    expect(status.moves).toHaveLength(MAX_MOVES + 1);
    expect(status.moves.filter(inFlight).map(({ key }) => key)).toEqual(["first"]);
    expect(status.moves.at(-1)?.key).toBe(`k${2 * MAX_MOVES - 1}`);
  });

  test("drops no removal that its group may not have carried out, and forgets no failure for it", () => {
    const ended = (status: PolicyStatus, move: Move, outcome: Outcome, at = AT) =>
      withOutcomes(withIntents(status, [move], at), [{ key: move.key, outcome }], at);
    let status = ended(EMPTY_STATUS, aGrow({ key: "no" }), { kind: "failed", detail: "no" });
    for (let i = 0; i < 2 * MAX_MOVES; i++)
      status = ended(status, aShrink({ key: `s${i}` }), { kind: "applied", from: 2, to: 1 });
    expect(status.moves).toHaveLength(2 * MAX_MOVES + 1);
    expect(status.moves[0]).toMatchObject({ key: "no", phase: "failed" });
    const old = ended(status, aGrow({ key: "late" }), { kind: "failed", detail: "no" }, later(301_000));
    expect(old.moves).toHaveLength(MAX_MOVES);
  });

  test("keeps all growths of one cycle until readings have caught up", () => {
    const keys = Array.from({ length: 2 * MAX_MOVES }, (_, i) => `g${i}`);
    const outcome = { kind: "applied", from: 0, to: 1 } as const;
    const grown = withOutcomes(
      withIntents(
        EMPTY_STATUS,
        keys.map((key) => aGrow({ key })),
        AT,
      ),
      keys.map((key) => ({ key, outcome })),
      AT,
    );
    expect(grown.moves).toHaveLength(2 * MAX_MOVES);
    const later61 = withOutcomes(
      withIntents(grown, [aGrow({ key: "next" })], later(61_000)),
      [{ key: "next", outcome }],
      later(61_000),
    );
    expect(later61.moves).toHaveLength(MAX_MOVES + 1);
  });

  test("says why a node goes, for whoever finishes it", () => {
    expect(withIntents(EMPTY_STATUS, [aShrink({ disruption: "Movable" })], AT).moves[0]?.disruption).toBe(
      "Movable",
    );
  });
});

describe("what failed to launch", () => {
  test("goes through the status and comes back", () => {
    const offering = {
      offering: "p3|z1|spot",
      kind: "no-capacity",
      failures: 2,
      lastAt: new Date(AT).toISOString(),
      until: new Date(later(60)).toISOString(),
      detail: "none left",
    } as const;
    const unreadable = { ...offering, offering: "x", until: "soon" };
    expect(journalOf({ ...EMPTY_STATUS, offerings: [offering, unreadable] }).offerings).toEqual([
      { ...offering, lastAt: AT, until: later(60) },
    ]);
  });

  test("the journal keeps of which kind a failed growth was", () => {
    const status = withOutcomes(
      withIntents(EMPTY_STATUS, [aGrow()], AT),
      [{ key: aGrow().key, outcome: { kind: "failed", detail: "no", failure: "quota" } }],
      later(10),
    );
    expect(journalOf(status).moves).toMatchObject([{ phase: "failed", failure: "quota" }]);
  });
});

describe("withOutcomes()", () => {
  const intended = withIntents(EMPTY_STATUS, [aGrow(), aShrink()], AT);

  test("starts the up-cooldown and counts the nodes when a growth is done", () => {
    const status = withOutcomes(
      intended,
      [{ key: aGrow().key, outcome: { kind: "applied", from: 1, to: 3 } }],
      later(10),
    );
    const journal = journalOf(status);
    expect(journal.lastUpAt).toEqual({ a: later(10) });
    expect(journal.lastDownAt).toEqual({});
    expect(journal.additions).toEqual([{ at: later(10), nodes: 2 }]);
  });

  test.each([
    ["failed", { kind: "failed", detail: "denied" } as const],
    ["reached already", { kind: "reached", size: 3 } as const],
    ["not settled", { kind: "unsettled", detail: "time-out" } as const],
  ])("starts no cooldown when a growth is %s", (_, outcome) => {
    const journal = journalOf(withOutcomes(intended, [{ key: aGrow().key, outcome }], later(10)));
    expect(journal.lastUpAt).toEqual({});
    expect(journal.additions).toEqual([]);
  });

  test("counts a replacement for the rate and starts no cooldown with it", () => {
    const move = { ...aGrow(), kind: "replace" as const, notice: "i", node: "n" };
    const status = withOutcomes(
      withIntents(EMPTY_STATUS, [move], AT),
      [{ key: move.key, outcome: { kind: "applied", from: 1, to: 2 } }],
      AT,
    );
    expect(journalOf(status)).toMatchObject({ lastUpAt: {}, additions: [{ nodes: 1 }] });
  });

  test("starts the down-cooldown when a removal is done", () => {
    const status = withOutcomes(
      intended,
      [{ key: aShrink().key, outcome: { kind: "applied", from: 3, to: 2 } }],
      later(10),
    );
    expect(journalOf(status).lastDownAt).toEqual({ a: later(10) });
  });

  test("counts removals for their rate, those of one moment in one entry, and forgets old ones", () => {
    const removed = (from: PolicyStatus, key: string, at: EpochMs) =>
      withOutcomes(
        withIntents(from, [aShrink({ key })], at),
        [{ key, outcome: { kind: "applied", from: 3, to: 2 } }],
        at,
      );
    const two = removed(removed(EMPTY_STATUS, "a", AT), "b", later(4_000));
    expect(journalOf(two).removals).toEqual([{ at: later(4_000), nodes: 2 }]);
    const third = removed(two, "c", later(60_000));
    expect(journalOf(third).removals).toEqual([
      { at: later(4_000), nodes: 2 },
      { at: later(60_000), nodes: 1 },
    ]);
    expect(journalOf(removed(third, "d", later(604_001))).removals).toEqual([
      { at: later(60_000), nodes: 1 },
      { at: later(604_001), nodes: 1 },
    ]);
  });

  test("counts no removal that failed, and none that a cloud made", () => {
    const { how: _how, ...shrink } = aShrink({ key: "r" });
    const release: Release = { ...shrink, kind: "release" };
    const status = withOutcomes(
      withIntents(EMPTY_STATUS, [aShrink(), release], AT),
      [
        { key: aShrink().key, outcome: { kind: "failed", detail: "no" } },
        { key: "r", outcome: { kind: "applied", from: 3, to: 2 } },
      ],
      AT,
    );
    expect(journalOf(status).removals).toEqual([]);
  });

  test("keeps a drain's age from its intent", () => {
    const status = withOutcomes(
      intended,
      [{ key: aShrink().key, outcome: { kind: "draining", detail: "waiting" } }],
      later(60_000),
    );
    expect(status.moves.find(({ key }) => key === aShrink().key)).toMatchObject({
      phase: "draining",
      at: "2026-06-01T00:00:00.000Z",
    });
  });

  test("forgets additions that are older than the rate looks back", () => {
    const first = withOutcomes(
      intended,
      [{ key: aGrow().key, outcome: { kind: "applied", from: 1, to: 3 } }],
      AT,
    );
    const second = withOutcomes(
      withIntents(first, [aGrow({ key: "b" })], later(600_001)),
      [{ key: "b", outcome: { kind: "applied", from: 3, to: 4 } }],
      later(600_001),
    );
    expect(journalOf(second).additions).toEqual([{ at: later(600_001), nodes: 1 }]);
  });

  test("keeps what an error said to what a person reads", () => {
    const said = { kind: "failed", detail: "<html>".repeat(10_000) } as const;
    const [move] = withOutcomes(intended, [{ key: aGrow().key, outcome: said }], later(10)).moves.slice(-1);
    expect(move?.detail).toHaveLength(500);
    expect(move?.detail).toMatch(/^<html>.*…$/);
  });

  test("ignores the end of a move that nobody began", () => {
    expect(withOutcomes(intended, [{ key: "unknown", outcome: { kind: "failed", detail: "x" } }], AT)).toBe(
      intended,
    );
  });
});

describe("moveHash()", () => {
  test("fits a label's value and tells keys apart", () => {
    expect(moveHash("p/a/shrink/n1")).toMatch(/^[0-9a-f]{12}$/);
    expect(moveHash("p/a/shrink/n1")).not.toBe(moveHash("p/a/shrink/n2"));
  });
});
