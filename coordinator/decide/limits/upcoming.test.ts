import { describe, expect, test } from "vitest";

import { parseInstant } from "../../../shared/model/instant.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { policy } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { longWindows, scheduledWindows } from "./upcoming.ts";

type Written = NonNullable<PolicyOptions["schedules"]>[number];

const spec = (schedules: readonly (Partial<Written> & { readonly name: string })[]) =>
  policy({
    schedules: schedules.map((entry) => ({
      timeZone: "UTC",
      start: "0 8 * * *",
      ...(entry.durationSeconds === undefined ? { end: "0 20 * * *" } : {}),
      ...entry,
    })),
  }).spec;

const at = (text: string): EpochMs => parseInstant(text) ?? epochMs(0);
const NOON = at("2026-05-04T12:00:00Z");

describe("windows for people", () => {
  test("come in their order, the next twenty of two weeks", () => {
    const windows = scheduledWindows(
      spec([
        { name: "day", minNodes: 1 },
        { name: "noon", minNodes: 1, start: "0 12 * * *", durationSeconds: 3600 },
      ]),
      NOON,
    );
    expect(windows).toHaveLength(20);
    expect(windows.slice(0, 3)).toEqual([
      { name: "day", opens: at("2026-05-04T08:00:00Z"), closes: at("2026-05-04T20:00:00Z") },
      { name: "noon", opens: at("2026-05-04T12:00:00Z"), closes: at("2026-05-04T13:00:00Z") },
      { name: "day", opens: at("2026-05-05T08:00:00Z"), closes: at("2026-05-05T20:00:00Z") },
    ]);
  });

  test("warn of one that different weekdays leave open for days, unless its length is written down", () => {
    const slip = { name: "slip", start: "0 8 * * *", end: "0 20 * * 1-5" };
    expect(longWindows(spec([slip]), NOON)).toEqual([
      { code: "long-window", schedule: "slip", opens: at("2026-05-09T08:00:00Z"), hours: 60 },
    ]);
    const meant = { name: "weekend", start: "0 0 * * 6", durationSeconds: 48 * 3600 };
    expect(longWindows(spec([meant, { name: "day" }]), NOON)).toEqual([]);
  });
});
