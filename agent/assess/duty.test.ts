import { describe, expect, test } from "vitest";

import type { DrainRequest, DrainState } from "../../shared/contract/node-marks.ts";
import type { Notice } from "../../shared/model/interruption.ts";
import { epochMs } from "../../shared/model/units.ts";
import { dutyOf } from "./duty.ts";
import type { DutyInput } from "./duty.ts";

const notice: Notice = {
  id: "drill-a",
  source: "drill",
  seenAt: epochMs(1000),
  deadline: epochMs(90_000),
  replace: false,
  confirmed: false,
};
const request: DrainRequest = { v: 1, id: "shrink-a", deadline: 600_000, reason: "idle", idleBelow: 0.05 };

function state(more: Partial<DrainState>): DrainState {
  return {
    v: 1,
    id: "x",
    cause: "notice",
    source: "drill",
    phase: "started",
    seenAt: 1,
    deadline: 2,
    replace: false,
    cordonedByUs: true,
    ...more,
  };
}

const nothing: DutyInput = {
  interruption: { kind: "none" },
  request: { kind: "none" },
  state: null,
};
const seen = { kind: "notice", change: "same", notice, ignored: null } as const;

describe("dutyOf()", () => {
  test("rests when nobody asks for anything", () => {
    expect(dutyOf(nothing)).toEqual({ kind: "rest" });
  });

  test("a notice wins over a request", () => {
    expect(dutyOf({ ...nothing, interruption: seen, request: { kind: "value", value: request } })).toEqual({
      kind: "notice",
      notice,
    });
  });

  test("a request is answered", () => {
    expect(dutyOf({ ...nothing, request: { kind: "value", value: request } })).toEqual({
      kind: "request",
      request,
    });
  });

  test("marks whose cause is gone are taken back, after a restart too", () => {
    expect(dutyOf({ ...nothing, state: state({}) })).toEqual({ kind: "undo", why: null });
    expect(dutyOf({ ...nothing, state: state({ cause: "request", source: "coordinator" }) })).toEqual({
      kind: "undo",
      why: null,
    });
    const ended = { kind: "cancelled", notice, why: "withdrawn" } as const;
    expect(dutyOf({ ...nothing, interruption: ended, state: state({}) })).toEqual({
      kind: "undo",
      why: "withdrawn",
    });
  });

  test("a request that became unreadable neither starts nor ends a drain", () => {
    const malformed = { kind: "malformed", why: "not JSON" } as const;
    expect(dutyOf({ ...nothing, request: malformed })).toEqual({ kind: "rest" });
    expect(
      dutyOf({ ...nothing, request: malformed, state: state({ cause: "request", source: "coordinator" }) }),
    ).toEqual({ kind: "rest" });
  });
});
