// Each rule that the definition of policies has in CEL, asked of a real API server: refused once with the words that an
// operator will read, accepted once. And that the rules stay within what the server lets a rule cost.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { MORE_CASES, POLICY_CASES } from "../build/policy-cases.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { answerTo, installPolicies } from "../control-plane/policy-answers.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const missing = await whyNoControlPlane();

describe.skipIf(missing !== null)("the definition of policies on a real API server", () => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await installPolicies(plane);
  });
  afterAll(async () => await plane[Symbol.asyncDispose]());

  test.each([...Object.entries(POLICY_CASES), ...Object.entries(MORE_CASES)])(
    "refuses once and accepts once by %s",
    async (_rule, cases) => {
      for (const { refused, accepted, field, says } of cases) {
        const no = await answerTo(plane, refused);
        expect(no.taken).toBe(false);
        expect(
          no.causes.filter((cause) => cause.field === field && cause.message.includes(says)),
        ).toHaveLength(1);
        // Nothing else is wrong with it, so it was this rule that refused it.
        expect(new Set(no.causes.map((cause) => cause.field))).toEqual(new Set([field]));
        const yes = await answerTo(plane, accepted);
        if (!yes.taken) throw new Error(yes.text);
      }
    },
  );

  test("keeps a pool at its capacity type, and lets everything else of it change", async () => {
    const { client } = plane;
    const pools = (fields: object) => [{ name: "a", capacityType: "spot", maxSize: 3, ...fields }];
    const spec = { provider: "custom", nodePools: pools({}) };
    const made = await client.create(RESOURCE.policies, { metadata: { name: "typed" }, spec });
    const patch = async (nodePools: object) =>
      await client.mergePatch(RESOURCE.policies, made.metadata, { spec: { provider: "aws", nodePools } });
    await expect(patch(pools({ capacityType: "reserved" }))).rejects.toThrow(
      'spec.nodePools[0].capacityType: Invalid value: "reserved": a pool keeps its capacityType spot, by which its nodes are counted and kept; for reserved capacity add a pool with another name',
    );
    await patch(pools({ maxSize: 7, group: { aws: { region: "us-west-2", autoScalingGroup: "gpu" } } }));
    // In another place of the list it is the same pool; under another name it is another.
    const other = { name: "b", capacityType: "reserved" };
    await patch([other, ...pools({})]);
    await expect(patch([other, ...pools({ capacityType: "on-demand" })])).rejects.toThrow(
      "spec.nodePools[1].capacityType",
    );
  });

  test("knows every time zone that the coordinator knows", async () => {
    const zones = ["UTC", "GMT", "Etc/GMT+5", "US/Pacific", ...Intl.supportedValuesOf("timeZone")];
    expect(zones.length).toBeGreaterThan(400);
    for (let from = 0; from < zones.length; from += 50) {
      const schedules = zones
        .slice(from, from + 50)
        .map((timeZone) => ({ name: timeZone, timeZone, start: "0 8 * * *", durationSeconds: 60 }));
      expect((await answerTo(plane, { provider: "custom", schedules })).causes).toEqual([]);
    }
  });

  test("takes a policy that is as long as one may be, and falls back on the plain words where it is refused", async () => {
    const names = Array.from({ length: 200 }, (_, index) => `pool-${index}-`.padEnd(63, "x"));
    const schedules = (pools: readonly string[]) =>
      Array.from({ length: 50 }, (_, index) => ({
        name: `schedule-${index}`,
        timeZone: "Europe/Vienna",
        start: "0 8 * * *",
        end: "0 18 * * *",
        pools,
        targetUtilization: 0.5,
      }));
    const spec = {
      provider: "custom",
      nodePools: names.map((name) => ({ name, capacityType: "spot" })),
      headroom: Array.from({ length: 100 }, (_, index) => ({ name: `room-${index}`, gpus: 1 })),
      disruption: { budgets: Array.from({ length: 50 }, () => ({ nodes: "10%" })) },
    };
    const full = await answerTo(plane, { ...spec, schedules: schedules(names.slice(150)) });
    expect(full.causes).toEqual([]);
    const strange = await answerTo(plane, {
      ...spec,
      schedules: schedules(["strange", ...names.slice(151)]),
    });
    // With all the names of its pools the sentence would be longer than the server lets one be.
    expect(strange.causes).toEqual([
      {
        field: "spec.schedules",
        message: "Invalid value: names a pool that is none of this policy; its pools are those of nodePools",
      },
    ]);
    const long = await answerTo(plane, {
      ...spec,
      nodePools: [...spec.nodePools, { name: "y", capacityType: "spot" }],
    });
    expect(long.causes[0]?.field).toBe("spec.nodePools");
    expect(long.causes[0]?.message).toContain("must have at most 200 items");
  });
});
