import { expect, test } from "vitest";

import { NODE_LABEL } from "../../shared/model/names.ts";
import { node } from "../../test/build/node.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { notice, snapshot } from "../../test/build/snapshot.ts";
import { isOfSpot } from "./spot-notice.ts";

type Said = Parameters<typeof isOfSpot>[0]["machine"];

const onDemand = { instanceType: "p4d", lifecycle: "on-demand" } as Said;
const taken = (labels: Readonly<Record<string, string>>, tier: "spot" | "on-demand") =>
  snapshot({
    policies: [policy({ pools: [pool("a", { capacityType: tier })] })],
    nodes: [node("n1", { pool: "a", labels })],
  });

test.each<[string, boolean, Readonly<Record<string, string>>, Said, "spot" | "on-demand"]>([
  [
    "its label says spot, whatever else says",
    true,
    { [NODE_LABEL.capacityType]: "spot" },
    onDemand,
    "on-demand",
  ],
  ["its label says on-demand", false, { [NODE_LABEL.capacityType]: "on-demand" }, undefined, "spot"],
  ["its machine says on-demand", false, {}, onDemand, "spot"],
  ["its pool alone says spot", true, {}, undefined, "spot"],
  ["its pool alone says on-demand", false, {}, undefined, "on-demand"],
])("a node of which %s: %s", (_, isSpot, labels, machine, tier) => {
  const of = notice("n1");
  const told = machine === undefined ? of : { ...of, machine };
  expect(isOfSpot(told, taken(labels, tier))).toBe(isSpot);
});

test("a node of which nobody knows anything counts as spot", () => {
  expect(isOfSpot(notice("elsewhere"), taken({}, "on-demand"))).toBe(true);
});
