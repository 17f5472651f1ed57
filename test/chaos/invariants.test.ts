// A checker that cannot fail proves nothing: a book in which all went well passes, and the same book with one entry spoiled
// is caught, by the rule that the entry breaks.

import { expect, test } from "vitest";

import type { MoveState } from "../../shared/contract/policy/status.ts";
import type { Entry } from "./book.ts";
import { FLEET } from "./book.ts";
import { INVARIANTS, violationsOf } from "./invariants.ts";
import type { Invariant } from "./invariants.ts";

const BOUNDS = { editMs: 1_000, freshMs: 15_000, chanceMs: 5_000, recoveryMs: 30_000 };

const move = (fields: Partial<MoveState>): MoveState => ({
  key: `gpus/a/${fields.kind ?? "grow"}/x`,
  kind: "grow",
  pool: "a",
  from: 0,
  to: 2,
  phase: "intended",
  at: "2026-01-05T00:00:00Z",
  why: "pending-pods",
  ...fields,
});

const write = (fields: Partial<Extract<Entry, { kind: "write" }>>): Entry => ({
  at: 20,
  kind: "write",
  pool: "a",
  what: "grow",
  from: 0,
  to: 2,
  fleetTo: 2,
  staleMs: 0,
  instance: null,
  node: null,
  occupants: [],
  noticed: false,
  ...fields,
});

const shrink = move({
  kind: "shrink",
  node: "n1",
  instance: "m1",
  from: 2,
  to: 1,
  why: "idle",
  disruption: "Idle",
});

/** By name, so that a case says which one it spoils. */
const GOOD = {
  fleet: { at: 0, kind: "limits", pool: FLEET, limits: { min: 0, max: 4 } },
  limits: { at: 0, kind: "limits", pool: "a", limits: { min: 1, max: 3 } },
  cycle: { at: 5, kind: "cycle", pools: ["a"], answered: ["a"] },
  grow: { at: 10, kind: "intent", pool: "a", move: move({}), reading: null },
  grown: write({}),
  first: { at: 21, kind: "launch", pool: "a", machine: "m1" },
  second: { at: 21, kind: "launch", pool: "a", machine: "m2" },
  idle: { at: 100, kind: "intent", pool: "a", move: shrink, reading: { ageMs: 4_000, busiest: 0 } },
  low: {
    at: 110,
    kind: "evicted",
    pod: "default/low",
    node: "n1",
    class: "low",
    staying: ["high"],
    ordered: true,
  },
  high: {
    at: 120,
    kind: "evicted",
    pod: "default/high",
    node: "n1",
    class: "high",
    staying: [],
    ordered: true,
  },
  removed: write({
    at: 200,
    what: "remove",
    from: 2,
    to: 1,
    fleetTo: 1,
    instance: "m1",
    node: "n1",
  }),
  ended: { at: 220, kind: "end", pool: "a", machine: "m1", why: "asked" },
  taken: { at: 300, kind: "end", pool: "a", machine: "m2", why: "taken" },
  lost: {
    at: 300,
    kind: "pod-lost",
    pod: "default/p",
    node: "n2",
    why: "noticed",
    evicted: true,
    chanceMs: 20_000,
  },
  seen: { at: 300, kind: "notice-seen", node: "n2" },
  notice: { at: 300, kind: "notice", node: "n2", deadline: 300, chanceMs: 20_000 },
  again: { at: 301, kind: "launch", pool: "a", machine: "m3" },
  last: {
    at: 9_000,
    kind: "last",
    faultsEnd: 1_000,
    settledAt: 8_000,
    left: [],
    cordoned: [],
    forgotten: [],
  },
} as const satisfies Readonly<Record<string, Entry>>;
type Name = keyof typeof GOOD;

const names = Object.keys(GOOD) as Name[];
const book = (spoiled: Partial<Record<Name, Entry | null>>): readonly Entry[] =>
  names.flatMap((name) => {
    const entry = name in spoiled ? spoiled[name] : GOOD[name];
    return entry === null || entry === undefined ? [] : [entry];
  });
const brokenBy = (spoiled: Partial<Record<Name, Entry | null>>): readonly Invariant[] => [
  ...new Set(violationsOf(book(spoiled), BOUNDS).map(({ invariant }) => invariant)),
];

test("a run in which all went well passes", () => {
  expect(violationsOf(book({}), BOUNDS)).toEqual([]);
});

