import { describe, expect, test } from "vitest";

import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { Notice } from "../../shared/model/interruption.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { ignoredDetail, interruptionOf, noticeFromState } from "./interruption.ts";
import type { InterruptionInput } from "./interruption.ts";

const NOW = epochMs(Date.UTC(2026, 0, 31, 12));
const inSeconds = (s: number): string => new Date(NOW + s * 1000).toISOString();

function drill(time?: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    [NODE_ANNOTATION.interruptionWarning]: "true",
    ...(time === undefined ? {} : { [NODE_ANNOTATION.terminationTime]: time }),
    ...more,
  };
}

function read(annotations: Record<string, string> | undefined, more: Partial<InterruptionInput> = {}) {
  return interruptionOf({
    node: "gpu-1",
    annotations,
    now: NOW,
    previous: null,
    drills: true,
    again: false,
    ...more,
  });
}

function started(annotations: Record<string, string>): Notice {
  const answer = read(annotations);
  expect(answer.kind).toBe("notice");
  return (answer as { notice: Notice }).notice;
}

describe("interruptionOf()", () => {
  test("no mark, no notice", () => {
    expect(read(undefined).kind).toBe("none");
    expect(read({}).kind).toBe("none");
    expect(read({ [NODE_ANNOTATION.interruptionWarning]: "yes" }).kind).toBe("none");
  });

  test("a drill with a time ends the node then", () => {
    expect(read(drill(inSeconds(90)))).toMatchObject({
      kind: "notice",
      change: "new",
      notice: { source: "drill", seenAt: NOW, deadline: NOW + 90_000, replace: false },
    });
  });

  test("a drill without a time takes 120 s", () => {
    expect(started(drill()).deadline).toBe(NOW + 120_000);
  });

  test("a drill that asks for it buys a replacement", () => {
    expect(started(drill(inSeconds(90), { [NODE_ANNOTATION.drillReplace]: "true" })).replace).toBe(true);
  });

  test("a time just past gives 15 s, a time long past gives nothing", () => {
    expect(started(drill(inSeconds(-30))).deadline).toBe(NOW + 15_000);
    expect(read(drill(inSeconds(-61)))).toMatchObject({
      kind: "ignored",
      ignored: { code: "time-past", byMs: 61_000 },
    });
  });

  test("a time that cannot be read starts nothing and is named", () => {
    const answer = read(drill("tomorrow, 8 am"));
    expect(answer).toEqual({
      kind: "ignored",
      ignored: { code: "unparsable-time", value: "tomorrow, 8 am" },
    });
    expect(ignoredDetail({ code: "unparsable-time", value: "tomorrow, 8 am" })).toContain('"tomorrow, 8 am"');
  });

  test("the id of a drill with a time is the same for every reader, at every moment", () => {
    const first = started(drill(inSeconds(90)));
    const later = read(drill(inSeconds(90)), { now: epochMs(NOW + 5000) });
    expect(later).toMatchObject({ notice: { id: first.id } });
    expect(read(drill(inSeconds(90)), { node: "gpu-2" })).not.toMatchObject({ notice: { id: first.id } });
  });

  test("a drill under way keeps its id and deadline without a time", () => {
    const previous = started(drill());
    expect(read(drill(), { previous, now: epochMs(NOW + 30_000) })).toEqual({
      kind: "notice",
      change: "same",
      notice: previous,
      ignored: null,
    });
  });

  test("an earlier time is adopted, a later one is not", () => {
    const previous = started(drill(inSeconds(90)));
    expect(read(drill(inSeconds(60)), { previous })).toMatchObject({
      change: "earlier",
      notice: { id: previous.id, deadline: NOW + 60_000 },
    });
    expect(read(drill(inSeconds(300)), { previous })).toMatchObject({
      change: "same",
      notice: { deadline: NOW + 90_000 },
    });
  });

  test("a later time is named as having no effect, during the drill and after its end", () => {
    const previous = started(drill(inSeconds(90)));
    for (const now of [NOW, epochMs(NOW + 3_600_000)]) {
      const answer = read(drill(inSeconds(4_000)), { previous, now });
      expect(answer).toMatchObject({
        kind: "notice",
        change: "same",
        ignored: { code: "later-time", value: inSeconds(4_000) },
      });
    }
    expect(ignoredDetail({ code: "later-time", value: inSeconds(4_000) })).toContain(inSeconds(4_000));
  });

  test("a drill after another one is another interruption, although it names the same time", () => {
    const first = started(drill(inSeconds(90)));
    const at = (ms: number) => ({ again: true, now: epochMs(NOW + ms) });
    const ids = [0, 7, 90_000].map((ms) => {
      const answer = read(drill(inSeconds(90)), at(ms));
      return answer.kind === "notice" ? answer.notice.id : answer.kind;
    });
    expect(new Set([first.id, ...ids]).size).toBe(4);
  });

  test("a time that becomes unreadable does not end a drill under way", () => {
    const previous = started(drill(inSeconds(90)));
    expect(read(drill("later"), { previous })).toMatchObject({
      kind: "notice",
      change: "same",
      ignored: { code: "unparsable-time" },
    });
  });

  test("a drill past its deadline stays until its mark goes", () => {
    const previous = started(drill(inSeconds(90)));
    const after = { previous, now: epochMs(NOW + 3_600_000) };
    expect(read(drill(inSeconds(90)), after)).toEqual({
      kind: "notice",
      change: "same",
      notice: previous,
      ignored: null,
    });
    expect(read({}, after)).toEqual({ kind: "cancelled", notice: previous });
  });

  test("removing the mark or changing it from true cancels", () => {
    const previous = started(drill(inSeconds(90)));
    expect(read({}, { previous })).toEqual({ kind: "cancelled", notice: previous });
    expect(read({ [NODE_ANNOTATION.interruptionWarning]: "false" }, { previous }).kind).toBe("cancelled");
  });

  test("drills that are switched off do nothing and say so", () => {
    expect(read(drill(inSeconds(90)), { drills: false })).toEqual({
      kind: "ignored",
      ignored: { code: "drills-disabled" },
    });
  });

  test("a mark that names a cloud is not believed, and the drill's own source mark is", () => {
    expect(read(drill(inSeconds(90), { [NODE_ANNOTATION.interruptionSource]: "aws" }))).toMatchObject({
      kind: "ignored",
      ignored: { code: "foreign-source", value: "aws" },
    });
    expect(read(drill(inSeconds(90), { [NODE_ANNOTATION.interruptionSource]: "drill" })).kind).toBe("notice");
  });
});

describe("noticeFromState()", () => {
  const state: DrainState = {
    v: 1,
    id: "drill-gpu-1-abc",
    cause: "notice",
    source: "drill",
    phase: "started",
    seenAt: NOW,
    deadline: NOW + 90_000,
    replace: true,
    cordonedByUs: true,
  };

  test("a restarted agent goes on with the same id and deadline", () => {
    const previous = noticeFromState(state);
    expect(previous).toEqual({
      id: "drill-gpu-1-abc",
      source: "drill",
      seenAt: NOW,
      deadline: NOW + 90_000,
      replace: true,
    });
    expect(read(drill(), { previous, now: epochMs(NOW + 20_000) })).toMatchObject({
      change: "same",
      notice: { id: state.id },
    });
  });

  test("a request or an ended drain is no notice", () => {
    expect(noticeFromState({ ...state, cause: "request", source: "coordinator" })).toBeNull();
    expect(noticeFromState({ ...state, phase: "cancelled" })).toBeNull();
  });
});
