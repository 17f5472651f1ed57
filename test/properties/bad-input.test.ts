// A snapshot may be wrong in every way: a file that somebody edited, a clock that went back, an API that answers
// nonsense. A decision is made all the same: what cannot be read is held with a reason, and whatever is well goes on.

import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { decide } from "../../coordinator/decide/decide.ts";
import type { PodInput, PodTerm } from "../../coordinator/decide/snapshot-pod.ts";
import type { NodeInput, Snapshot } from "../../coordinator/decide/snapshot.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { node, reported } from "../build/node.ts";
import { HOUR, MINUTE, NOW, SECOND } from "../build/now.ts";
import { pod, pods } from "../build/pod.ts";
import { policy, pool } from "../build/policy.ts";
import { snapshots } from "../build/random-snapshot.ts";
import { freeze, memory, notice, snapshot } from "../build/snapshot.ts";

/** Well, whatever is wrong beside it: it always grows, since it is never at its minimum. */
const WELL = policy({ name: "well", minNodes: 1, pools: [pool("well", { size: 0 })] });

/** `whole`: no list can have lost anything, so that a hold as of an incomplete one is no answer. */
function isAnswered(input: Snapshot, whole = false): void {
  const { plan } = decide(freeze(input));
  const grown = plan.moves.filter((move) => move.policy === "well").map(({ kind }) => kind);
  const held = plan.holds.filter((hold) => hold.policy === "well").flatMap(({ because }) => because);
  if (!whole && held.some(({ code }) => code === "not-synced")) expect(plan.moves).toEqual([]);
  else expect(grown).toEqual(["grow"]);
  JSON.stringify(plan, (key, value: unknown) => {
    if (typeof value === "number") expect([key, Number.isFinite(value)]).toEqual([key, true]);
    return value;
  });
}

/** On a machine on which much else runs. */
const PATIENT = { timeout: 60_000 };

const JUNK: readonly unknown[] = [
  null,
  undefined,
  Number.NaN,
  -1,
  0.5,
  1e300,
  Infinity,
  "",
  "nonsense",
  true,
  [],
  {},
  [null],
  { kind: "nonsense" },
];

/** The value with what is at the end of a path, chosen by the numbers, replaced. */
function broken(value: unknown, path: readonly number[], junk: unknown): unknown {
  const [first = 0, ...rest] = path;
  if (typeof value !== "object" || value === null || path.length === 0) return junk;
  const keys = Object.keys(value);
  const key = keys[first % Math.max(1, keys.length)];
  if (key === undefined) return junk;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (String(index) === key ? broken(item, rest, junk) : item));
  return { ...value, [key]: broken((value as Record<string, unknown>)[key], rest, junk) };
}

const PARTS = [
  "policies",
  "nodes",
  "pods",
  "budgets",
  "notices",
  "memory",
  "namespaces",
  "prices",
  "workUnits",
] as const;

/** What a removal would hit may be in the hole of one of these, so that everything is held. */
const LISTS: ReadonlySet<string> = new Set(["nodes", "pods", "budgets", "notices"]);

describe("a snapshot in which something is wrong", PATIENT, () => {
  test("anywhere is answered, and pools that are well go on", () => {
    fc.assert(
      fc.property(
        snapshots,
        fc.constantFrom(...PARTS),
        fc.array(fc.nat(40), { minLength: 1, maxLength: 8 }),
        fc.constantFrom(...JUNK),
        (input, part, path, junk) => {
          const wrong = broken(input[part], path, junk);
          const own = part === "policies" ? (Array.isArray(wrong) ? wrong : []) : input.policies;
          isAnswered(
            { ...input, [part]: wrong, policies: [...(own as Snapshot["policies"]), WELL] },
            input.sync.kind === "synced" && !LISTS.has(part),
          );
        },
      ),
      { numRuns: 1_500 },
    );
  });

  test("in several places is answered too", () => {
    const breaks = fc.array(
      fc.tuple(
        fc.constantFrom("nodes", "pods", "notices", "budgets", "memory"),
        fc.array(fc.nat(40), { minLength: 2, maxLength: 6 }),
        fc.constantFrom(...JUNK),
      ),
      { minLength: 2, maxLength: 6 },
    );
    fc.assert(
      fc.property(snapshots, breaks, (input, all) => {
        let wrong: unknown = { ...input, policies: [...input.policies, WELL] };
        for (const [part, path, junk] of all) {
          const now = wrong as Record<string, unknown>;
          wrong = { ...now, [part]: broken(now[part], path, junk) };
        }
        isAnswered(wrong as Snapshot);
      }),
      { numRuns: 300 },
    );
  });
});

const FLEET = {
  nodes: [node("n1", { telemetry: reported({ busiest: 0.01 }) }), node("n2")],
  pods: [pod("runs", { node: "n1" }), pod("waits", { gpus: 8 })],
  memory: memory({ n1: { idleMs: HOUR } }),
};
const well = (fields: object): Snapshot => ({
  ...snapshot({ ...FLEET, policies: [policy(), WELL] }),
  ...fields,
});

