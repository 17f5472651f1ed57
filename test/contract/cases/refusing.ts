// The contract's cases of providers that refuse or do not answer: each refusal has its kind, is sent once and changes
// nothing; a lost answer is "maybe done", and what it was can be read afterwards.

import { expect } from "vitest";

import { launchFailureOf } from "../../../coordinator/cloud/group.ts";
import { calling } from "../harness.ts";
import type { Case } from "../harness.ts";
import { contains, failure, grow, outcome, read, remove } from "./case.ts";
import type { ContractCase } from "./case.ts";

type RefusingCase = Extract<
  Case,
  "denied" | "throttle" | "time-out before the effect" | "time-out after the effect"
>;

const MAYBE_DONE = ["timeout", "unavailable"] as const;

export const REFUSING: Readonly<Record<RefusingCase, ContractCase>> = {
  denied: {
    run: async (harness) => {
      const there = await harness.instances();
      await harness.deny();
      const error = await failure(grow(harness, 1), "denied");
      expect(launchFailureOf(error)).toBe("denied");
      if (harness.group().chosenRemoval) await failure(remove(harness, there[0] ?? ""), "denied");
      await harness.advance();
      expect(await harness.size()).toBe(2);
      expect(await harness.instances()).toEqual(there);
    },
  },

  throttle: {
    run: async (harness) => {
      const waitS = await harness.throttle();
      const writes = await harness.writes();
      const error = await failure(grow(harness, 1), "throttled");
      expect(error.retryAfterMs).toBe(waitS === null ? null : waitS * 1000);
      expect((await harness.writes()) - writes, "a refused call is not sent again").toBe(1);
      expect(await harness.size()).toBe(2);
      await harness.advance();
      await grow(harness, 1);
      expect(await harness.size()).toBe(3);
    },
  },

  "time-out before the effect": {
    run: async (harness) => {
      const group = harness.group();
      const there = await harness.instances();
      const writes = await harness.writes();
      await harness.loseAnswer("before");
      await failure(grow(harness, 1), ...MAYBE_DONE);
      expect((await harness.writes()) - writes, "a lost call is not sent again").toBe(1);
      expect((await read(harness)).size).toBe(2);
      await harness.advance();
      expect(await harness.instances()).toEqual(there);

      if (group.chosenRemoval) {
        const [id = ""] = there;
        await harness.loseAnswer("before");
        await failure(remove(harness, id), ...MAYBE_DONE);
        await group.keepInstance(id, calling(harness));
        await harness.advance();
        expect(await contains(harness, id)).toBe(true);
        expect(await harness.instances()).toEqual(there);
      }

      const seen = await read(harness);
      const sent = await harness.writes();
      const ended = { ...calling(harness), signal: AbortSignal.abort(new Error("given up")) };
      expect(await outcome(group.resize(3, seen, ended)), "a call that was given up").not.toBeNull();
      expect(await harness.writes()).toBe(sent);
      await grow(harness, 1);
      expect(await harness.size()).toBe(3);
    },
  },

  "time-out after the effect": {
    run: async (harness) => {
      const group = harness.group();
      const made = await harness.made();
      await harness.loseAnswer("after");
      await failure(grow(harness, 1), ...MAYBE_DONE);
      expect((await read(harness)).size).toBe(3);
      await harness.advance();
      const there = await harness.instances();
      expect(there).toHaveLength(3);
      expect((await harness.made()) - made, "machines made by a growth whose answer was lost").toBe(1);
      if (!group.chosenRemoval) return;

      const [id = "", ...others] = there;
      await harness.loseAnswer("after");
      const error = await outcome(remove(harness, id));
      if (error !== null) await failure(Promise.reject(error as Error), ...MAYBE_DONE);
      // A removal of several steps may have lost the answer to the first one; then it is taken back.
      const isLeft = await contains(harness, id);
      if (isLeft) await group.keepInstance(id, calling(harness));
      await harness.advance();
      expect(await contains(harness, id)).toBe(isLeft);
      expect(await harness.instances()).toEqual(isLeft ? there : others);
      expect(await harness.size()).toBe(isLeft ? 3 : 2);
      expect((await harness.made()) - made).toBe(1);
    },
  },
};
