import { describe, expect, test } from "vitest";

import type { DrainState } from "../../shared/contract/node-marks.ts";
import type { Notice, Sighting } from "../../shared/model/interruption.ts";
import { NODE_ANNOTATION } from "../../shared/model/names.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { ignoredDetail } from "./drill.ts";
import { interruptionOf, isNoticeOf, noticeFromState } from "./interruption.ts";
import type { InterruptionInput } from "./interruption.ts";

const NOW = epochMs(Date.UTC(2026, 0, 31, 12));
const SILENT = { sightings: [], answered: true };
const inSeconds = (s: number): string => new Date(NOW + s * 1000).toISOString();

function drill(time?: string, more: Record<string, string> = {}): Record<string, string> {
  return {
    [NODE_ANNOTATION.interruptionWarning]: "true",
    ...(time === undefined ? {} : { [NODE_ANNOTATION.terminationTime]: time }),
    ...more,
  };
}

function readAll(annotations: Record<string, string> | undefined, more: Partial<InterruptionInput> = {}) {
  return interruptionOf({
    node: "gpu-1",
    annotations,
    now: NOW,
    previous: null,
    restarted: false,
    told: SILENT,
    maintenanceLeadMs: millis(120_000),
    drills: true,
    again: false,
    over: [],
    ...more,
  });
}

function read(annotations: Record<string, string> | undefined, more: Partial<InterruptionInput> = {}) {
  return readAll(annotations, more).interruption;
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
    expect(read({}, after)).toEqual({ kind: "cancelled", notice: previous, why: "drill-ended" });
  });

  test("removing the mark or changing it from true cancels", () => {
    const previous = started(drill(inSeconds(90)));
    expect(read({}, { previous })).toEqual({ kind: "cancelled", notice: previous, why: "drill-ended" });
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
      confirmed: false,
    });
    expect(read(drill(), { previous, now: epochMs(NOW + 20_000) })).toMatchObject({
      change: "same",
      notice: { id: state.id },
    });
  });

  test("a drill that asked for it is over when its time has come, and no sooner", () => {
    const asked = drill(inSeconds(90), { [NODE_ANNOTATION.drillAutoUncordon]: "true" });
    const { interruption, nextAt } = readAll(asked, { previous: started(asked) });
    expect(interruption).toMatchObject({ kind: "notice", change: "same" });
    expect(nextAt).toBe(NOW + 90_000);
    expect(read(asked, { previous: started(asked), now: epochMs(NOW + 90_000) })).toMatchObject({
      kind: "cancelled",
      why: "drill-over",
    });
  });

  test("a request or an ended drain is no notice", () => {
    expect(noticeFromState({ ...state, cause: "request", source: "coordinator" })).toBeNull();
    expect(noticeFromState({ ...state, phase: "cancelled" })).toBeNull();
  });
});

/** AWS says that the machine goes in two minutes. */
function sighting(more: Partial<Sighting> = {}): Sighting {
  return {
    id: "aws-i-1-a",
    source: "aws",
    kind: "termination",
    action: "terminate",
    seenAt: NOW,
    deadline: epochMs(NOW + 120_000),
    endsMachine: true,
    ...more,
  };
}

const told = (...sightings: Sighting[]) => ({ sightings, answered: true });
const at = (ms: number) => epochMs(NOW + ms);
const acting: Notice = {
  id: "aws-i-1-a",
  source: "aws",
  seenAt: NOW,
  deadline: at(120_000),
  replace: true,
  confirmed: true,
};
const left: Notice = { ...acting, confirmed: false };

