// The contract's cases of members that go: the chosen one and no other, never under the minimum, never twice, and one
// that the cloud takes is replaced once in all.

import { expect } from "vitest";

import { calling } from "../harness.ts";
import type { Case, CloudGroupHarness } from "../harness.ts";
import { contains, failure, grow, read, remove } from "./case.ts";
import type { ContractCase } from "./case.ts";

type ShrinkingCase = Extract<
  Case,
  "remove chosen" | "remove under minimum" | "remove what is gone" | "one new node after a notice"
>;

async function release(harness: CloudGroupHarness, id: string): Promise<void> {
  await harness.group().releaseInstance(id, await read(harness), calling(harness));
}

export const SHRINKING: Readonly<Record<ShrinkingCase, ContractCase>> = {
  "remove chosen": {
    setup: { size: 4 },
    run: async (harness) => {
      const group = harness.group();
      expect(group.chosenRemoval).toBe(true);
      const made = await harness.made();
      const [first = "", second = "", ...others] = await harness.instances();
      const seen = await read(harness);
      await group.removeInstance(second, seen, calling(harness));
      expect(await contains(harness, second)).toBe(false);
      expect(await contains(harness, first)).toBe(true);
      expect((await read(harness)).size).toBe(3);
      if (group.conditional) await failure(group.removeInstance(first, seen, calling(harness)), "conflict");
      await harness.advance();
      expect(await harness.instances()).toEqual([first, ...others]);
      await remove(harness, others[0] ?? "");
      await harness.advance();
      expect(await harness.instances()).toEqual([first, ...others.slice(1)]);
      expect(await harness.size()).toBe(2);
      expect(await harness.made(), "machines made in place of those that went").toBe(made);
    },
  },

  "remove under minimum": {
    setup: { size: 2, min: 2 },
    run: async (harness) => {
      const there = await harness.instances();
      const [id = ""] = there;
      expect((await read(harness)).min).toBe(2);
      await failure(remove(harness, id), "refused");
      await failure(release(harness, id), "refused");
      await harness.advance();
      expect(await contains(harness, id)).toBe(true);
      expect(await harness.instances()).toEqual(there);
      expect(await harness.size()).toBe(2);
    },
  },

  "remove what is gone": {
    setup: { size: 3 },
    run: async (harness) => {
      const [gone = "", ...others] = await harness.instances();
      await remove(harness, gone);
      await harness.advance();
      await failure(remove(harness, gone), "not-found");
      await failure(release(harness, gone), "not-found");
      await harness.group().keepInstance(gone, calling(harness));
      await harness.advance();
      expect(await contains(harness, gone)).toBe(false);
      expect(await harness.instances()).toEqual(others);
      expect(await harness.size()).toBe(2);
    },
  },

  "one new node after a notice": {
    setup: { groups: 2, size: 3 },
    run: async (harness) => {
      const [elsewhere = "", here = "", last = ""] = await harness.instances();
      const made = await harness.made();
      await grow(harness, 1, 1);
      await release(harness, elsewhere);
      await harness.interrupt(elsewhere);
      await harness.advance();
      expect((await harness.made()) - made, "machines made for a notice answered elsewhere").toBe(1);
      expect(await harness.instances()).toEqual([here, last]);
      expect(await harness.instances(1)).toHaveLength(4);

      await release(harness, here);
      await grow(harness, 1);
      await harness.interrupt(here);
      await harness.advance();
      expect((await harness.made()) - made, "and for one answered in the same group").toBe(2);
      const now = await harness.instances();
      expect(now).toHaveLength(2);
      expect(now).toContain(last);
      expect(now).not.toContain(here);
      expect(await harness.size()).toBe(2);
    },
  },
};
