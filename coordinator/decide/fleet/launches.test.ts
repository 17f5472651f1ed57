import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { comingTo, move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions, PoolOptions } from "../../../test/build/policy.ts";
import { holdCodes, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { NodeInput } from "../snapshot.ts";
import { assemble } from "./fleet.ts";

function launches(
  options: PoolOptions,
  about: {
    readonly memory?: Partial<Memory>;
    readonly nodes?: readonly NodeInput[];
    readonly spec?: PolicyOptions;
  } = {},
) {
  const { memory = {}, nodes = [], spec = {} } = about;
  const [found] = assemble(
    snapshot({
      policies: [policy({ ...spec, pools: [pool("spot", options)] })],
      nodes,
      memory: { ...EMPTY_MEMORY, ...memory },
    }),
  ).pools;
  if (found === undefined) throw new Error("no pool");
  return { booting: found.booting, overdue: found.overdue.nodes, late: found.late.map(({ what }) => what) };
}

const since = (missing: number, agoMs: number): Partial<Memory> => ({
  launches: { "demo/spot": { missing, since: epochMs(NOW - agoMs) } },
});
const coming = (...names: readonly string[]): Partial<Memory> => ({
  nodes: Object.fromEntries(
    names.map((name) => [
      name,
      { idleSince: null, lastReportAt: null, emptySince: null, comingSince: epochMs(NOW - 30 * MINUTE) },
    ]),
  ),
});
const created = (agoMs: number) => ({ createdAt: epochMs(NOW - agoMs) });

describe("what a pool has asked for and does not have", () => {
  test("is on its way while its clocks run", () => {
    expect(launches({ size: 3, instances: comingTo(2, created(14 * MINUTE)) })).toEqual({
      booting: 3,
      overdue: 0,
      late: [],
    });
  });

  test("each member has its own clock", () => {
    const instances = [
      ...comingTo(1, created(16 * MINUTE)),
      { id: "i-young", node: null, state: "booting" as const, ...created(MINUTE) },
    ];
    expect(launches({ size: 2, instances })).toEqual({ booting: 1, overdue: 1, late: ["not registered"] });
  });

  test("a member without an age has the age of the whole", () => {
    const of = (agoMs: number) =>
      launches({ size: 1, instances: comingTo(1) }, { memory: since(1, agoMs) }).overdue;
    expect([of(15 * MINUTE), of(15 * MINUTE + 1)]).toEqual([0, 1]);
  });

  test("of the growths that asked for machines, the last are still to come", () => {
    const moves = [
      move(NOW, { phase: "applied", from: 0, to: 4, agoMs: 6 * MINUTE }),
      move(NOW, { phase: "applied", from: 4, to: 6, agoMs: 2 * MINUTE, key: "later" }),
    ];
    const of = (here: number) =>
      launches({ size: 6, instances: comingTo(here, created(MINUTE)) }, { spec: { journal: { moves } } });
    expect(of(4)).toEqual({ booting: 6, overdue: 0, late: [] });
    expect(of(3)).toEqual({ booting: 5, overdue: 1, late: ["not launched"] });
  });

  test("a node that was lost is made again from then on, whenever the pool grew before", () => {
    const moves = [move(NOW, { phase: "applied", from: 0, to: 2, agoMs: 60 * MINUTE })];
    const of = (agoMs: number) =>
      launches(
        { size: 2, instances: [] },
        {
          nodes: [node("n1")],
          spec: { journal: { moves } },
          memory: {
            launches: {
              "demo/spot": { missing: 1, since: epochMs(NOW - agoMs), from: epochMs(NOW - agoMs - SECOND) },
            },
          },
        },
      ).overdue;
    expect([of(MINUTE), of(6 * MINUTE)]).toEqual([0, 1]);
    const lostNow = { at: epochMs(NOW - SECOND), launches: {} };
    const about = { nodes: [node("n1")], spec: { journal: { moves } }, memory: lostNow };
    expect(launches({ size: 2, instances: [] }, about)).toMatchObject({ booting: 1, overdue: 0 });
  });

  test("the policy says how long each stage may take", () => {
    const provisioning = {
      launchTimeoutSeconds: 30,
      registrationTimeoutSeconds: 60,
      gpuReadyTimeoutSeconds: 60,
    };
    const spec = { provisioning };
    expect(launches({ size: 1, instances: [] }, { memory: since(1, 31 * SECOND), spec }).overdue).toBe(1);
    expect(launches({ size: 1, instances: comingTo(1, created(61 * SECOND)) }, { spec }).overdue).toBe(1);
    const nodes = [node("n1", { gpus: 0, ageMs: 61 * SECOND })];
    expect(launches({ size: 1 }, { nodes, spec, memory: coming("n1") }).late).toEqual(["no GPUs"]);
  });

  test("partial grants: of ten the six that came count, the four that failed do not", () => {
    const instances = [
      ...comingTo(6, created(MINUTE)),
      ...Array.from({ length: 4 }, (_, index) => ({
        id: `f-${index}`,
        node: null,
        state: "failed" as const,
      })),
    ];
    expect(launches({ size: 10, instances })).toEqual({ booting: 6, overdue: 0, late: [] });
  });

  test("a machine whose node has gone holds a place and is late as one that never had one", () => {
    const instances = [{ id: "i-1", node: "gone", state: "booting" as const, ...created(16 * MINUTE) }];
    expect(launches({ size: 1, instances })).toEqual({ booting: 0, overdue: 1, late: ["not registered"] });
  });

  test("a size that no group can have is not known, and nobody counts it out", () => {
    const decision = decide(
      snapshot({ policies: [policy({ pools: [pool("spot", { size: 2 ** 31 - 1, instances: [] })] })] }),
    );
    expect(holdCodes(decision)).toEqual(["size-unknown"]);
  });

  test("a group of absurd size costs no time", () => {
    const { booting } = launches(
      { size: Number.MAX_SAFE_INTEGER, instances: [], gpus: null },
      { memory: since(Number.MAX_SAFE_INTEGER, 60 * MINUTE) },
    );
    expect(booting).toBe(0);
  });
});

describe("a node that is here and does not work", () => {
  test("is late when it was seen to come, and holds its place in the group", () => {
    const nodes = [node("n1", { ready: "not-ready", ageMs: 16 * MINUTE })];
    expect(launches({ size: 1 }, { nodes, memory: coming("n1") })).toEqual({
      booting: 0,
      overdue: 0,
      late: ["not ready"],
    });
  });

  test("has fallen ill when nobody saw it come: a memory that was lost makes it no failed launch", () => {
    const nodes = [node("n1", { ready: "not-ready", ageMs: 16 * MINUTE })];
    expect(launches({ size: 1 }, { nodes }).late).toEqual([]);
  });

  test("its GPUs are waited for from when it became Ready", () => {
    const slow: NodeInput = {
      ...node("n1", { gpus: 0, ageMs: 20 * MINUTE }),
      readyChangedAt: epochMs(NOW - 10 * MINUTE),
    };
    expect(launches({ size: 1 }, { nodes: [slow], memory: coming("n1") }).booting).toBe(1);
  });
});