describe("what the cloud says", () => {
  test("is a notice that asks for a replacement and may force", () => {
    expect(read({}, { told: told(sighting()) })).toEqual({
      kind: "notice",
      change: "new",
      notice: acting,
      ignored: null,
    });
  });

  test("overtakes a drill, with its own time", () => {
    const previous = started(drill(inSeconds(30)));
    expect(read(drill(inSeconds(30)), { previous, told: told(sighting()) })).toMatchObject({
      kind: "notice",
      change: "new",
      notice: { id: "aws-i-1-a", source: "aws", deadline: at(120_000), confirmed: true },
    });
  });

  test("stands although the drill annotation goes, or is set", () => {
    for (const annotations of [{}, drill(inSeconds(5))])
      expect(read(annotations, { previous: acting, told: told(sighting()) })).toMatchObject({
        kind: "notice",
        change: "same",
        notice: acting,
      });
  });

  test.each([
    ["sooner, under a new id", sighting({ id: "aws-i-1-b", deadline: at(60_000) }), "earlier", 60_000],
    ["later, under a new id", sighting({ id: "aws-i-1-b", deadline: at(300_000) }), "same", 120_000],
    ["later, under its own id", sighting({ deadline: at(300_000) }), "same", 120_000],
  ])("a time that moves %s, is taken over only when it is sooner", (_, now, change, deadlineMs) => {
    expect(read({}, { previous: acting, told: told(now) })).toMatchObject({
      kind: "notice",
      change,
      notice: { id: acting.id, deadline: at(deadlineMs) },
    });
  });

  test("of several ends the first counts, whoever says it", () => {
    const later = sighting({ source: "azure", id: "azure-1", deadline: at(90_000) });
    const sooner = sighting({ source: "azure", id: "azure-2", deadline: at(40_000) });
    expect(read({}, { told: told(later, sooner) })).toMatchObject({ notice: { id: "azure-2" } });
    const previous = { ...acting, id: "azure-1", source: "azure", deadline: at(90_000) } as const;
    expect(read({}, { previous, told: told(later, sooner) })).toMatchObject({
      change: "earlier",
      notice: { id: "azure-1", deadline: at(40_000) },
    });
  });

  test("when it is taken back it is called off, and another event that stands takes its place", () => {
    const previous = { ...acting, id: "azure-1", source: "azure" } as const;
    expect(read({}, { previous })).toEqual({ kind: "cancelled", notice: previous, why: "withdrawn" });
    const other = sighting({ source: "azure", id: "azure-2", deadline: at(500_000) });
    expect(read({}, { previous, told: told(other) })).toMatchObject({
      change: "new",
      notice: { id: "azure-2", deadline: at(500_000) },
    });
  });

  test("what was called off and is said again is another interruption, which is known by both ids", () => {
    const again = sighting({ source: "azure", id: "azure-1", seenAt: at(500) });
    const renewed = read({}, { told: told(again), over: ["azure-1"] });
    const id = `azure-1~${at(500).toString(36)}`;
    expect(renewed).toMatchObject({ change: "new", notice: { id } });
    const previous = { ...acting, source: "azure", id } as const;
    expect(read({}, { previous, told: told(again), over: ["azure-1"] })).toMatchObject({ change: "same" });
    expect(readAll({}, { previous, told: told(again), over: ["azure-1"] }).hints).toEqual([]);
    // Another event, whose id begins alike.
    const other = sighting({ source: "azure", id: "azure-12" });
    expect(read({}, { told: told(other), over: ["azure-1"] })).toMatchObject({ notice: { id: "azure-12" } });
    expect(isNoticeOf("azure-9-end", { id: "azure-9", kind: "maintenance" })).toBe(true);
    expect(isNoticeOf("azure-9-end", { id: "azure-9", kind: "termination" })).toBe(false);
  });

  test("a machine that has started anew is done with the notice of its life before", () => {
    expect(read({}, { previous: left, restarted: true })).toMatchObject({
      kind: "cancelled",
      why: "restarted",
    });
    // Before the metadata has answered too: it is another boot whatever they say.
    const deaf = { sightings: [], answered: false };
    expect(read({}, { previous: left, restarted: true, told: deaf })).toMatchObject({ kind: "cancelled" });
    // Unless the metadata says again that it goes.
    const again = sighting({ source: "azure", id: "azure-9" });
    expect(read({}, { previous: left, restarted: true, told: told(again) })).toMatchObject({
      change: "new",
      notice: { id: "azure-9" },
    });
  });
});

