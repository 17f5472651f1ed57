import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import type { Member } from "../cloud/account.ts";
import { hasLost, isMoving, readingOf, sharedMembers, tierMismatch } from "./cloud-reading.ts";
import type { SeenLook } from "./cloud-reading.ts";

function look(members: readonly Member[], more: Partial<SeenLook> = {}): SeenLook {
  const state = { size: members.length, version: null };
  return {
    kind: "seen",
    state,
    chosenRemoval: true,
    detaches: false,
    members,
    mismatches: [],
    ...more,
  };
}

const A: Member = { id: "i-0a", state: "present", providerID: "aws:///us-west-2a/i-0a", zone: "us-west-2a" };
const PLACE: Member = { id: "gpu/placeholder-1", state: "present", placeholder: true };

/** Nodes by the machine that they say they are; "!" before one that is not Ready. */
function cluster(
  nodes: Readonly<Record<string, readonly string[]>>,
  lost: Readonly<Record<string, string>> = {},
) {
  return {
    lostSince: (providerID: string) => {
      const node = lost[providerID];
      return node === undefined ? null : { node, at: epochMs(0) };
    },
    lostBy: (providerID: string) => {
      const node = lost[providerID];
      return node === undefined ? null : { node, at: epochMs(0) };
    },
    nodesOf: (providerID: string) => (nodes[providerID] ?? []).map((name) => name.replace("!", "")),
    isNodeReady: (name: string) => Object.values(nodes).flat().includes(name),
  };
}

describe("a group's reading", () => {
  test("tells its size and bounds, and the template that it has", () => {
    const state = { size: 4, version: "7", min: 1, max: 9, unfilled: 1 };
    const template = { instanceTypes: ["p4d.24xlarge"] };
    expect(
      readingOf(look([], { state, template, chosenRemoval: false, detaches: true }), cluster({}), []),
    ).toEqual({
      group: { kind: "known", size: 4, chosenRemoval: false, min: 1, max: 9, detaches: true },
      instances: [],
      template,
    });
  });

  test.each([
    ["spot", "spot", []],
    ["on-demand", "reserved", []],
    [undefined, "spot", []],
    [
      "on-demand",
      "spot",
      ["its template makes on-demand machines, and pool a says capacityType spot: correct one of the two"],
    ],
    [
      "spot",
      "on-demand",
      ["its template makes spot machines, and pool a says capacityType on-demand: correct one of the two"],
    ],
  ] as const)("says of a template for %s machines in a pool for %s ones: %j", (made, said, sentences) => {
    const shown = look([], made === undefined ? {} : { capacityType: made });
    expect(tierMismatch(shown, { pool: "a", nodeSelector: {}, capacityType: said })).toEqual(sentences);
  });

  test("knows a machine whose place is filled anew by the node that it was, where the group fills it", () => {
    const gone: Member = { ...A, state: "leaving" };
    const sources = cluster({}, { [A.providerID ?? ""]: "n" });
    const of = (replacesLeaving: boolean) =>
      readingOf(look([gone], { replacesLeaving }), sources, []).instances;
    expect(of(true)).toMatchObject([{ node: "n", state: "leaving" }]);
    expect(of(false)).toMatchObject([{ node: null, state: "leaving" }]);
  });

  test("says that the group makes the next machine itself only where it does", () => {
    const of = (more: Partial<SeenLook>) => readingOf(look([], more), cluster({}), []).group;
    expect(of({ replacesLeaving: true })).toMatchObject({ replacesLeaving: true });
    expect(of({ replacesLeaving: false })).not.toHaveProperty("replacesLeaving");
    expect(of({})).not.toHaveProperty("replacesLeaving");
  });

  test.each([
    ["has no node yet", A, {}, { node: null, state: "booting" }],
    ["has a node that is not Ready", A, { [A.providerID ?? ""]: ["!n"] }, { node: "n", state: "booting" }],
    ["has a Ready node", A, { [A.providerID ?? ""]: ["n"] }, { node: "n", state: "ready" }],
    [
      "leaves",
      { ...A, state: "leaving" as const },
      { [A.providerID ?? ""]: ["n"] },
      { node: "n", state: "leaving" },
    ],
    ["has failed", { ...A, state: "failed" as const }, {}, { node: null, state: "failed" }],
    ["is a place", PLACE, {}, { node: null, state: "booting" }],
    [
      "is a place that will not be filled",
      { ...PLACE, state: "failed" as const },
      {},
      { node: null, state: "failed" },
    ],
  ])("knows a member that %s", (_, member, nodes, expected) => {
    const { instances, mismatches } = readingOf(look([member]), cluster(nodes), []);
    const { providerID: _providerID, state: _state, ...rest } = member;
    expect(instances).toEqual([{ ...rest, ...expected }]);
    expect(mismatches).toBeUndefined();
  });

  test("knows a member whose node has gone since the look: one that is lost, not one that is on its way", () => {
    const gone = cluster({}, { [A.providerID ?? ""]: "n" });
    const { instances } = readingOf(look([A]), gone, []);
    expect(instances).toMatchObject([{ id: "i-0a", node: "n", state: "ready" }]);
    expect(hasLost(look([A]), gone)).toBe(true);
    // What the cloud itself says of its end goes before, and a node that is there again.
    const leaving = look([{ ...A, state: "leaving" }]);
    expect(readingOf(leaving, gone, []).instances).toMatchObject([{ node: null, state: "leaving" }]);
    const back = cluster({ [A.providerID ?? ""]: ["n"] }, { [A.providerID ?? ""]: "n" });
    for (const [seen, sources] of [
      [leaving, gone],
      [look([A]), back],
      [look([A, PLACE]), cluster({})],
    ] as const)
      expect(hasLost(seen, sources)).toBe(false);
  });

  test("keeps what the cloud says of a member, but for its providerID", () => {
    const failure = { kind: "quota", detail: "VcpuLimitExceeded" } as const;
    const member: Member = {
      ...A,
      state: "failed",
      createdAt: epochMs(5),
      instanceType: "g5.xlarge",
      failure,
    };
    expect(readingOf(look([member]), cluster({}), []).instances).toEqual([
      {
        id: "i-0a",
        node: null,
        state: "failed",
        zone: "us-west-2a",
        createdAt: 5,
        instanceType: "g5.xlarge",
        failure,
      },
    ]);
  });

  test("gives a member no node when two say they are it, and says so", () => {
    const { instances, mismatches } = readingOf(
      look([A]),
      cluster({ [A.providerID ?? ""]: ["n2", "n1"] }),
      [],
    );
    expect(instances).toMatchObject([{ node: null, state: "booting" }]);
    expect(mismatches).toEqual(["instance i-0a is claimed by the nodes n1 and n2"]);
  });

  test("gives a member no node when its providerID cannot be read, and says so", () => {
    const { instances, mismatches } = readingOf(
      look([{ ...A, providerID: "i-0a" }]),
      cluster({ "i-0a": ["n"] }),
      [],
    );
    expect(instances).toMatchObject([{ node: null, state: "booting" }]);
    expect(mismatches).toEqual(['instance i-0a: its providerID "i-0a" cannot be read']);
  });

  test("says at most eight things that do not fit, and how many more there are", () => {
    const { mismatches } = readingOf(
      look([], { mismatches: ["first"] }),
      cluster({}),
      Array.from({ length: 20 }, (_, n) => `s${n}`),
    );
    expect(mismatches).toHaveLength(9);
    expect(mismatches?.[0]).toBe("first");
    expect(mismatches?.at(-1)).toBe("and 13 more of the kind");
  });
});

