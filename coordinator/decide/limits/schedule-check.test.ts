import { describe, expect, test } from "vitest";

import { policy } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { scheduleProblems } from "./schedule-check.ts";

const DAY = { name: "day", timeZone: "UTC", start: "0 8 * * *", end: "0 20 * * *" };

type Written = NonNullable<PolicyOptions["schedules"]>[number];

function problems(schedule: Partial<Written>, rest: PolicyOptions = {}): readonly string[] {
  return scheduleProblems(policy({ schedules: [{ ...DAY, ...schedule }], ...rest }).spec);
}

describe("scheduleProblems()", () => {
  test("has nothing to say of a schedule that can be kept", () => {
    expect(problems({ timeZone: "America/Los_Angeles" })).toEqual([]);
    expect(scheduleProblems(policy().spec)).toEqual([]);
  });

  test.each([
    [{ timeZone: "PST8" }, "spec.schedules.0.timeZone", "Europe/Vienna"],
    [{ start: "8 o'clock" }, "spec.schedules.0.start", "five fields"],
    [{ end: "0 24 * * *" }, "spec.schedules.0.end", "24"],
    [{ start: "0 0 30 2 *" }, "spec.schedules.0.start", "no day that exists"],
    [{ end: "0 0 31 4 *" }, "spec.schedules.0.end", "no day that exists"],
    [{ end: "0 8 * * *" }, "spec.schedules.0.end", "same as start"],
    [{ from: "next week" }, "spec.schedules.0.from", "next week"],
    [{ from: "2026-06-01T00:00:00Z", until: "2026-05-01T00:00:00Z" }, "spec.schedules.0.from", "never opens"],
    [{ targetUtilization: 0.2 }, "spec.schedules.0.targetUtilization", "scaleDownThreshold 0.2"],
  ])("names field, value and the way out for %j", (schedule, field, part) => {
    const found = problems(schedule);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`${field}: `);
    expect(found[0]).toContain(part);
  });

  test.each([
    [{ schedule: "every night", durationSeconds: 3600 }, "schedule"],
    [{ schedule: "0 2 * * *", durationSeconds: 3600, timeZone: "Nowhere" }, "timeZone"],
    [{ schedule: "0 0 30 2 *", durationSeconds: 3600 }, "schedule"],
  ])("reads budgets too: %j", (budget, field) => {
    const found = problems({}, { disruption: { budgets: [{ nodes: 1, ...budget }] } });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(`spec.disruption.budgets.0.${field}: `);
  });
});
