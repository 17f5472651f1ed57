import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import { policy, pool } from "../../test/build/policy.ts";
import type { PolicyOptions } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { allowedNow, removalRefusedNow } from "./recheck.ts";
import type { Recheck } from "./recheck.ts";

function allowed(spec: PolicyOptions, sizes: Readonly<Record<string, number>>, changedNow = 0): number {
  const only = policy({
    pools: [pool("spot", { maxSize: 6 }), pool("od", { capacityType: "on-demand" })],
    ...spec,
  });
  return allowedNow({
    policy: only,
    pool: "spot",
    sizes: new Map(Object.entries(sizes)),
    changedNow,
    snapshot: snapshot({ policies: [only] }),
  });
}

describe("allowedNow()", () => {
  test("counts with the sizes read now, not with those of the snapshot", () => {
    expect(allowed({}, { spot: 0, od: 0 })).toBe(6);
    expect(allowed({}, { spot: 4, od: 0 })).toBe(2);
    expect(allowed({ maxNodes: 5 }, { spot: 1, od: 3 })).toBe(1);
    expect(allowed({ maxGpus: 32 }, { spot: 1, od: 1 })).toBe(2);
    expect(allowed({}, { spot: 9, od: 0 })).toBe(0);
  });

  test("counts what this cycle and the last ten minutes have added", () => {
    const journal = { additions: [{ at: epochMs(NOW - MINUTE), nodes: 6 }] };
    expect(allowed({ journal }, { spot: 0, od: 0 }, 2)).toBe(2);
  });

  test("is 0 for a size that was not read, a pool that is not there, a policy that is switched off", () => {
    expect(allowed({}, { od: 0 })).toBe(0);
    expect(allowed({}, { spot: Number.NaN, od: 0 })).toBe(0);
    expect(allowed({ pools: [pool("od")] }, { spot: 0 })).toBe(0);
    expect(allowed({ enabled: false }, { spot: 0, od: 0 })).toBe(0);
    expect(allowed({ pools: [pool("spot", { group: { kind: "none" } })] }, { spot: 0 })).toBe(0);
  });
});

describe("allowedNow() under caps", () => {
  const priced = [
    pool("spot", { fields: { price: { usdPerHour: 2 } } }),
    pool("od", { capacityType: "on-demand", fields: { price: { usdPerHour: 3 } } }),
  ];
  const open = { timeZone: "UTC", start: "* * * * *", durationSeconds: 120 };

  test("adds up what all nodes cost by the sizes read now", () => {
    expect(allowed({ pools: priced, maxHourlyCostUsd: 10 }, { spot: 1, od: 1 })).toBe(2);
    expect(allowed({ pools: priced, maxHourlyCostUsd: 10 }, { spot: 1, od: 2 })).toBe(1);
    expect(allowed({ maxHourlyCostUsd: 10 }, { spot: 0, od: 0 })).toBe(0);
  });

  test("holds the cap of a schedule, and adds nothing by one that cannot be read", () => {
    expect(allowed({ schedules: [{ name: "s", ...open, maxNodes: 3 }] }, { spot: 1, od: 1 })).toBe(1);
    expect(allowed({ schedules: [{ name: "s", ...open, timeZone: "Nowhere" }] }, { spot: 1, od: 1 })).toBe(0);
  });
});

describe("removalRefusedNow()", () => {
  const refused = (
    spec: PolicyOptions,
    size: number,
    changedNow = 0,
    why: Pick<Recheck, "disruption"> = { disruption: "Idle" },
  ) => {
    const only = policy({ pools: [pool("spot", { minSize: 1 })], ...spec });
    return removalRefusedNow({
      policy: only,
      pool: "spot",
      sizes: new Map([["spot", size]]),
      changedNow,
      ...why,
      snapshot: snapshot({ policies: [only] }),
    });
  };
  const open = { timeZone: "UTC", start: "* * * * *", durationSeconds: 120 };

  test.each([
    ["the pool's minimum", {}, 1, { code: "at-minimum", scope: "pool", minimum: 1 }],
    ["the policy's minimum", { minNodes: 3 }, 3, { code: "at-minimum", scope: "policy", minimum: 3 }],
    [
      "the floor of a schedule",
      { schedules: [{ name: "s", ...open, minNodes: 4, pools: ["spot"] }] },
      4,
      { code: "at-minimum", scope: "pool", minimum: 4 },
    ],
    ["the freeze switch", { disruption: { freeze: true } }, 5, { code: "frozen" }],
    [
      "a schedule that cannot be read",
      { schedules: [{ name: "s", ...open, timeZone: "Nowhere" }] },
      5,
      { code: "malformed" },
    ],
    ["a policy that is switched off", { enabled: false }, 5, { code: "size-unknown" }],
  ])("is %s", (_case, spec, size, reason) => {
    expect(refused(spec, size)).toMatchObject(reason);
    if (size < 5) expect(refused(spec, size + 1)).toBeNull();
  });

  test("lets nodes of spot go where spot is switched off, and none come", () => {
    expect(refused({ enableSpotInstances: false }, 5)).toBeNull();
    expect(allowed({ enableSpotInstances: false }, { spot: 1, od: 1 })).toBe(0);
  });

  test("is no minimum for what is ill, and all else for it too", () => {
    const only = policy({ pools: [pool("spot", { minSize: 1 })] });
    const ill = (of: typeof only) =>
      removalRefusedNow({
        policy: of,
        pool: "spot",
        sizes: new Map([["spot", 1]]),
        changedNow: 0,
        disruption: "Unhealthy",
        snapshot: snapshot({ policies: [of] }),
      });
    expect(ill(only)).toBeNull();
    expect(ill(policy({ disruption: { freeze: true } }))).toEqual({ code: "frozen" });
    expect(ill(policy({ maxPercentOrNodesRemoved: { nodes: 0, percent: 0 } }))?.code).toBe("removal-rate");
  });

  test("counts what this cycle and the last ten minutes have removed", () => {
    const spec = {
      maxPercentOrNodesRemoved: { nodes: 3, percent: 0 },
      journal: { removals: [{ at: epochMs(NOW - MINUTE), nodes: 2 }] },
    };
    expect(refused(spec, 9)).toBeNull();
    expect(refused(spec, 9, 1)).toMatchObject({ code: "removal-rate", removed: 3, allowed: 3 });
  });

  test("is only a minimum where its cloud takes the machine, since its group would buy the next one beside ours", () => {
    const taken = (spec: PolicyOptions, size: number) => refused(spec, size, 0, {});
    expect(taken({ disruption: { freeze: true } }, 5)).toBeNull();
    expect(taken({ maxPercentOrNodesRemoved: { nodes: 0, percent: 0 } }, 5)).toBeNull();
    expect(taken({}, 1)).toEqual({ code: "at-minimum", scope: "pool", minimum: 1 });
    expect(taken({ minNodes: 3 }, 3)?.code).toBe("at-minimum");
  });
});