describe("members of two groups", () => {
  test("are told to each of them, placeholders left out", () => {
    const shared = sharedMembers([
      ["x", look([A, PLACE])],
      ["y", look([A, PLACE])],
      ["z", look([{ ...A, id: "i-0c", providerID: "aws:///us-west-2a/i-0c" }])],
      ["w", { kind: "unknown", detail: "?" }],
    ]);
    expect([...shared]).toEqual([
      ["x", ["instance i-0a is listed in the groups x and y: detach it from all but one"]],
      ["y", ["instance i-0a is listed in the groups x and y: detach it from all but one"]],
    ]);
  });

  test("are told by their machines, not by numbers that two scale sets have alike", () => {
    const machine = (set: string): Member => ({
      id: "0",
      state: "present",
      providerID: `azure:///subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/${set}/virtualMachines/0`,
    });
    expect(
      sharedMembers([
        ["a", look([machine("a")])],
        ["b", look([machine("b")])],
      ]).size,
    ).toBe(0);
    expect([
      ...sharedMembers([
        ["a", look([machine("a")])],
        ["pool of AKS", look([machine("A")])],
      ]).keys(),
    ]).toEqual(["a", "pool of AKS"]);
  });
});

describe("a group is moving", () => {
  const { nodesOf } = cluster({ [A.providerID ?? ""]: ["n"] });
  test.each([
    [true, "a place is to be filled", look([PLACE])],
    [true, "a machine has no node yet", look([{ ...A, providerID: "aws:////i-0b" }])],
    [false, "every machine has a node", look([A])],
    [false, "what is missing will not come", look([{ ...PLACE, state: "failed" }])],
    [false, "it is not known", { kind: "unknown", detail: "?" } as const],
  ])("%s when %s", (expected, _, seen) => {
    expect(isMoving(seen, nodesOf)).toBe(expected);
  });
});
