import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node, reported } from "../../../test/build/node.ts";
import { policy } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { neededForUtilization } from "./needed-for-utilization.ts";

const fleet = (...means: number[]) =>
  snapshot({ nodes: means.map((mean, index) => node(`n${index + 1}`, { telemetry: reported({ mean }) })) });

test("a node stays when the rest would be over the threshold without it", () => {
  expect(verdict(neededForUtilization, fleet(0, 0.7, 0.7))).toBeNull();
  expect(verdict(neededForUtilization, fleet(0.2, 0.75, 0.75))).toEqual({
    code: "needed-for-utilization",
    node: "n1",
    meanAfter: expect.closeTo(0.85, 5) as number,
    threshold: 0.8,
  });
});

test("nor does the last one that reports go while it is itself over the threshold", () => {
  expect(verdict(neededForUtilization, fleet(0.9))).toMatchObject({ meanAfter: 0.9 });
});

test("the last node, and nodes among silent ones, are not kept by a mean that nobody knows", () => {
  expect(verdict(neededForUtilization, fleet(0.1))).toBeNull();
  expect(verdict(neededForUtilization, snapshot({ nodes: [node("n1"), node("n2")] }))).toBeNull();
});

test("with a behavior nothing goes while the use is within the tolerance of the threshold", () => {
  const means = Array.from({ length: 20 }, () => 0.73);
  const asked = (behavior?: PolicyOptions["behavior"]) =>
    verdict(neededForUtilization, {
      ...fleet(...means),
      policies: snapshot({
        nodes: fleet(...means).nodes,
        policies: [policy(behavior === undefined ? {} : { behavior })],
      }).policies,
    });
  expect(asked()).toBeNull();
  expect(asked({})).toMatchObject({ code: "needed-for-utilization", threshold: 0.72 });
  expect(asked({ scaleDown: { tolerance: 0.05 } })).toBeNull();
});
