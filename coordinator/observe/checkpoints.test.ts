import { expect, test } from "vitest";

import type { Checkpoint } from "../../shared/contract/checkpoint.ts";
import { createCheckpoints } from "./checkpoints.ts";

const saved = (pod: string, step: number): Checkpoint => ({ pod, result: "saved", tookMs: 5, step });

test("keeps the newest answer of each pod, for each interruption", () => {
  const kept = createCheckpoints();
  expect(kept.accept({ id: "a", checkpoints: [saved("p", 1), saved("q", 1)] })).toBe(true);
  expect(kept.accept({ id: "a", checkpoints: [saved("p", 2)] })).toBe(true);
  expect(kept.accept({ id: "b", checkpoints: [saved("p", 3)] })).toBe(true);
  expect(kept.of("a")).toEqual([saved("p", 2), saved("q", 1)]);
  expect(kept.of("b")).toEqual([saved("p", 3)]);
  expect(kept.of("c")).toEqual([]);
});

test("says when nothing is new", () => {
  const kept = createCheckpoints();
  expect(kept.accept({ id: "a" })).toBe(false);
  expect(kept.accept({ id: "a", checkpoints: [saved("p", 1)] })).toBe(true);
  expect(kept.accept({ id: "a", checkpoints: [saved("p", 1)] })).toBe(false);
});

test("keeps a bounded number of answers and of interruptions", () => {
  const kept = createCheckpoints();
  for (let at = 0; at < 3; at++) {
    const checkpoints = Array.from({ length: 64 }, (_, pod) => saved(`${at}-${pod}`, at));
    kept.accept({ id: "large", checkpoints });
  }
  expect(kept.of("large")).toHaveLength(64);
  for (let id = 0; id < 1_000; id++) kept.accept({ id: `i${id}`, checkpoints: [saved("p", id)] });
  expect(kept.of("large")).toEqual([]);
  expect(kept.of("i999")).toEqual([saved("p", 999)]);
});

test("keeps what a pod saved when a call after that comes to nothing", () => {
  const kept = createCheckpoints();
  kept.accept({ id: "a", checkpoints: [saved("p", 4)] });
  const late: Checkpoint = { pod: "p", result: "late", tookMs: 9 };
  expect(kept.accept({ id: "a", checkpoints: [late, { ...late, pod: "q" }] })).toBe(true);
  expect(kept.of("a")).toEqual([saved("p", 4), { ...late, pod: "q" }]);
});

test("keeps nothing that a terminal would obey", () => {
  const kept = createCheckpoints();
  const forged = { ...saved("p", 1), uri: "s3://a\u001b[2J", detail: "one\ntwo" };
  kept.accept({ id: "a", checkpoints: [forged] });
  expect(kept.of("a")).toEqual([{ ...saved("p", 1), uri: "s3://a [2J", detail: "one two" }]);
});
