import { describe, expect, test } from "vitest";

import { epochMs } from "../../shared/model/units.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import { policy, pool } from "../../test/build/policy.ts";
import type { PolicyOptions } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { allowedNow } from "./recheck.ts";

function allowed(spec: PolicyOptions, sizes: Readonly<Record<string, number>>, addedNow = 0): number {
  const only = policy({
    pools: [pool("spot", { maxSize: 6 }), pool("od", { capacityType: "on-demand" })],
    ...spec,
  });
  return allowedNow({
    policy: only,
    pool: "spot",
    sizes: new Map(Object.entries(sizes)),
    addedNow,
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
