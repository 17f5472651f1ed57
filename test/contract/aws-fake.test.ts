import { beforeAll, describe, expect, test } from "vitest";

import type { Python } from "../tools/python.ts";
import type { AwsAnswer } from "../world/cloud/aws.ts";
import { awsFakeHarness } from "./aws-fake-harness.ts";
import { faultsIn, judge, pythonOrWhyNot } from "./aws-referee.ts";
import { cloudGroupContract } from "./cloud-group.ts";
import { calling } from "./harness.ts";

/** Of all cases, in the order in which they ran. */
const answers: AwsAnswer[] = [];

cloudGroupContract("aws on our stand-in", async (setup) => await awsFakeHarness(setup, answers));

test("a growth is one read and one write, although the group is asked for anew in between", async () => {
  await using harness = await awsFakeHarness({ groups: 1, size: 2, min: 0, max: 4 });
  const seen = await harness.group().read(calling(harness));
  await harness.group().resize(3, seen, calling(harness));
  const sent = harness.cloud.calls.map(({ action }) => action);
  expect(sent).toEqual(["DescribeAutoScalingGroups", "SetDesiredCapacity"]);
});

describe("AWS's service model", () => {
  let python: Python | string = "";
  beforeAll(async () => {
    python = await pythonOrWhyNot();
  }, 120_000);

  test("finds nothing wrong with any answer of the contract's run", async ({ skip }) => {
    if (typeof python === "string") return skip(python);
    expect(answers.length).toBeGreaterThan(100);
    expect(faultsIn(await judge(python, answers))).toEqual([]);
    const actions = [...new Set(answers.map(({ action, status }) => `${action} ${status}`))].toSorted();
    console.log(`the referee read ${answers.length} answers of our stand-in: ${actions.join(", ")}`);
  });
});
