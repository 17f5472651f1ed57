import { describe, expect, test } from "vitest";

import { CLUSTER_API } from "../../../shared/model/names.ts";
import { pausedBecause } from "./paused.ts";

const WORDS = "MachinePool a";
const metadata = { name: "a" };
const condition = (status: string, message?: string) => ({
  type: CLUSTER_API.pausedCondition,
  status,
  ...(message === undefined ? {} : { message }),
});

describe("pausedBecause()", () => {
  test("names the annotation, whatever its value", () => {
    const annotations = { [CLUSTER_API.paused]: "" };
    expect(pausedBecause({ metadata: { name: "a", annotations } }, WORDS)).toContain(CLUSTER_API.paused);
  });

  test.each([
    ["v1beta2", { conditions: [condition("True", "Cluster spec.paused is set to true")] }],
    ["v1beta1", { v1beta2: { conditions: [condition("True", "Cluster spec.paused is set to true")] } }],
  ])("tells of a Cluster that is paused, by the condition of %s", (_, status) => {
    expect(pausedBecause({ metadata, status }, WORDS)).toBe(
      "MachinePool a is paused (Cluster spec.paused is set to true), so a new size would not be carried out: end the pause there",
    );
  });

  test.each([
    ["no status", undefined],
    ["a condition that is not true", { conditions: [condition("False")] }],
    ["conditions that are none", { conditions: [null, 3, { type: 1 }], v1beta2: "x" }],
  ])("is null with %s", (_, status) => {
    expect(pausedBecause({ metadata, status }, WORDS)).toBeNull();
  });
});
