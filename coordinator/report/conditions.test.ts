import { describe, expect, test } from "vitest";

import { NOW } from "../../test/build/now.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { verdictsOf, withVerdicts } from "./conditions.ts";

const valid = (provider: "aws" | "custom", ...instanceTypes: readonly string[]) =>
  verdictsOf(
    policy({ provider, pools: [pool("spot", { fields: { instanceTypes: [...instanceTypes] } })] }),
    [],
  ).find(({ type }) => type === "Valid");

test("a condition of a policy with very much wrong in it is still one that can be written", () => {
  const problems = Array.from({ length: 9_000 }, (_, index) => `spec.nodePools.${index}.name: is required`);
  const verdicts = verdictsOf({ kind: "invalid", name: "p", problems, pools: [] }, []);
  const [valid] = withVerdicts([], verdicts, { at: NOW, generation: 1 });
  expect(valid?.message).toHaveLength(4_000);
  expect(valid).toMatchObject({ type: "Valid", status: "False" });
});

describe("the condition Valid", () => {
  test("is true without a word for machines that the catalogue has, and for those of no cloud", () => {
    for (const verdict of [valid("aws", "p3.2xlarge"), valid("aws"), valid("custom", "box-8x")])
      expect(verdict).toEqual({
        type: "Valid",
        status: "True",
        reason: "Accepted",
        message: "the spec is valid",
      });
  });

  test("names a machine that the catalogue lacks, with those that are spelt alike, and stays true", () => {
    expect(valid("aws", "p3.2xlarge", "p3.2xlarg")).toMatchObject({
      status: "True",
      reason: "UnknownInstanceType",
      message: expect.stringMatching(
        /^the spec is valid; pool spot: the catalogue has no machine p3\.2xlarg of aws, near it are p3\.2xlarge.*: correct the name, or say in the pool's template and price/,
      ) as unknown,
    });
  });

  test("says of which cloud a machine is that was named for another", () => {
    expect(valid("aws", "a2-highgpu-1g")?.message).toContain("a2-highgpu-1g is a machine of gcp, not of aws");
  });
});
