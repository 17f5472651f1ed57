import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../shared/model/units.ts";
import { aCloudGroup, aWorld, forward } from "../../test/world/build.ts";
import type { CloudInstance } from "./world-cloud.ts";
import type { World } from "./world.ts";

/** Things that programs, people and the cloud do to groups, drawn at random. */
const step = fc.oneof(
  fc.record({ group: fc.constantFrom("a", "b"), desired: fc.integer({ min: 0, max: 6 }) }),
  fc.record({ zone: fc.constantFrom("zone-a", "zone-b"), max: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ which: fc.nat(9), inMs: fc.nat(60_000) }),
  fc.record({ which: fc.nat(9), how: fc.constantFrom("terminate", "detach"), decrement: fc.boolean() }),
  fc.record({ waitMs: fc.nat(120_000) }),
);

type Step = Parameters<Parameters<typeof step.map>[0]>[0];

function members(world: World): readonly CloudInstance[] {
  return world.clouds
    .groups()
    .flatMap(({ instances }) => instances)
    .filter(({ state }) => state !== "terminating");
}

function act(world: World, action: Step): void {
  const { clouds, now } = world;
  if ("desired" in action) clouds.setDesired(action.group, action.desired);
  else if ("max" in action) clouds.setCapacity({ zone: action.zone }, action.max);
  else if ("waitMs" in action) forward(world, action.waitMs);
  else {
    const there = members(world);
    const instance = there[action.which % Math.max(1, there.length)];
    const group = clouds.group(instance?.group ?? "");
    if (instance === undefined || group === null) return;
    if ("inMs" in action) clouds.interrupt(instance.id, epochMs(now + action.inMs));
    else {
      const decrement = action.decrement && group.desired > group.min;
      if (action.how === "terminate") clouds.terminate(instance.id, { decrement });
      else clouds.detach(instance.id, { decrement });
    }
  }
}

/** Never more than wanted, and each node is one instance's. */
function check(world: World): void {
  for (const { name, desired, instances } of world.clouds.groups()) {
    const alive = instances.filter(({ state }) => state !== "terminating");
    expect(alive.length, `members of ${name}`).toBeLessThanOrEqual(desired);
    expect(new Set(instances.map(({ group }) => group))).toEqual(
      new Set(instances.length === 0 ? [] : [name]),
    );
  }
  const providerIDs = world.list("nodes").map(({ spec }) => spec?.providerID);
  expect(new Set(providerIDs).size).toBe(providerIDs.length);
  const nodes = new Set(world.list("nodes").map(({ metadata }) => metadata.name));
  for (const { node } of members(world)) if (node !== null) expect(nodes).toContain(node);
}

describe("whatever happens to a cloud", () => {
  test("its groups are never larger than wanted, and as large as wanted once there is stock", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(step, { minLength: 5, maxLength: 40 }), (seed, steps) => {
        const world = aWorld({ seed, pools: [] });
        const shape = { zones: ["zone-a", "zone-b"], bootMs: [millis(5_000), millis(40_000)] } as const;
        world.clouds.addGroup(aCloudGroup({ ...shape, name: "a", cloud: "aws", desired: 2 }));
        world.clouds.addGroup(aCloudGroup({ ...shape, name: "b", desired: 1, max: 6 }));
        for (const action of steps) {
          act(world, action);
          check(world);
        }
        for (const zone of shape.zones) world.clouds.setCapacity({ zone }, null);
        forward(world, 600_000);
        check(world);
        for (const { desired, instances } of world.clouds.groups()) {
          expect(instances).toHaveLength(desired);
          expect(instances.every(({ state }) => state === "running")).toBe(true);
        }
        const made = world.ledger.flatMap((fact) => (fact.kind === "machine-created" ? [fact.machine] : []));
        const removed = world.ledger.flatMap((fact) =>
          fact.kind === "machine-removed" ? [fact.machine] : [],
        );
        expect(new Set(made).size).toBe(made.length);
        expect(new Set(removed).size).toBe(removed.length);
        expect(world.list("nodes")).toHaveLength(made.length - removed.length);
      }),
      { numRuns: 150 },
    );
  });
});
