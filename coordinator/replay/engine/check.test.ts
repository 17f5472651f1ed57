import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { aJob, aPool, aPrice, aScenario, aSpec } from "../../../test/build/scenario.ts";
import type { Scenario } from "../scenario.ts";
import { decideSizer } from "./decide-sizer.ts";
import { play } from "./play.ts";

const jobs = (...all: Scenario["work"]["jobs"]): Partial<Scenario> => ({ work: { jobs: all, services: [] } });
const pool = aPool("spot", "us-east-1a");
const policy = (spec: unknown): Partial<Scenario> => ({ policies: [{ name: "gpu", spec }], pools: [pool] });

describe("a scenario that cannot be played", () => {
  test.each<[string, Partial<Scenario>, string]>([
    ["a negative length", { lengthMs: -1 as ReturnType<typeof millis> }, "lengthMs is -1"],
    [
      "a warm-in beyond the end",
      { warmInMs: millis(1e12) },
      "warmInMs is 1000000000000: it has to end before lengthMs",
    ],
    [
      "jobs out of order",
      jobs(aJob("a", 10, 1), aJob("b", 5, 1)),
      "work.jobs[1] is 5: it comes before the one above it (10)",
    ],
    [
      "two jobs of one name",
      jobs(aJob("a", 0, 1), aJob("a", 5, 1)),
      'work.jobs[1] is "a": this name is there already',
    ],
    ["a negative duration", jobs(aJob("a", 0, -5)), 'work.jobs[0] ("a").durationMs is -5'],
    ["a duration that is no number", jobs(aJob("a", 0, Number.NaN)), 'work.jobs[0] ("a").durationMs is null'],
    [
      "workers that cannot share",
      jobs({ ...aJob("a", 0, 1), gpus: 3, workers: 2 }),
      'work.jobs[0] ("a").workers is 2: 3 GPUs cannot be shared evenly by them',
    ],
    [
      "a GPU that no pool has",
      jobs({ ...aJob("a", 0, 1), gpuTypes: ["H100"] }),
      'work.jobs[0] ("a").gpuTypes is "H100": no pool has this kind',
    ],
    [
      "prices out of order",
      { prices: [aPrice("spot", "us-east-1a", 1, 10), aPrice("spot", "us-east-1a", 1, 5)] },
      "it comes before the one above it",
    ],
    ["a price below zero", { prices: [aPrice("spot", "us-east-1a", -1)] }, "prices[0].usdPerHour is -1"],
    [
      "a pool without a zone",
      { pools: [{ ...pool, zones: [] }] },
      'pools[0].zones is "[]": name at least one zone',
    ],
    [
      "a quantity that is none",
      { pools: [{ ...pool, allocatable: { cpu: "many" } }] },
      'pools[0].allocatable.cpu is "many": write a Kubernetes quantity',
    ],
    [
      "a group that the scenario does not have",
      policy(aSpec([{ ...pool, name: "elsewhere" }])),
      'spec.nodePools[0] ("elsewhere").group.simulated.name is "elsewhere": the scenario has spot-us-east-1a',
    ],
    [
      "a group of a real cloud",
      policy({
        ...aSpec([]),
        nodePools: [
          {
            name: "real",
            minSize: 0,
            maxSize: 1,
            capacityType: "spot",
            group: { aws: { autoScalingGroup: "g", region: "us-east-1" } },
          },
        ],
      }),
      'is "aws": a replay has simulated groups only',
    ],
    [
      "a policy that cannot be used, with all that is wrong with it",
      policy({ ...aSpec([pool]), maxNodes: -1, emptySeconds: "soon" }),
      'policy "gpu" cannot be used: ',
    ],
  ])("by %s", (_what, overrides, words) => {
    const playIt = (): unknown => play(aScenario(overrides), decideSizer());
    expect(playIt).toThrow(AppError);
    expect(playIt).toThrow(words);
  });
});