const term = (app: string): PodTerm => ({
  topologyKey: NODE_LABEL.hostname,
  selector: { matchLabels: { app } },
  namespaces: ["default"],
  namespaceSelector: null,
});
const labelled = (name: string, app: string, fields: Partial<PodInput>): PodInput => ({
  ...pod(name),
  labels: { app },
  ...fields,
});

/** What becomes of pod "default/odd", where the case has one. */
const CASES: readonly (readonly [string, Snapshot])[] = [
  ["a part that is missing", well({ budgets: undefined, notices: undefined, namespaces: undefined })],
  ["a memory that is missing", well({ memory: undefined })],
  ["a journal that is missing", well({ policies: [{ ...policy(), journal: undefined }, WELL] })],
  [
    "numbers that are none",
    well({
      nodes: [{ ...node("n1"), createdAt: Number.NaN, allocatable: { "nvidia.com/gpu": Number.NaN } }],
    }),
  ],
  [
    "sizes below zero",
    well({
      policies: [
        policy({ pools: [pool("spot", { group: { kind: "known", size: -3, chosenRemoval: true } })] }),
        WELL,
      ],
    }),
  ],
  ["an enum that nobody knows", well({ nodes: [{ ...node("n1"), ready: "perhaps" as NodeInput["ready"] }] })],
  [
    "a kind of telemetry that nobody knows",
    well({ nodes: [{ ...node("n1"), telemetry: { kind: "guessed" } }] }),
  ],
  [
    "a state of waiting that nobody knows",
    well({ pods: [{ ...pod("odd"), waiting: { kind: "dreaming" } }] }),
  ],
  [
    "names that come twice",
    well({
      nodes: [node("n1"), node("n1", { gpus: 4 })],
      pods: [pod("p"), pod("p", { gpus: 8 })],
      policies: [policy(), policy({ maxNodes: 1 }), WELL],
    }),
  ],
  [
    "a thousand terms of affinity",
    well({
      pods: [
        labelled("odd", "x", {
          podAntiAffinity: Array.from({ length: 1_000 }, (_, index) => term(`a${index}`)),
        }),
      ],
    }),
  ],
  [
    "affinity that goes round in a circle",
    well({
      pods: [
        labelled("a", "a", { podAffinity: [term("b")] }),
        labelled("b", "b", { podAffinity: [term("c")] }),
        labelled("c", "c", { podAffinity: [term("a")], podAntiAffinity: [term("a")] }),
      ],
    }),
  ],
  [
    "a clock that went back",
    well({
      memory: memory({ n1: { idleMs: 0 }, n2: { emptyMs: 0 } }, NOW + HOUR),
      sync: { kind: "synced", since: epochMs(NOW + HOUR) },
    }),
  ],
  [
    "notices from the future",
    well({ notices: [notice("n1", { seenAt: epochMs(NOW + HOUR), deadline: -1 as EpochMs })] }),
  ],
  [
    "a policy at odds with itself",
    well({
      policies: [
        {
          ...policy(),
          spec: {
            ...policy().spec,
            minNodes: 9,
            maxNodes: 1,
            scaleUpThreshold: 0,
            scaleDownThreshold: 1,
            schedules: [{ name: "never", timeZone: "Nowhere", start: "nonsense" }],
          },
        },
        WELL,
      ],
    }),
  ],
];

describe("is answered, and what is well goes on:", () => {
  test.each(CASES)("%s", (_, input) => {
    isAnswered(input);
  });

  test("a pod with a thousand terms gets no place and the reason, and others do", () => {
    const [, input] = CASES.find(([name]) => name.startsWith("a thousand")) ?? [];
    const { unplaced } = decide(input ?? well({})).plan;
    expect(unplaced).toContainEqual({
      pod: "default/odd",
      because: [{ code: "malformed", what: "pod anti-affinity: 1000 entries, at most 100 are read" }],
    });
  });
});

test("100,000 pods are answered", PATIENT, () => {
  const many = Array.from({ length: 100_000 }, (_, index) =>
    pod(`p-${index}`, {
      gpus: 1 + (index % 8),
      waitedMs: 2 * MINUTE + (index % 60) * SECOND,
      cpu: 1_000 + (index % 16) * 250,
    }),
  );
  const input = snapshot({
    pods: many,
    policies: [policy({ maxNodes: 1_000, pools: [pool("spot", { maxSize: 1_000 })] })],
  });
  const { moves, unplaced, packing } = decide({ ...input, workUnits: 2_000_000 }).plan;
  const placed = moves.flatMap((move) => ("pods" in move ? move.pods : []));
  expect(placed.length).toBeGreaterThan(0);
  expect(placed.length + unplaced.length).toBe(100_000);
  expect(packing?.units).toBeGreaterThan(0);
});

test("the order of much that is the same does not show", () => {
  const many = pods(50, "p", { gpus: 8 });
  expect(decide(snapshot({ pods: many.toReversed() })).plan).toEqual(decide(snapshot({ pods: many })).plan);
});
