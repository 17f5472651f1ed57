import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { NOW, SECOND } from "../../../test/build/now.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { grows, holdCodes, notice, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { assemble } from "../fleet/fleet.ts";
import { createPacking } from "../pack/packing.ts";
import { neededForHeadroom } from "./headroom.ts";

type Headroom = NonNullable<PolicyOptions["headroom"]>[number];

const kept = (options: Partial<Headroom> = {}): Headroom => ({ name: "spare", gpus: 8, ...options });
const added = (spec: PolicyOptions, options: SnapshotOptions = {}) =>
  grows(decide(snapshot({ policies: [policy(spec)], ...options }))).map(({ pool: name, from, to }) => [
    name,
    to - from,
  ]);

describe("headroom", () => {
  test("opens nodes for the room that is missing, cooldown or not, and says it", () => {
    const journal = { lastUpAt: { spot: epochMs(NOW - SECOND) } };
    const decision = decide(snapshot({ policies: [policy({ journal, headroom: [kept({ gpus: 12 })] })] }));
    expect(grows(decision)[0]).toMatchObject({ pool: "spot", from: 0, to: 2 });
    expect(grows(decision)[0]?.because).toEqual([{ code: "headroom", name: "spare", free: 0, wanted: 12 }]);
  });

  test.each([
    ["room on a node that is here", { nodes: [node("n")] }, {}],
    ["room on one that boots", {}, { pools: [pool("spot", { size: 1 })] }],
    [
      "room that pods leave on a new node",
      { pods: [pod("p", { gpus: 4 })] },
      { headroom: [kept({ gpus: 4 })] },
    ],
    ["a node that a minimum adds", {}, { pools: [pool("spot", { minSize: 1 })] }],
  ])("is met by %s", (_case, options, spec) => {
    const decision = decide(snapshot({ policies: [policy({ headroom: [kept()], ...spec })], ...options }));
    const codes = grows(decision).flatMap(({ because }) => because.map(({ code }) => code));
    expect(codes).not.toContain("headroom");
  });

  test("counts room that is left after pods have their place", () => {
    const full = { nodes: [node("n")], pods: [pod("waits", { gpus: 3 })] };
    expect(added({ headroom: [kept({ gpus: 5 })] }, full)).toEqual([]);
    expect(added({ headroom: [kept({ gpus: 6 })] }, full)).toEqual([["spot", 1]]);
  });

  test("does not buy again when a pod that may open nothing yet would take a node that is coming", () => {
    const undecided = pod("p", { gpus: 8, waiting: { kind: "undecided" } });
    const coming = { headroom: [kept()], pools: [pool("spot", { size: 1 })] };
    expect(added(coming, { pods: [undecided] })).toEqual([]);
    expect(added(coming, { pods: [pod("p", { gpus: 8 })] })).toEqual([["spot", 1]]);
  });

  test("is not on a node that a pause keeps from being asked for", () => {
    const journal = { lastUpAt: { spot: epochMs(NOW - SECOND) } };
    const waiting = { pods: [pod("p", { gpus: 1 })] };
    expect(added({ journal }, waiting)).toEqual([]);
    expect(added({ journal, headroom: [kept({ gpus: 7 })] }, waiting)).toEqual([["spot", 1]]);
  });

  test("comes in pieces that one pod takes on one node", () => {
    const halves = {
      nodes: [node("a"), node("b")],
      pods: [pod("x", { node: "a", gpus: 4 }), pod("y", { node: "b", gpus: 4 })],
    };
    expect(added({ headroom: [kept({ gpusPerPod: 1 })] }, halves)).toEqual([]);
    expect(added({ headroom: [kept({ gpusPerPod: 8 })] }, halves)).toEqual([["spot", 1]]);
  });

  test.each([
    ["under notice", { nodes: [node("n")], notices: [notice("n", { replace: false })] }],
    ["cordoned", { nodes: [node("n", { unschedulable: true })] }],
    ["not ready", { nodes: [node("n", { ready: "not-ready" as const, ageMs: 3600_000 })] }],
    ["of nobody", { nodes: [node("n", { pool: null })] }],
  ])("is not on a node that is %s", (_case, options) => {
    expect(added({ headroom: [kept()] }, options)).toEqual([["spot", 1]]);
  });

  test("of two entries is kept twice", () => {
    const headroom = [kept({ name: "a" }), kept({ name: "b" })];
    expect(added({ headroom }, { nodes: [node("n")] })).toEqual([["spot", 1]]);
    expect(added({ headroom })).toEqual([["spot", 2]]);
  });

  test("of one GPU model is on nodes of that model only, and opens pools of it", () => {
    const pools = [
      pool("spot", { fields: { gpuType: "T4" } }),
      pool("od", { capacityType: "on-demand", fields: { gpuType: "nvidia-h100" } }),
    ];
    const headroom = [kept({ gpuType: "H100" })];
    expect(added({ pools, headroom }, { nodes: [node("n")] })).toEqual([["od", 1]]);
    expect(added({ pools, headroom }, { nodes: [node("n", { pool: "od" })] })).toEqual([]);
  });

  test("of a model that no pool is known to have opens nothing", () => {
    expect(added({ headroom: [kept({ gpuType: "H100" })] })).toEqual([]);
  });

  test("asks for labels and for resources by name", () => {
    const pools = [pool("spot"), pool("od", { capacityType: "on-demand", labels: { team: "a" } })];
    expect(added({ pools, headroom: [kept({ nodeSelector: { team: "a" } })] })).toEqual([["od", 1]]);
    expect(added({ pools, headroom: [kept({ resource: "nvidia.com/mig-1g.5gb" })] })).toEqual([]);
  });

  test("obeys the limits and notes which one", () => {
    const decision = decide(snapshot({ policies: [policy({ maxGpus: 8, headroom: [kept({ gpus: 16 })] })] }));
    expect(grows(decision)[0]).toMatchObject({ from: 0, to: 1 });
    expect(grows(decision)[0]?.because).toContainEqual({ code: "at-maximum", scope: "gpus", maximum: 8 });
  });

  test("never takes a place from a pod", () => {
    const decision = decide(
      snapshot({
        policies: [policy({ maxGpus: 8, headroom: [kept()] })],
        pods: pods(8, "p"),
      }),
    );
    expect(grows(decision)[0]).toMatchObject({ from: 0, to: 1 });
    expect(grows(decision)[0]?.pods).toHaveLength(8);
    expect(holdCodes(decision)).toEqual([]);
  });
});