const cases: readonly (readonly [string, Partial<Record<Name, Entry | null>>, Invariant])[] = [
  [
    "a group over its maximum",
    { limits: { ...GOOD.limits, limits: { min: 1, max: 1 } } },
    "size within limits",
  ],
  [
    "a fleet over its maximum",
    { fleet: { ...GOOD.fleet, limits: { min: 0, max: 1 } } },
    "size within limits",
  ],
  [
    "a removal under the minimum",
    { limits: { ...GOOD.limits, limits: { min: 2, max: 3 } } },
    "size within limits",
  ],
  ["a write where nobody may", { limits: { ...GOOD.limits, limits: null } }, "size within limits"],
  ["a growth that nobody wrote down", { grow: null }, "removal with its reason"],
  ["a removal that nobody wrote down", { idle: null }, "removal with its reason"],
  [
    "an intent without its reason",
    { idle: { ...GOOD.idle, move: { ...shrink, why: undefined } } },
    "removal with its reason",
  ],
  [
    "a removal of another machine than was written down",
    { idle: { ...GOOD.idle, move: { ...shrink, instance: "m2" } } },
    "removal with its reason",
  ],
  [
    "idleness on an old reading",
    { idle: { ...GOOD.idle, reading: { ageMs: 20_000, busiest: 0 } } },
    "removal with its reason",
  ],
  ["idleness without a reading", { idle: { ...GOOD.idle, reading: null } }, "removal with its reason"],
  [
    "a removal with a pod on it",
    { removed: { ...GOOD.removed, occupants: ["default/p (high)"] } as Entry },
    "removal with its reason",
  ],
  [
    "a machine too many",
    { second: { ...GOOD.second, machine: "m2" }, again: { ...GOOD.again, at: 21 }, taken: null },
    "launch accounted for",
  ],
  ["a machine that the group picked", { ended: { ...GOOD.ended, why: "victim" } }, "launch accounted for"],
  [
    "a machine that nobody accounts for",
    { last: { ...GOOD.last, forgotten: ["m9"] } },
    "launch accounted for",
  ],
  ["a cordon that stays", { last: { ...GOOD.last, cordoned: ["node n1"] } }, "cordon taken back"],
  ["a high pod before a low one", { high: { ...GOOD.high, staying: ["low"] } }, "pod evicted in order"],
  ["a pod that went down unasked", { lost: { ...GOOD.lost, evicted: false } }, "pod evicted in order"],
  [
    "a pod on a machine that we took",
    { lost: { ...GOOD.lost, why: "removed", evicted: false, chanceMs: 0 } },
    "pod evicted in order",
  ],
  ["a notice that nobody took over", { seen: null }, "notice not lost"],
  ["a pool without an answer", { cycle: { ...GOOD.cycle, answered: [] } }, "every pool answered"],
  [
    "a stage that failed",
    { cycle: { at: 5, kind: "broken", part: "replica-1", detail: "bug" } },
    "nothing broken",
  ],
  [
    "a fleet that does not come to rest",
    { last: { ...GOOD.last, settledAt: null, left: ["pod p waits"] } },
    "settled in time",
  ],
  ["a fleet that rests late", { last: { ...GOOD.last, settledAt: 40_000 } }, "settled in time"],
];

test.each(cases)("%s is caught", (_what, spoiled, invariant) => {
  expect(brokenBy(spoiled)).toEqual([invariant]);
});

test("each rule has a case that it catches", () => {
  expect([...new Set(cases.map(([, , invariant]) => invariant))].toSorted()).toEqual(INVARIANTS.toSorted());
});

test("a notice that nobody had a chance to see is nobody's fault", () => {
  const short = { ...GOOD.notice, chanceMs: 1_000 };
  expect(
    brokenBy({ seen: null, notice: short, lost: { ...GOOD.lost, evicted: false, chanceMs: 0 } }),
  ).toEqual([]);
});

test("limits that were changed a moment ago still count, those before do not", () => {
  const before = GOOD.limits;
  const lowered = (at: number): Entry => ({ ...before, at, limits: { min: 0, max: 1 } });
  const grownAt = (at: number, staleMs = 0): readonly Entry[] => [
    GOOD.fleet,
    before,
    GOOD.grow,
    lowered(5_000),
    write({ at, staleMs }),
  ];
  expect(violationsOf(grownAt(5_900), BOUNDS)).toEqual([]);
  expect(violationsOf(grownAt(6_100), BOUNDS)).toHaveLength(1);
  expect(violationsOf(grownAt(6_100, 500), BOUNDS)).toEqual([]);
});
