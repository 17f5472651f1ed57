import { describe, expect, test } from "vitest";

import { NOW } from "../../../test/build/now.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { Snapshot } from "../snapshot.ts";
import { sanePolicies } from "./sane-policy.ts";

const VALID = policy({ pools: [pool("spot", { size: 1 }), pool("od", { size: 2 })] });

/** What a file can hold that the types do not allow. */
const read = (part: Readonly<Record<string, unknown>>) => sanePolicies([{ ...VALID, ...part }], NOW)[0];

describe("sanePolicies()", () => {
  test("keeps the spec of a policy that is well, decision after decision", () => {
    const [first] = sanePolicies([VALID], NOW);
    const [second] = sanePolicies([VALID], NOW);
    expect(first).toMatchObject({ kind: "valid", spec: VALID.spec });
    expect(first?.kind === "valid" && second?.kind === "valid" && first.spec === second.spec).toBe(true);
  });

  test("gives an older spec the defaults of fields that have come since", () => {
    const { disruption: _, ...older } = VALID.spec;
    expect(read({ spec: older })).toMatchObject({ kind: "valid", spec: { disruption: { freeze: false } } });
  });

  test.each([
    ["spec.maxNodes: 0 is not valid", { spec: { ...VALID.spec, maxNodes: 0 } }],
    ["it has no spec", { spec: null }],
    ["what is known of its pools cannot be read", { pools: {} }],
    ["what is known of its pools cannot be read", { pools: VALID.pools.slice(1) }],
    ["its journal (there is none) cannot be read", { journal: null }],
    ["its journal (moves) cannot be read", { journal: { ...VALID.journal, moves: null } }],
    [
      "its journal (entry 1 of moves) cannot be read",
      { journal: { ...VALID.journal, moves: [{ key: "k", pool: "spot" }] } },
    ],
    ["its journal (lastUpAt) cannot be read", { journal: { ...VALID.journal, lastUpAt: 7 } }],
    [
      "its journal (entry 1 of moves) cannot be read",
      { journal: { ...VALID.journal, moves: [{ ...move(NOW, {}), phase: "failed", failure: "sunspots" }] } },
    ],
  ])("lets one do nothing of which %s", (problem, part) => {
    expect(read(part)).toMatchObject({
      kind: "invalid",
      problems: [expect.stringContaining(problem) as unknown],
    });
  });

  test.each([
    [
      { min: 1, max: 3, growsItself: true },
      { min: 1, max: 3, growsItself: true },
    ],
    [{ min: -1, max: 1.5, detaches: "yes", replacesLeaving: 1 }, {}],
    [{ min: "1", max: null, growsItself: "perhaps" }, { growsItself: true }],
  ])("keeps of what a group says of its size what can be read: %j", (said, kept) => {
    const known = { kind: "known", size: 1, chosenRemoval: true };
    const [spot, ...others] = VALID.pools;
    const made = read({ pools: [{ ...spot, group: { ...known, ...said } }, ...others] });
    expect(made?.kind === "valid" && made.pools[0]?.group).toEqual({ ...known, ...kept });
  });

  test("keeps what a group says of its nodes, and what does not fit, as far as it can be read", () => {
    const [spot, ...others] = VALID.pools;
    const said = {
      template: { labels: { a: 7 }, instanceTypes: ["p3.2xlarge"] },
      mismatches: ["two names", 7],
    };
    const made = read({ pools: [{ ...spot, ...said }, ...others] });
    expect(made?.kind === "valid" && made.pools[0]).toMatchObject({
      template: { instanceTypes: ["p3.2xlarge"] },
      mismatches: ["two names"],
    });
  });

  test.each([
    ["the group says its size is -1", { group: { kind: "known", size: -1, chosenRemoval: true } }],
    ["the group says its size is null", { group: { kind: "known", size: null, chosenRemoval: true } }],
    ["it cannot be read", { group: { kind: "there", size: 1 } }],
    ["it cannot be read", { group: null }],
    ["its members cannot be read", { instances: {} }],
    ["entry 1 of its members cannot be read", { instances: [{ id: "i", node: null, state: "odd" }] }],
  ])("does not know the size of a group of which %s", (detail, part) => {
    const [spot, od] = VALID.pools;
    expect(read({ pools: [{ ...spot, ...part }, od] })).toMatchObject({
      kind: "valid",
      pools: [
        { name: "spot", group: { kind: "unknown", detail } },
        { name: "od", group: { kind: "known", size: 2 } },
      ],
    });
  });

  test("does not take a member for failed in a way that nobody knows", () => {
    const member = { id: "i", node: null, state: "failed", zone: "a" };
    const [spot, od] = VALID.pools;
    const instances = [{ ...member, failure: { kind: "sunspots", detail: "" } }];
    expect(read({ pools: [{ ...spot, instances }, od] })).toMatchObject({
      pools: [{ instances: [member] }, {}],
    });
  });

  test("lets the pools of other policies go on", () => {
    const broken = { ...policy({ name: "broken", pools: [pool("other")] }), journal: null };
    const whole = policy({ pools: [pool("spot", { size: 0, minSize: 1 })] });
    const input = { ...snapshot(), policies: [broken, whole] } as unknown as Snapshot;
    expect(decide(input).plan).toMatchObject({
      moves: [{ kind: "grow", pool: "spot", to: 1 }],
      holds: [{ pool: "other", because: [{ code: "policy-invalid" }] }],
    });
  });
});
