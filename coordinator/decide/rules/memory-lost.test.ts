import { expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import { memoryLost } from "./memory-lost.ts";

const lost = (at: number) =>
  snapshot({
    nodes: [node("n1")],
    memory: { ...EMPTY_MEMORY, at: epochMs(NOW - 1_000), lostAt: epochMs(at) },
  });

test("nothing goes in the ten minutes after the memory was lost", () => {
  expect(verdict(memoryLost, lost(NOW))).toEqual({ code: "memory-lost", leftMs: 10 * MINUTE });
  expect(verdict(memoryLost, lost(NOW - 9 * MINUTE))).toEqual({ code: "memory-lost", leftMs: MINUTE });
  expect(verdict(memoryLost, lost(NOW - 10 * MINUTE))).toBeNull();
  expect(verdict(memoryLost, snapshot({ nodes: [node("n1")] }))).toBeNull();
});

test("a loss that lies in the future, because the clock was set back, counts from now", () => {
  expect(verdict(memoryLost, lost(NOW + MINUTE))).toEqual({ code: "memory-lost", leftMs: 10 * MINUTE });
  expect(decide(lost(NOW + MINUTE)).memory.lostAt).toBe(NOW);
});

test("the next decision remembers the loss for as long as it keeps nodes", () => {
  expect(decide(lost(NOW - MINUTE)).memory.lostAt).toBe(NOW - MINUTE);
  expect(decide(lost(NOW - 10 * MINUTE)).memory).not.toHaveProperty("lostAt");
});
