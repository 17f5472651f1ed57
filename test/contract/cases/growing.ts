// The contract's cases of groups that grow: what is asked for comes, comes in part, or does not come and says why; and
// what is open can be given back without the end of a machine.

import { expect } from "vitest";

import { BACK_ENDS } from "../../../coordinator/cloud/group.ts";
import { calling } from "../harness.ts";
import type { Case } from "../harness.ts";
import { failure, grow, growthMeets, read } from "./case.ts";
import type { ContractCase } from "./case.ts";

type GrowingCase = Extract<
  Case,
  "grow" | "partial grant" | "stock-out" | "quota" | "cancel unfilled" | "size moved by another hand"
>;

export const GROWING: Readonly<Record<GrowingCase, ContractCase>> = {
  grow: {
    setup: { size: 1 },
    run: async (harness) => {
      const group = harness.group();
      expect(BACK_ENDS).toContain(group.backEnd);
      const [made, writes] = [await harness.made(), await harness.writes()];
      const seen = await read(harness);
      expect(seen.size).toBe(1);
      expect(seen.version !== null).toBe(group.conditional);
      await group.resize(3, seen, calling(harness));
      expect((await harness.writes()) - writes, "writes for one growth").toBe(1);
      expect((await read(harness)).size).toBe(3);
      await harness.advance();
      expect(await harness.instances()).toHaveLength(3);
      expect((await harness.made()) - made, "machines made").toBe(2);
      const { max } = await read(harness);
      if (max === undefined) return;
      await failure(group.resize(max + 1, await read(harness), calling(harness)), "refused");
      expect(await harness.size()).toBe(3);
    },
  },

  "partial grant": {
    setup: { size: 1 },
    run: async (harness) => {
      const [first] = await harness.instances();
      await harness.stockOut(1);
      await grow(harness, 3);
      await harness.advance();
      const there = await harness.instances();
      expect(there).toHaveLength(2);
      expect(there).toContain(first);
      const { size, unfilled } = await read(harness);
      expect(size).toBe(4);
      if (unfilled !== undefined) expect(unfilled).toBe(2);
      const members = await harness.seen();
      expect(members.filter(({ id }) => there.includes(id)).map(({ state }) => state)).toEqual([
        "present",
        "present",
      ]);
      expect(members).toHaveLength(4);
    },
  },

  "stock-out": {
    run: async (harness) => {
      await harness.stockOut(0);
      const size = await harness.size();
      await growthMeets(harness, "no-capacity");
      // Where the group goes on to want it, it comes as soon as there is one.
      await harness.stockOut(null);
      await harness.advance();
      const now = await harness.size();
      expect(await harness.instances()).toHaveLength(now ?? 0);
      if (now === size) await grow(harness, 1);
      await harness.advance();
      expect(await harness.instances()).toHaveLength(3);
      expect((await harness.seen()).filter(({ state }) => state === "failed")).toEqual([]);
    },
  },

  quota: {
    run: async (harness) => {
      await harness.quota();
      await growthMeets(harness, "quota");
    },
  },

  "cancel unfilled": {
    run: async (harness) => {
      const there = await harness.instances();
      const cancel = async (count: number): Promise<void> => {
        await harness.group().cancelUnfilled(count, await read(harness), calling(harness));
      };
      await harness.stockOut(0);
      await grow(harness, 2);
      await harness.advance();
      const { size, unfilled } = await read(harness);
      expect(size).toBe(4);
      if (unfilled !== undefined) expect(unfilled).toBe(2);
      await failure(cancel(3), "conflict", "refused");
      expect(await harness.size()).toBe(4);
      await cancel(1);
      expect(await harness.size()).toBe(3);
      await cancel(1);
      expect(await harness.size()).toBe(2);
      await failure(cancel(1), "conflict", "refused");
      await harness.stockOut(null);
      await harness.advance();
      expect(await harness.size()).toBe(2);
      expect(await harness.instances()).toEqual(there);
    },
  },

  "size moved by another hand": {
    run: async (harness) => {
      const group = harness.group();
      const seen = await read(harness);
      const there = await harness.instances();
      await harness.resizeByOther(4);
      // A read is never from a cache: it is all that a provider without conditions offers.
      expect((await read(harness)).size).toBe(4);
      if (group.conditional) {
        await failure(group.resize(3, seen, calling(harness)), "conflict");
        if (group.chosenRemoval)
          await failure(group.removeInstance(there[0] ?? "", seen, calling(harness)), "conflict");
      } else expect(seen.version).toBeNull();
      await harness.advance();
      expect(await harness.size()).toBe(4);
      const now = await harness.instances();
      expect(now).toHaveLength(4);
      expect(now).toEqual(expect.arrayContaining([...there]));
    },
  },
};