describe("neededForHeadroom()", () => {
  function needed(headroom: readonly Headroom[], options: SnapshotOptions, name: string, moved = 0) {
    const input = snapshot({ policies: [policy({ headroom: [...headroom] })], ...options });
    const packing = createPacking(assemble(input), input.pods);
    const [first] = packing.fleet.pools;
    if (first === undefined) throw new Error("no pool");
    const leaving = moved === 0 ? [] : [pod("moved", { node: name, gpus: moved })];
    return neededForHeadroom(packing, first, name, leaving);
  }
  const two = { nodes: [node("a"), node("b")] };

  test("names the headroom that would be missing", () => {
    expect(needed([kept({ gpus: 16 })], two, "a")).toBe("spare");
    expect(needed([kept({ gpus: 8 })], two, "a")).toBeNull();
    expect(needed([], two, "a")).toBeNull();
  });

  test("counts what the pods of the node would take of it elsewhere", () => {
    expect(needed([kept({ gpus: 6 })], two, "a", 2)).toBeNull();
    expect(needed([kept({ gpus: 7 })], two, "a", 2)).toBe("spare");
  });

  test("does not keep a node that has no part in it, where it is missing anyway", () => {
    const full = { nodes: [node("a"), node("b")], pods: [pod("x", { node: "a", gpus: 8 })] };
    expect(needed([kept({ gpus: 64 })], full, "a")).toBeNull();
    expect(needed([kept({ gpus: 64 })], full, "b")).toBe("spare");
  });
});
