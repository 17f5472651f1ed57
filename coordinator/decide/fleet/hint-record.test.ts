import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { drainState, node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { notice, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import { assemble } from "./fleet.ts";
import { followHints, seldomTrue } from "./hint-record.ts";

const HINT = notice("n1", { kind: "rebalance", id: "hint" });
const DAY = 24 * 60 * MINUTE;

function look(memory: Partial<Memory>, options: SnapshotOptions): Partial<Memory> {
  const whole = { ...EMPTY_MEMORY, ...memory };
  return followHints(assemble(snapshot({ nodes: [node("n1")], memory: whole, ...options })), whole);
}

const countsOf = (memory: Partial<Memory>) => {
  const { followed = 0, spared = 0 } = memory.hintRecord?.["demo/spot"] ?? {};
  return { followed, spared };
};

describe("followHints()", () => {
  const open = look({}, { notices: [HINT] });

  test("waits for what becomes of a hint", () => {
    expect(open).toEqual({ openHints: { hint: { node: "n1", pool: "demo/spot", since: NOW } } });
  });

  test("counts one that a notice of its node follows, once", () => {
    const both = { notices: [HINT, notice("n1", { id: "real" })] };
    const first = look(open, { ...both, at: NOW + MINUTE });
    expect(countsOf(first)).toEqual({ followed: 1, spared: 0 });
    const again = look(first, { ...both, at: NOW + 2 * MINUTE });
    expect(countsOf(again).followed).toBeCloseTo(1, 3);
    const alone = look(again, { notices: [HINT], at: NOW + 3 * MINUTE });
    expect(countsOf(look(alone, { at: NOW + 40 * MINUTE })).followed).toBeCloseTo(1, 2);
    expect(countsOf(look(alone, { at: NOW + 40 * MINUTE })).spared).toBe(0);
  });

  test("counts a node once that its cloud spoke of under two names", () => {
    const other = notice("n1", { kind: "rebalance", id: "other" });
    const two = look(open, { notices: [HINT, other], at: NOW + MINUTE });
    const first = look(two, { notices: [other], at: NOW + 26 * MINUTE });
    expect(countsOf(first)).toEqual({ followed: 0, spared: 0 });
    const taken = look(two, { notices: [HINT, other, notice("n1")], at: NOW + 26 * MINUTE });
    expect(countsOf(taken)).toEqual({ followed: 1, spared: 0 });
    const again = look(taken, { notices: [{ ...other, id: "third" }, notice("n1")], at: NOW + 27 * MINUTE });
    expect(countsOf(again).followed).toBeCloseTo(1, 2);
    // A younger machine of the name has an end of its own.
    const made = { ...node("n1"), createdAt: epochMs(NOW + 28 * MINUTE) };
    const young = { nodes: [made], at: NOW + 30 * MINUTE };
    const next = look(again, { ...young, notices: [{ ...other, id: "fourth" }, notice("n1", { id: "y" })] });
    expect(countsOf(next).followed).toBeCloseTo(2, 2);
  });

  test("takes one that stands on for no false alarm while its policy cannot be read", () => {
    const broken = { kind: "invalid", name: "demo", problems: ["a typing error"], pools: ["spot"] } as const;
    const blind = look(open, { notices: [HINT], policies: [broken], at: NOW + 26 * MINUTE });
    expect(countsOf(blind)).toEqual({ followed: 0, spared: 0 });
    expect(blind.openHints).toEqual(open.openHints);
  });

  test("takes no drill for a notice", () => {
    const drill = notice("n1", { id: "drill", source: "drill" });
    expect(countsOf(look(open, { notices: [HINT, drill] }))).toEqual({ followed: 0, spared: 0 });
  });

  test("counts one that ended with its node at work", () => {
    const after = look(open, { at: NOW + 31 * MINUTE });
    expect(countsOf(after)).toEqual({ followed: 0, spared: 1 });
    expect(after.openHints).toBeUndefined();
  });

  test.each<[string, SnapshotOptions]>([
    ["was taken back early", { at: NOW + 5 * MINUTE }],
    ["ended with its node gone", { at: NOW + 31 * MINUTE, nodes: [] }],
    [
      "ended with its node emptied by us",
      { at: NOW + 31 * MINUTE, nodes: [node("n1", { drainState: drainState({ phase: "started" }) })] },
    ],
  ])("counts none that %s", (_name, options) => {
    expect(countsOf(look(open, options))).toEqual({ followed: 0, spared: 0 });
  });

  test("counts nothing while a list is incomplete", () => {
    const sync = { kind: "unsynced", missing: ["nodes"] } as const;
    expect(look(open, { at: NOW + 31 * MINUTE, sync, nodes: [] })).toEqual(open);
  });
});

describe("seldomTrue()", () => {
  test("knows nothing of a pool without a record, and forgets an old one", () => {
    expect(seldomTrue(undefined, NOW)).toBeNull();
    const old = { followed: 0, spared: 8, at: epochMs(NOW - 7 * DAY) };
    expect(seldomTrue({ ...old, at: NOW }, NOW)).toEqual({ followed: 0, hints: 8 });
    expect(seldomTrue(old, NOW)).toBeNull();
  });
});
