// The contract's cases of what is read: many groups, a size that cannot be read, a provider whose clock is off, a group
// that is not there any more. What cannot be read is an error and never a number, and nothing is written on it.

import { expect } from "vitest";

import type { GroupState } from "../../../coordinator/cloud/group.ts";
import { calling } from "../harness.ts";
import type { Case } from "../harness.ts";
import { contains, failure, grow, growthMeets, outcome, read } from "./case.ts";
import type { ContractCase } from "./case.ts";

type ReadingCase = Extract<Case, "pages" | "unknown size" | "clock skew" | "group deleted">;

const GROUPS = 150;
const TEN_MINUTES_MS = 600_000;

export const READING: Readonly<Record<ReadingCase, ContractCase>> = {
  pages: {
    setup: { groups: GROUPS, size: 0 },
    run: async (harness) => {
      const last = GROUPS - 1;
      await grow(harness, 1, last);
      const reads = (await harness.reads?.()) ?? 0;
      const states = await Promise.all(
        Array.from({ length: GROUPS }, async (_, at) => await read(harness, at)),
      );
      expect(states.map(({ size }) => size)).toEqual([...Array.from({ length: last }, () => 0), 1]);
      if (harness.groupsPerRead !== undefined)
        expect(((await harness.reads?.()) ?? Infinity) - reads, "reads of 150 groups").toBe(
          Math.ceil(GROUPS / harness.groupsPerRead),
        );
      if (harness.account === null) return;
      const { account, keys } = harness.account;
      const looks = await account.look(keys, calling(harness));
      expect([...looks.keys()].toSorted()).toEqual(keys.toSorted());
      expect(keys.filter((key) => looks.get(key)?.kind !== "seen")).toEqual([]);
    },
  },

  "unknown size": {
    setup: { groups: 2 },
    run: async (harness) => {
      const group = harness.group();
      const seen = await read(harness);
      const writes = await harness.writes();
      const attempts: readonly [to: number, seen: GroupState][] = [
        [Number.NaN, seen],
        [2.5, seen],
        [-1, seen],
        [3, { ...seen, size: Number.NaN }],
      ];
      for (const [to, state] of attempts)
        expect(await outcome(group.resize(to, state, calling(harness))), `resize to ${to}`).not.toBeNull();
      await harness.hideSize();
      await failure(read(harness), "malformed", "unavailable");
      expect((await harness.writes()) - writes, "writes on an unknown size").toBe(0);
      expect(await harness.size()).toBe(2);
      if (harness.account === null) return;
      const { account, keys } = harness.account;
      const looks = await account.look(keys, calling(harness));
      expect(keys.map((key) => looks.get(key)?.kind)).toEqual(["unknown", "seen"]);
    },
  },

  "clock skew": {
    setup: { size: 1 },
    run: async (harness, applies) => {
      const before = await harness.seen();
      let size = 1;
      for (const ms of [TEN_MINUTES_MS, -TEN_MINUTES_MS]) {
        await harness.skewClock(ms);
        const now = await harness.seen();
        const [was, is] = [before[0]?.createdAt ?? 0, now[0]?.createdAt ?? 0];
        expect(Math.abs(is - was), "ms between two readings of one member's birth").toBeLessThan(1_000);
        await harness.stockOut(null);
        await grow(harness, 1);
        await harness.advance();
        size += 1;
        expect(await harness.instances()).toHaveLength(size);
        if (!applies("stock-out")) continue;
        await harness.stockOut(0);
        await growthMeets(harness, "no-capacity");
        // What stayed open comes with the stock.
        size = (await harness.size()) ?? size;
      }
    },
  },

  "group deleted": {
    setup: { groups: 2 },
    run: async (harness) => {
      const group = harness.group();
      const seen = await read(harness);
      const [id = ""] = await harness.instances();
      await harness.deleteGroup();
      await failure(read(harness), "not-found");
      await failure(group.resize(3, seen, calling(harness)), "not-found");
      await harness.advance();
      expect(await contains(harness, id)).toBe(false);
      if (group.chosenRemoval) await failure(group.removeInstance(id, seen, calling(harness)), "not-found");
      expect(await harness.size()).toBeNull();
      expect((await read(harness, 1)).size).toBe(2);
      if (harness.account === null) return;
      const { account, keys } = harness.account;
      const looks = await account.look(keys, calling(harness));
      expect(keys.map((key) => looks.get(key)?.kind)).toEqual(["missing", "seen"]);
    },
  },
};
