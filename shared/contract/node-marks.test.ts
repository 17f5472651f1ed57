import { describe, expect, test } from "vitest";

import { readDrainRequest, readDrainState } from "./node-marks.ts";

const request = { v: 1, id: "r1", deadline: 1_793_692_920_000, reason: "idle", idleBelow: 0.2 };

describe("readDrainRequest()", () => {
  test("reads what the coordinator wrote, and nothing where nothing stands", () => {
    expect(readDrainRequest(JSON.stringify(request))).toEqual({ kind: "value", value: request });
    expect(readDrainRequest(undefined)).toEqual({ kind: "none" });
    expect(readDrainRequest("")).toEqual({ kind: "none" });
  });

  test.each([
    ["no JSON", "soon"],
    ["another version", JSON.stringify({ ...request, v: 2 })],
    ["a deadline that no date can hold", JSON.stringify({ ...request, deadline: 9e15 })],
    ["a threshold in percent", JSON.stringify({ ...request, idleBelow: 20 })],
  ])("says why it cannot read %s", (_, text) => {
    expect(readDrainRequest(text).kind).toBe("malformed");
    expect(readDrainState(text).kind).toBe("malformed");
  });
});
