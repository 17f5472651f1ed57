import { describe, expect, test } from "vitest";

import { POD_ANNOTATION } from "../../shared/model/names.ts";
import { BLOCKED, drainPod as pod, setUpDrainer as setUp } from "../../test/build/drainer.ts";

const train = (name = "train", graceS = 300) => pod(name, { priority: "high", graceS });

describe("pods with a hook", () => {
  test("are told at once, marks or no marks, and how long they are waited for", async () => {
    const { clock, drainer, told, real } = setUp({
      pods: [train(), pod("batch", { priority: "low", graceS: 30 }), pod("web")],
      saving: { train: null, batch: null },
      markMs: 60_000,
    });
    const notice = real(120);
    drainer.follow(notice);
    await clock.advance(0);
    const occasion = {
      eventId: "aws-1",
      kind: "termination",
      deadline: notice.deadline,
      drill: false,
      peerInterrupted: false,
    };
    // Half of the 115 s that are usable, or their own grace where that is less.
    expect(told).toEqual([
      { name: "batch", occasion, byMs: 85_000 },
      { name: "train", occasion, byMs: 57_500 },
    ]);
    await clock.advance(100_000);
    expect(told).toHaveLength(2);
  });

  test("that arrive after the clock was set have their time all the same", async () => {
    const { clock, drainer, told, arrive, real } = setUp({ pods: [], saving: { train: null } });
    drainer.follow(real(120));
    await clock.advance(10_000);
    clock.setWall(clock.now() + 7_200_000);
    arrive(train());
    await clock.advance(100);
    expect(told.map(({ byMs }) => byMs)).toEqual([7_200_000 + 57_500]);
  });

  test("leave when they have saved, and others do not wait for them", async () => {
    const { clock, drainer, sent, reports, real } = setUp({
      pods: [train(), train("other", 30), pod("web")],
      saving: { train: 20_000 },
      goneAfterMs: null,
    });
    drainer.follow(real(120));
    await clock.advance(119_000);
    expect(sent.map(({ name, atMs }) => [name, atMs])).toEqual([
      ["web", 20],
      ["other", 8_000],
      ["train", 20_000],
    ]);
    expect(sent.at(-1)?.graceSeconds).toBe(95);
    expect(reports.at(-1)).toMatchObject({
      phase: "final",
      summary: { hooks: { asked: 1, saved: 1, failed: 0 } },
      checkpoints: [{ pod: "team-a/train", result: "saved", step: 7 }],
    });
  });

  test("leave when their time is up though they go on saving, and are forced no sooner than asked", async () => {
    const { clock, drainer, calls, real } = setUp({
      pods: [train()],
      saving: { train: null },
      answer: () => BLOCKED,
    });
    drainer.follow(real(30));
    await clock.advance(29_000);
    // Its force time passed at 11.2 s, while it was waited for.
    expect(calls.map(({ how, atMs, graceSeconds }) => [how, atMs, graceSeconds])).toEqual([
      ["evict", 14_000, 14],
      ["delete", 14_000, 14],
    ]);
  });

  test("that wait for their force time save until then", async () => {
    const { clock, drainer, told, sent, real } = setUp({
      pods: [pod("ci", { graceS: 60, annotations: { [POD_ANNOTATION.evictionMode]: "keep" } })],
      saving: { ci: 1_000 },
    });
    drainer.follow(real(120));
    await clock.advance(119_000);
    expect(told.map(({ byMs }) => byMs)).toEqual([80_500]);
    expect(sent.map(({ atMs }) => atMs)).toEqual([80_500]);
  });

  test("that arrive later are told when they do, with time for the call to reach them", async () => {
    const { clock, drainer, told, arrive, real } = setUp({ pods: [], saving: { late: null, latest: null } });
    drainer.follow(real(30));
    await clock.advance(5_000);
    arrive(train("late"));
    await clock.advance(15_000);
    arrive(train("latest"));
    await clock.advance(100);
    expect(told.map(({ name, byMs }) => [name, byMs])).toEqual([
      ["late", 14_000],
      ["latest", 21_000],
    ]);
  });

  test("hear of a drill that it is one, those included that it does not move", async () => {
    const kept = pod("ci", { annotations: { [POD_ANNOTATION.evictionMode]: "keep" } });
    const { clock, drainer, told, sent, order } = setUp({
      pods: [kept, train()],
      saving: { ci: 10, train: 10 },
    });
    drainer.follow(order(120));
    await clock.advance(60_000);
    expect(told.map(({ name, occasion }) => [name, occasion.drill])).toEqual([
      ["ci", true],
      ["train", true],
    ]);
    expect(sent.map(({ name }) => name)).toEqual(["train"]);
  });

  test("hear of a request when it moves them, and only then", async () => {
    const kept = pod("ci", { annotations: { [POD_ANNOTATION.evictionMode]: "keep" } });
    const { clock, drainer, told, order } = setUp({
      pods: [kept, train()],
      saving: { ci: 10, train: 10 },
    });
    drainer.follow(order(600, { id: "shrink-1", cause: "request", source: "coordinator" }));
    await clock.advance(1_000);
    expect(told.map(({ name, occasion }) => [name, occasion.drill])).toEqual([["train", false]]);
  });

  test("are left alone when the drill is called off", async () => {
    const { clock, drainer, sent, givenUp, order } = setUp({ pods: [train()], saving: { train: 10_000 } });
    drainer.follow(order(120));
    await clock.advance(1_000);
    drainer.undo();
    await clock.advance(60_000);
    expect(givenUp).toEqual(["drill-1"]);
    expect(sent).toEqual([]);
  });
});
