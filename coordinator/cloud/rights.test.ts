import { describe, expect, test } from "vitest";

import { AppError } from "../../shared/runtime/errors.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import type { CloudAccount, ProbeAnswer } from "./account.ts";
import { rightsAt } from "./rights.ts";
import type { CloudTarget } from "./target.ts";

const aws = (region: string, name: string): CloudTarget => ({
  kind: "aws",
  aws: { region, autoScalingGroup: name },
});
const ALLOWED: ProbeAnswer = { call: "autoscaling:SetDesiredCapacity", outcome: "allowed" };
const allowed = async (): Promise<readonly ProbeAnswer[]> => await Promise.resolve([ALLOWED]);

function scene(probeOf: (target: CloudTarget) => CloudAccount["probe"]) {
  const clock = createFakeClock();
  const asked: string[] = [];
  const at = async (...targets: readonly CloudTarget[]) =>
    await rightsAt(targets, {
      clock,
      signal: new AbortController().signal,
      accounts: {
        account: async (target) => {
          await Promise.resolve();
          const probe = probeOf(target);
          return {
            backEnd: target.kind,
            name: "an account",
            look: async () => await Promise.resolve(new Map()),
            group: () => {
              throw new Error("no group is written to here");
            },
            ...(probe === undefined
              ? {}
              : {
                  probe: async (keys, limits) => {
                    asked.push(keys.join(","));
                    return await probe(keys, limits);
                  },
                }),
          };
        },
      },
    });
  return { clock, asked, at };
}

describe("rightsAt()", () => {
  test("asks each account once for all of its groups", async () => {
    const { at, asked } = scene(() => allowed);
    const groups = [
      aws("us-west-2", "a"),
      aws("us-west-2", "b"),
      aws("us-west-2", "a"),
      aws("us-east-1", "c"),
    ];
    expect(await at(...groups)).toEqual([
      { account: "aws us-west-2", backEnd: "aws", groups: 2, answers: [ALLOWED] },
      { account: "aws us-east-1", backEnd: "aws", groups: 1, answers: [ALLOWED] },
    ]);
    expect(asked).toEqual(["a,b", "c"]);
    expect(await at()).toEqual([]);
  });

  test("says why of an account that cannot be asked, beside those that can", async () => {
    const { at } = scene((target) => {
      if (target.kind !== "aws" || target.aws.region !== "us-west-2") return allowed;
      throw new AppError("unavailable", "no such host");
    });
    expect(await at(aws("us-west-2", "a"), aws("us-east-1", "b"))).toMatchObject([
      { account: "aws us-west-2", answers: null, problem: "no such host" },
      { account: "aws us-east-1", answers: [ALLOWED] },
    ]);
  });

  test("knows nothing of a back end that has no way to ask", async () => {
    const [only] = await scene(() => undefined).at(aws("us-west-2", "a"));
    expect(only?.answers).toBeNull();
    expect(only?.problem).toContain("no harmless way");
  });

  test("gives up on one that never answers", async () => {
    const { clock, at } = scene(() => async () => await Promise.withResolvers<never>().promise);
    const reading = at(aws("us-west-2", "a"));
    await clock.untilSleeping(20_000);
    await clock.advance(20_000);
    const [only] = await reading;
    expect(only?.answers).toBeNull();
    expect(only?.problem).toContain("no answer within");
  });
});
