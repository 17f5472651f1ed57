import { describe, expect, test } from "vitest";

import { NOW } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { policy, pool } from "../../test/build/policy.ts";
import type { BuiltPool, PoolOptions } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { decide } from "../decide/decide.ts";
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

describe("the condition GroupsMatch", () => {
  const matching = (...pools: readonly BuiltPool[]) =>
    verdictsOf(policy({ pools }), []).find(({ type }) => type === "GroupsMatch");
  const bounded = (min: number | undefined, max: number | undefined, options: PoolOptions = {}) =>
    pool("spot", {
      ...options,
      group: {
        kind: "known",
        size: 2,
        chosenRemoval: true,
        ...(min === undefined ? {} : { min }),
        ...(max === undefined ? {} : { max }),
      },
    });
  const saying = (...mismatches: readonly string[]): BuiltPool => {
    const { spec, input } = pool("spot", { size: 0 });
    return { spec, input: { ...input, mismatches } };
  };

  test("is true where nothing speaks against it", () => {
    expect(matching(pool("a", { size: 0 }), bounded(0, 20))).toMatchObject({
      status: "True",
      reason: "GroupsMatch",
    });
    expect(matching(saying())?.status).toBe("True");
  });

  test("names bounds of a group that are narrower than ours, before they bind", () => {
    expect(matching(bounded(1, 5, { minSize: 0, maxSize: 10 }))).toMatchObject({
      status: "False",
      reason: "GroupMismatch",
      message:
        "pool spot: its group allows 5 at most, its maxSize is 10: raise the one or lower the other; pool spot: its group keeps 1 at least, its minSize is 0: lower the one or raise the other",
    });
  });

  test("says what back ends found, and no more of it than can be read", () => {
    expect(matching(saying("instance i-1 has two nodes"))?.message).toBe(
      "pool spot: instance i-1 has two nodes",
    );
    const many = matching(
      saying(...Array.from({ length: 8 }, (_, index) => `${index} ${"x".repeat(5_000)}`)),
    );
    expect(many?.message).toMatch(/; 3 more$/);
    expect(many?.message.length).toBeLessThan(4_000);
  });

  test("decides nothing", () => {
    const [known, told] = [pool("spot", { size: 0 }), saying("instance i-1 has two nodes")].map((made) =>
      decide(snapshot({ policies: [policy({ pools: [made] })], pods: [pod("p", { gpus: 8 })] })),
    );
    expect(told?.plan).toEqual(known?.plan);
  });
});
