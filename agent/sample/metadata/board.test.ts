import { describe, expect, test } from "vitest";

import { epochMs, millis } from "../../../shared/model/units.ts";
import { createLogSink } from "../../../shared/runtime/log.ts";
import { createFakeClock } from "../../../test/build/clock.ts";
import { createBoard } from "./board.ts";
import type { Board, Manner } from "./board.ts";
import { deadlineOf } from "./deadline.ts";
import { flawed, NOTHING } from "./reading.ts";
import type { Seen } from "./reading.ts";

const MANNER: Manner = {
  place: "here",
  source: "aws",
  absences: 3,
  leaves: "taken-back",
  usualMs: () => millis(120_000),
  furthestMs: millis(900_000),
};
const END: Seen = { id: "end", kind: "termination", action: "terminate", endsMachine: true, when: null };
const FREEZE: Seen = { id: "freeze", kind: "maintenance", action: "Freeze", endsMachine: false, when: null };

function start() {
  const clock = createFakeClock();
  let changes = 0;
  const board: Board = createBoard({
    clock,
    log: createLogSink().log,
    onChange: () => {
      changes++;
    },
  });
  return {
    clock,
    board,
    changes: () => changes,
    ids: () => board.sightings.map(({ id }) => id),
    show: (seen: readonly Seen[], manner: Partial<Manner> = {}) => {
      board.take({ seen, flaw: null }, { ...MANNER, ...manner }, null);
    },
  };
}

describe("the board", () => {
  test("keeps the order of first sight, and tells of changes alone", () => {
    const { ids, show, changes } = start();
    show([FREEZE]);
    show([END, FREEZE]);
    show([END, FREEZE]);
    expect(ids()).toEqual(["freeze", "end"]);
    expect(changes()).toBe(2);
  });

  test("lets a sighting leave after so many whole answers without it, and counts them in a row", () => {
    const { ids, show, board } = start();
    show([END]);
    show([]);
    show([]);
    show([END]);
    show([]);
    show([]);
    for (let n = 0; n < 5; n++) board.take(flawed("garbage"), MANNER, null);
    expect(ids()).toEqual(["end"]);
    show([]);
    expect(ids()).toEqual([]);
  });

  test("takes nothing away for what another place shows", () => {
    const { ids, show } = start();
    show([END]);
    for (let n = 0; n < 5; n++) show([FREEZE], { place: "there" });
    expect(ids()).toEqual(["end", "freeze"]);
  });

  test("adds what could be read beside a flaw", () => {
    const { ids, board } = start();
    board.take(flawed("an entry is bad", [END]), MANNER, null);
    expect(ids()).toEqual(["end"]);
  });

  test("lists an id once though two places show it, until both are over", () => {
    const { ids, show } = start();
    show([END], { absences: 1 });
    show([END], { absences: 1, place: "there" });
    expect(ids()).toEqual(["end"]);
    show([], { absences: 1 });
    expect(ids()).toEqual(["end"]);
    show([], { absences: 1, place: "there" });
    expect(ids()).toEqual([]);
  });

  test("does not see a first sighting twice, nor move it, when the clock is set", () => {
    const { board, clock, show } = start();
    show([END]);
    const [before] = board.sightings;
    clock.setWall(clock.now() - 3_600_000);
    show([END]);
    expect(board.sightings).toEqual([before]);
  });

  test("takes over the earlier time of a termination, and the latest of maintenance", () => {
    const { board, clock, show } = start();
    const at = (s: number) => epochMs(clock.now() + s * 1000);
    const times = () => board.sightings.map(({ deadline }) => (deadline ?? 0) - clock.now());
    const reboot: Seen = { ...FREEZE, id: "reboot", endsMachine: true };
    show([
      { ...END, when: at(60) },
      { ...reboot, when: at(600) },
    ]);
    show([
      { ...END, when: at(90) },
      { ...reboot, when: at(900) },
    ]);
    expect(times()).toEqual([60_000, 900_000]);
    show([
      { ...END, when: at(30) },
      { ...reboot, when: at(300) },
    ]);
    expect(times()).toEqual([30_000, 300_000]);
  });

  test("lets one that is lived through leave a minute after its deadline, by the clock that nobody sets", async () => {
    const { ids, clock, show } = start();
    const manner = { leaves: "lived-through", absences: 1 } as const;
    show([END], manner);
    clock.setWall(clock.now() + 3_600_000);
    show([], manner);
    await clock.advance(179_000);
    show([], manner);
    expect(ids()).toEqual(["end"]);
    await clock.advance(1_000);
    show([], manner);
    expect(ids()).toEqual([]);
  });

  test("has nothing to do with nothing", () => {
    const { board, changes } = start();
    board.take(NOTHING, MANNER, null);
    expect([board.sightings, changes()]).toEqual([[], 0]);
  });
});

describe("a deadline", () => {
  const NOW = epochMs(Date.UTC(2026, 0, 1));
  const timing = { seenAt: NOW, serverNow: null, usualMs: millis(120_000), furthestMs: millis(900_000) };
  const at = (s: number) => epochMs(NOW + s * 1000);
  const ends = { kind: "termination", endsMachine: true } as const;
  const reboot = { kind: "maintenance", endsMachine: true } as const;
  const freeze = { kind: "maintenance", endsMachine: false } as const;

  test.each([
    ["is what the cloud names", { ...ends, when: at(100) }, {}, 100, null],
    ["of the past is the usual one", { ...ends, when: at(-1) }, {}, 120, "cannot-be-meant"],
    ["far ahead is the usual one", { ...ends, when: at(901) }, {}, 120, "cannot-be-meant"],
    ["goes by the cloud's clock", { ...ends, when: at(100) }, { serverNow: at(40) }, 60, "our-clock-is-off"],
    ["bears a second of skew", { ...ends, when: at(100) }, { serverNow: at(1) }, 100, null],
    ["ignores a head that makes no sense", { ...ends, when: at(100) }, { serverNow: at(-9e6) }, 100, null],
    ["of maintenance may be days ahead", { ...reboot, when: at(86_400) }, {}, 86_400, null],
    ["of maintenance that should be over is near", { ...reboot, when: at(-9) }, {}, 120, "cannot-be-meant"],
    ["of what is lived through may be past", { ...freeze, when: at(-9) }, {}, -9, null],
    ["of what has begun is near", { ...reboot, when: "begun" }, {}, 120, null],
    ["of hibernation is now", { ...ends, when: "at-once" }, {}, 0, null],
    ["of a termination is always there", { ...ends, when: null }, {}, 120, null],
  ] as const)("%s", (_, seen, more, s, doubt) => {
    expect(deadlineOf(seen, { ...timing, ...more })).toEqual({ at: at(s), doubt });
  });

  test.each([
    ["of a freeze that has begun", { ...freeze, when: "begun" }],
    ["of maintenance without a time", { ...reboot, when: null }],
  ] as const)("%s is not known", (_, seen) => {
    expect(deadlineOf(seen, timing)).toEqual({ at: null, doubt: null });
  });
});
