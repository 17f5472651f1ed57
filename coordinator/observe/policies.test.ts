import { describe, expect, test } from "vitest";

import { POLICY } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { systemClock as clock } from "../../shared/runtime/clock.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { eventually } from "../../test/build/eventually.ts";
import { policySpec, poolSpec } from "../../test/build/scene.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import { scheduleProblems } from "../decide/limits/schedule-check.ts";
import { createPolicies } from "./policies.ts";

describe("createPolicies()", () => {
  test("calls a policy invalid whose time zone does not exist, with the way out, and leaves others alone", async () => {
    await using made = await aWorldClient(1);
    const put = (name: string, timeZone: string): void => {
      const schedules = [{ name: "day", timeZone, start: "0 8 * * *", end: "0 20 * * *", minNodes: 1 }];
      made.server.change((world) =>
        world.put("autoscalingpolicies", {
          apiVersion: POLICY.apiVersion,
          kind: POLICY.kind,
          metadata: { name },
          spec: policySpec([poolSpec("spot")], { schedules }),
        }),
      );
    };
    put("bad", "Mars/Olympus");
    put("good", "Europe/Vienna");
    const { client } = made;
    const policies = createPolicies({
      watch: { client, clock, random: seededRandom(1), log: createLogSink().log, onTrouble: () => {} },
      problemsOf: scheduleProblems,
      onObject: () => {},
      onGone: () => {},
      onChange: () => {},
    });
    const stop = new AbortController();
    const running = policies.watch.run(stop.signal);
    await eventually(() => policies.list().length === 2);
    const parsed = new Map(policies.list().map((policy) => [policy.name, policy.parsed]));
    expect(parsed.get("good")?.kind).toBe("valid");
    const bad = parsed.get("bad");
    expect(bad?.kind === "invalid" ? bad.problems : []).toEqual([
      'spec.schedules.0.timeZone: "Mars/Olympus" is no time zone that is known here; write an IANA name such as Europe/Vienna or UTC',
    ]);
    stop.abort();
    await running;
  });
});
