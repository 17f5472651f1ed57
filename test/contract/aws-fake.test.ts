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

test("a group that protects every machine shrinks by the one that was chosen, and one that somebody protected stays", async () => {
  await using harness = await awsFakeHarness({ groups: 2, size: 2, min: 0, max: 4 }, answers);
  const [chosen = "", other = ""] = await harness.instances();
  harness.cloud.configure("group-0", { protectsNew: true });
  const group = harness.group();
  await group.removeInstance(chosen, await group.read(calling(harness)), calling(harness));
  await harness.advance();
  expect(await harness.instances()).toEqual([other]);

  const [kept = ""] = await harness.instances(1);
  harness.cloud.configure("group-1", { protected: [kept] });
  const second = harness.group(1);
  const removal = second.removeInstance(kept, await second.read(calling(harness)), calling(harness));
  await expect(removal).rejects.toMatchObject({
    kind: "refused",
    message: `Auto Scaling group group-1: somebody protected ${kept} from scale-in: take the protection away (SetInstanceProtection) and it can go`,
  });
});

test("a place whose machine AWS launches and does not list yet is not given back, so that no other machine ends", async () => {
  await using harness = await awsFakeHarness({ groups: 1, size: 2, min: 0, max: 4 }, answers);
  const there = await harness.instances();
  const group = harness.group();
  await group.resize(3, await group.read(calling(harness)), calling(harness));
  const launched = harness.world.clouds.group("group-0")?.instances.map(({ id }) => id) ?? [];
  const begun = launched.filter((id) => !there.includes(id));
  harness.cloud.configure("group-0", { unlisted: begun });
  const seen = await group.read(calling(harness));
  expect(seen).toMatchObject({ size: 3, unfilled: 1 });
  await expect(group.cancelUnfilled(1, seen, calling(harness))).rejects.toMatchObject({ kind: "conflict" });
  await harness.advance();
  expect(await harness.instances()).toEqual([...there, ...begun]);
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
