import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { move, policy } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { NodeInput } from "../snapshot.ts";
import { assemble } from "./fleet.ts";
import { remember } from "./memory.ts";

/** Looks at these nodes one after the other; the pool was grown at NOW. */
function watch(
  looks: readonly (readonly [number, readonly NodeInput[]])[],
  start: Memory = EMPTY_MEMORY,
): Memory {
  const moves = [move(NOW, { phase: "applied", from: 0, to: 2 })];
  let memory = start;
  for (const [afterMs, nodes] of looks) {
    const taken = snapshot({ at: NOW + afterMs, memory, nodes, policies: [policy({ journal: { moves } })] });
    memory = remember(assemble(taken), taken);
  }
  return memory;
}

const at = (afterMs: number, options: Parameters<typeof node>[1] = {}, name = "n1"): NodeInput =>
  node(name, { ageMs: -afterMs, ...options });

describe("boot times", () => {
  test("are measured from the growth to the node that works", () => {
    const made = 2 * MINUTE;
    const memory = watch([
      [3 * MINUTE, [at(made, { ready: "not-ready" })]],
      [4 * MINUTE, [at(made, { gpus: 0 })]],
      [5 * MINUTE, [at(made)]],
      [6 * MINUTE, [at(made)]],
    ]);
    expect(memory.bootMs).toEqual({ "demo/spot": [5 * MINUTE] });
  });

  test("also of a node that worked when it was first seen", () => {
    const memory = watch([
      [MINUTE, []],
      [5 * MINUTE, [at(2 * MINUTE)]],
    ]);
    expect(memory.bootMs).toEqual({ "demo/spot": [5 * MINUTE] });
  });

  test("not of nodes that were there before anybody looked", () => {
    expect(watch([[5 * MINUTE, [at(2 * MINUTE)]]]).bootMs).toEqual({});
  });

  test("not of a node that was away for a while", () => {
    const memory = watch([
      [5 * MINUTE, [at(2 * MINUTE)]],
      [6 * MINUTE, [at(2 * MINUTE, { ready: "not-ready" })]],
      [7 * MINUTE, [at(2 * MINUTE)]],
    ]);
    expect(memory.bootMs).toEqual({});
  });

  test("the last twenty are kept", () => {
    const before: Memory = {
      ...EMPTY_MEMORY,
      at: epochMs(NOW + MINUTE),
      bootMs: { "demo/spot": Array.from({ length: 20 }, (_, index) => index) },
    };
    const memory = watch([[5 * MINUTE, [at(2 * MINUTE)]]], before);
    expect(memory.bootMs?.["demo/spot"]?.slice(-2)).toEqual([19, 5 * MINUTE]);
    expect(memory.bootMs?.["demo/spot"]).toHaveLength(20);
  });
});

describe("a node that does not work", () => {
  test("has been coming since it was first seen, and is forgotten once it works", () => {
    const first = watch([[MINUTE, [at(0, { ready: "not-ready" })]]]);
    const later = watch([[20 * MINUTE, [at(0, { ready: "not-ready" })]]], first);
    expect(later.nodes["n1"]).toMatchObject({ comingSince: NOW + MINUTE });
    expect(watch([[21 * MINUTE, [at(0)]]], later).nodes["n1"]).not.toHaveProperty("comingSince");
  });

  test("that worked before is down, however young it is", () => {
    const memory = watch([
      [MINUTE, [at(0)]],
      [2 * MINUTE, [at(0, { ready: "not-ready" })]],
      [3 * MINUTE, [at(0, { ready: "not-ready" })]],
    ]);
    expect(memory.nodes["n1"]).toMatchObject({ downSince: NOW + 2 * MINUTE });
    expect(memory.nodes["n1"]).not.toHaveProperty("comingSince");
  });

  test("is remembered also while lists are incomplete", () => {
    const taken = snapshot({
      at: NOW + 10 * SECOND,
      nodes: [at(0, { ready: "not-ready" })],
      sync: { kind: "unsynced", missing: ["pods"] },
    });
    expect(remember(assemble(taken), taken).nodes["n1"]).toMatchObject({ comingSince: NOW + 10 * SECOND });
  });
});