describe("what only a mark on the node says", () => {
  test("goes on unconfirmed while the metadata has not answered", () => {
    const deaf = { sightings: [], answered: false };
    expect(read({}, { previous: left, told: deaf })).toEqual({
      kind: "notice",
      change: "same",
      notice: left,
      ignored: null,
    });
  });

  test("is confirmed by the same word of the metadata, with the sooner of both times", () => {
    expect(read({}, { previous: left, told: told(sighting()) })).toMatchObject({
      change: "confirmed",
      notice: { ...acting, confirmed: true },
    });
    expect(read({}, { previous: left, told: told(sighting({ deadline: at(50_000) })) })).toMatchObject({
      change: "earlier",
      notice: { confirmed: true, deadline: at(50_000) },
    });
  });

  test("is called off when the metadata does not say it", () => {
    expect(read({}, { previous: left })).toEqual({ kind: "cancelled", notice: left, why: "not-told" });
  });

  test("our own marks, while they are taken back, are nobody's drill", () => {
    const marks = {
      ...drill(inSeconds(90), { [NODE_ANNOTATION.interruptionSource]: "aws" }),
      [NODE_ANNOTATION.drainState]: JSON.stringify({
        v: 1,
        id: "aws-i-1-a",
        cause: "notice",
        source: "aws",
        phase: "drained",
        seenAt: NOW,
        deadline: at(90_000),
        replace: true,
        cordonedByUs: true,
      }),
    };
    expect(read(marks)).toEqual({ kind: "none" });
    expect(read(marks, { drills: false })).toEqual({ kind: "none" });
  });
});

describe("hints", () => {
  const rebalance = sighting({
    id: "aws-r",
    kind: "rebalance",
    action: "rebalance",
    deadline: null,
    endsMachine: false,
  });
  const reboot = sighting({
    id: "aws-m",
    kind: "maintenance",
    action: "system-reboot",
    deadline: at(600_000),
  });

  test("empty no node", () => {
    const { interruption, hints } = readAll({}, { told: told(rebalance, reboot) });
    expect(interruption).toEqual({ kind: "none" });
    expect(hints.map(({ id, kind, at: when }) => [id, kind, when])).toEqual([
      ["aws-r", "rebalance", null],
      ["aws-m", "maintenance", at(600_000)],
    ]);
  });

  test("stand beside a drill and beside a notice", () => {
    expect(readAll(drill(), { told: told(rebalance) })).toMatchObject({
      interruption: { kind: "notice", notice: { source: "drill" } },
      hints: [{ id: "aws-r" }],
    });
    expect(readAll({}, { told: told(rebalance, sighting()) }).hints).toHaveLength(1);
  });

  test("maintenance that ends the machine becomes a notice of its own shortly before", () => {
    const before = readAll({}, { told: told(reboot), now: at(479_999) });
    expect(before).toMatchObject({ interruption: { kind: "none" }, nextAt: at(480_000) });
    const then = readAll({}, { told: told(reboot), now: at(480_000) });
    expect(then).toMatchObject({
      interruption: { change: "new", notice: { id: "aws-m-end", deadline: at(600_000), confirmed: true } },
      hints: [],
    });
    if (then.interruption.kind !== "notice") throw new Error("no notice");
    // It goes on although its time is put off, and ends when the event goes.
    const previous = then.interruption.notice;
    const putOff = { ...reboot, deadline: at(9_000_000) };
    expect(read({}, { previous, told: told(putOff), now: at(481_000) })).toMatchObject({
      change: "same",
      notice: { deadline: at(600_000) },
    });
    expect(read({}, { previous, now: at(481_000) })).toMatchObject({ kind: "cancelled", why: "withdrawn" });
  });

  test("maintenance that the machine lives through, or that others see to, never does", () => {
    const freeze = { ...reboot, endsMachine: false };
    expect(readAll({}, { told: told(freeze), now: at(599_000) })).toMatchObject({
      interruption: { kind: "none" },
      nextAt: null,
    });
    const left0 = { told: told(reboot), now: at(599_000), maintenanceLeadMs: millis(0) };
    expect(read({}, left0)).toEqual({ kind: "none" });
  });
});
