import { describe, expect, test } from "vitest";

import { GPU_RESOURCE } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { GroupLook } from "../account.ts";
import { createFirstSeen, lookOf } from "./look.ts";
import type { SimulatedGroupBody } from "./protocol.ts";

const NOW = epochMs(1_000_000);

function anInstance(id: string, state: SimulatedGroupBody["instances"][number]["state"] = "running"): object {
  return { id, zone: "zone-a", instanceType: "gpu-8x", state, providerID: `sim://a/${id}`, ageMs: 60_000 };
}

function aBody(overrides: object = {}): object {
  return {
    desired: 1,
    min: 0,
    max: 5,
    version: "7",
    chosenRemoval: true,
    instances: [anInstance("a-1")],
    template: {
      instanceTypes: ["gpu-8x"],
      labels: { tier: "spot" },
      taints: [{ key: "gpu", effect: "NoSchedule" }],
      allocatable: { cpu: "96", [GPU_RESOURCE]: "8" },
    },
    ...overrides,
  };
}

function lookAt(body: unknown): GroupLook {
  return lookOf("a", body, (_id, ageMs) => epochMs(NOW - ageMs));
}

describe("lookOf()", () => {
  test("shows size, bounds, members and what a node of it is", () => {
    expect(lookAt(aBody())).toEqual({
      kind: "seen",
      state: { size: 1, version: "7", min: 0, max: 5, unfilled: 0 },
      chosenRemoval: true,
      detaches: true,
      members: [
        {
          id: "a-1",
          zone: "zone-a",
          instanceType: "gpu-8x",
          providerID: "sim://a/a-1",
          state: "present",
          createdAt: NOW - 60_000,
        },
      ],
      template: {
        instanceTypes: ["gpu-8x"],
        labels: { tier: "spot" },
        taints: [{ key: "gpu", effect: "NoSchedule" }],
        allocatable: { cpu: 96_000, [GPU_RESOURCE]: 8 },
      },
      mismatches: [],
    });
  });

  test("gives each place that no instance fills a name, and does not count an instance that ends", () => {
    const instances = [anInstance("a-1"), anInstance("a-2", "terminating"), anInstance("a-3", "pending")];
    expect(lookAt(aBody({ desired: 4, instances }))).toMatchObject({
      state: { size: 4, unfilled: 2 },
      members: [
        { id: "a-1", state: "present" },
        { id: "a-2", state: "leaving" },
        { id: "a-3", state: "present" },
        { id: "a/placeholder-1", placeholder: true, state: "present" },
        { id: "a/placeholder-2", placeholder: true, state: "present" },
      ],
    });
  });

  test("says of open places why they are open", () => {
    const failure = { kind: "quota", code: "QuotaExceeded", message: "at most 1", at: 5 };
    expect(lookAt(aBody({ desired: 2, failure }))).toMatchObject({
      members: [
        { id: "a-1", state: "present" },
        {
          id: "a/placeholder-1",
          state: "failed",
          failure: { kind: "quota", detail: "QuotaExceeded: at most 1" },
        },
      ],
    });
  });

  test("knows a group that is not there from one that the answer does not name", () => {
    expect(lookAt(null)).toEqual({ kind: "missing", detail: "the simulated cloud has no group a" });
    expect(lookAt(undefined)).toMatchObject({ kind: "unknown" });
  });

  test.each([
    ["desired", null],
    ["desired", -1],
    ["desired", 1.5],
    ["desired", "2"],
    ["version", ""],
    ["instances", null],
    ["instances", [{ id: "" }]],
    ["failure", { kind: "tired" }],
    ["template", { instanceTypes: [], labels: {}, taints: [], allocatable: { cpu: "a lot" } }],
  ])("does not guess %s from %j, and names it", (field, value) => {
    const look = lookAt(aBody({ [field]: value }));
    expect(look).toMatchObject({ kind: "unknown", detail: expect.stringContaining(field) as string });
  });
});

describe("createFirstSeen()", () => {
  test("gives a member the same birth at each look, whatever the clocks do, and forgets who is gone", () => {
    let now = NOW;
    const firstSeen = createFirstSeen(() => now);
    const birth = (id: string, ageMs: number): number => firstSeen.of("a")(id, ageMs);
    expect(birth("a-1", 60_000)).toBe(940_000);
    now = epochMs(NOW + 10_250);
    expect(birth("a-1", 70_000)).toBe(940_000);
    expect(birth("a-2", 250)).toBe(1_010_000);
    expect(birth("a-1", 70_000)).toBe(940_250);
  });

  test("takes no age for one from before the beginning", () => {
    expect(createFirstSeen(() => NOW).of("a")("a-1", 2_000_000)).toBe(0);
  });
});
