import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { notice, snapshot } from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory } from "../snapshot-memory.ts";
import { assemble } from "./fleet.ts";
import { countInterruptions, lessSpotReason, spotLess } from "./interruptions.ts";

const DAY = 24 * 60 * MINUTE;
const HOUR = 60 * MINUTE;

function count(memory: Partial<Memory>, options: SnapshotOptions = {}): Memory {
  const before = { ...EMPTY_MEMORY, at: epochMs(NOW - 10 * SECOND), ...memory };
  const taken = snapshot({ memory: before, ...options });
  return { ...before, at: taken.at, ...countInterruptions(assemble(taken), before) };
}

const limited = (options: Parameters<typeof policy>[0] = {}) =>
  policy({
    spot: { diversify: true, onDemandFloorGpus: 0, rebalance: "Report", maxInterruptionsPerNodeDay: 0.1 },
    ...options,
  });
const fleetOf = (nodes: number, ageMs = 10 * DAY) =>
  Array.from({ length: nodes }, (_, index) => node(`n${index}`, { ageMs }));

describe("node-days", () => {
  test("grow with the time between two decisions, per stock and per policy", () => {
    const first = count({ risk: {} }, { nodes: fleetOf(1) });
    const second = count(first, { at: NOW + 10 * SECOND, nodes: fleetOf(1) });
    expect(second.risk?.["policy/demo"]?.nodeDays).toBeCloseTo(20 / 86_400, 6);
    const later = count(
      { risk: { "custom/*/spot|*|spot": { nodeDays: 1, interruptions: 0, at: NOW } } },
      { nodes: fleetOf(8640) },
    );
    expect(later.risk?.["custom/*/spot|*|spot"]?.nodeDays).toBeCloseTo(2, 6);
    expect(later.risk?.["policy/demo"]?.nodeDays).toBeCloseTo(1, 6);
  });

  test.each<[string, Partial<Memory>, SnapshotOptions]>([
    ["a gap of more than a minute", { at: epochMs(NOW - 61 * SECOND) }, {}],
    ["lists that are incomplete", {}, { sync: { kind: "unsynced", missing: ["pods"] } }],
    ["on-demand", {}, { policies: [policy({ pools: [pool("spot", { capacityType: "on-demand" })] })] }],
  ])("are not counted over %s", (_name, memory, options) => {
    const { risk } = count({ risk: {}, ...memory }, { nodes: fleetOf(8640), ...options });
    expect(risk).toEqual({});
  });

  test("are counted over a long gap in which nothing can have happened unseen, and not where watching began in it", () => {
    const memory = { risk: {}, at: epochMs(NOW - 12 * HOUR) };
    const watched = (since: number) => ({ kind: "synced", since: epochMs(since), gapless: true }) as const;
    const all = count(memory, { nodes: fleetOf(1), sync: watched(NOW - DAY) });
    expect(all.risk?.["policy/demo"]?.nodeDays).toBeCloseTo(0.5, 6);
    const part = count(memory, { nodes: fleetOf(1), sync: watched(NOW - HOUR) });
    expect(part.risk).toEqual({});
  });

  test("begin with what the nodes have lived through, up to a day each", () => {
    const { risk } = count({}, { nodes: [...fleetOf(2), node("young", { ageMs: 6 * HOUR })] });
    expect(risk?.["policy/demo"]?.nodeDays).toBeCloseTo(2.25, 6);
  });

  test("are those of the type and zone that the node shows", () => {
    const labels = { [NODE_LABEL.instanceType]: "p3", [NODE_LABEL.zone]: "z1" };
    const { risk } = count({}, { nodes: [node("n1", { labels })] });
    expect(Object.keys(risk ?? {}).toSorted()).toEqual(["custom/*/p3|z1|spot", "policy/demo"]);
  });

  test("fade by half in a week", () => {
    const memory = { risk: { x: { nodeDays: 8, interruptions: 4, at: epochMs(NOW - 7 * DAY) } } };
    expect(count(memory).risk?.["x"]).toMatchObject({ nodeDays: 4, interruptions: 2 });
  });
});

describe("interruptions", () => {
  const of = (memory: Memory) => memory.risk?.["policy/demo"]?.interruptions ?? 0;
  const nodes = [node("n1")];

  test("are counted once for each notice", () => {
    const notices = [notice("n1")];
    const first = count({}, { nodes, notices });
    expect(of(first)).toBe(1);
    const again = count(first, { at: NOW + 10 * SECOND, nodes, notices });
    expect(of(again)).toBeCloseTo(1, 3);
    const gone = count(again, { at: NOW + 20 * SECOND, nodes: [] });
    expect(of(count(gone, { at: NOW + 30 * SECOND, nodes, notices }))).toBeCloseTo(1, 3);
  });

  test("are counted once for each machine, by however many notices its end is said", () => {
    const both = [notice("n1"), notice("n1", { id: "n1-end", deadline: epochMs(NOW + HOUR) })];
    const first = count({}, { nodes, notices: both });
    expect(of(first)).toBe(1);
    const later = count(first, { at: NOW + 10 * SECOND, nodes, notices: both.slice(1) });
    expect(of(later)).toBeCloseTo(1, 3);
    const third = notice("n1", { id: "third" });
    expect(of(count(later, { at: NOW + 20 * SECOND, nodes, notices: [...both, third] }))).toBeCloseTo(1, 3);
    const survived = both.map((one) => ({ ...one, survived: true }));
    expect(of(count(later, { at: NOW + 20 * SECOND, nodes, notices: [...survived, third] }))).toBeCloseTo(
      2,
      3,
    );
  });

  test.each([
    ["a drill", { source: "drill" }],
    ["a hint of a rebalance", { kind: "rebalance" }],
    ["a hint of maintenance", { kind: "maintenance" }],
  ] as const)("%s is none", (_name, fields) => {
    expect(of(count({}, { nodes, notices: [notice("n1", fields)] }))).toBe(0);
  });

  test("one of a node that nobody owns is none of ours", () => {
    expect(of(count({}, { nodes: [node("n1", { pool: null })], notices: [notice("n1")] }))).toBe(0);
  });

  test("one of a node that is gone is of the stock that its machine named", () => {
    const machine = {
      cloud: "aws",
      instanceType: "spot",
      zone: "z1",
      zoneId: "az1",
      lifecycle: "spot",
    } as const;
    const lost = pool("spot", {
      instances: [{ id: "i-1", node: "n1", state: "ready" }],
      fields: { availabilityZones: ["z1", "z2"] },
    });
    const memory = count({}, { policies: [policy({ pools: [lost] })], notices: [notice("n1", { machine })] });
    expect(memory.risk?.["custom/*/spot|z1|spot"]).toMatchObject({ interruptions: 1, zoneId: "az1" });
    const owned = { ...machine, lifecycle: "on-demand" } as const;
    const none = count(
      {},
      { policies: [policy({ pools: [lost] })], notices: [notice("n1", { machine: owned })] },
    );
    expect(none.risk).toEqual({});
  });

  test("one of an on-demand node is none of spot", () => {
    const labels = { [NODE_LABEL.capacityType]: "on-demand" };
    expect(of(count({}, { nodes: [node("n1", { labels })], notices: [notice("n1")] }))).toBe(0);
  });
});

describe("B08, B129: too many interruptions", () => {
  const pools = (options: SnapshotOptions) => assemble(snapshot(options)).pools;

  test("lower the target for spot by ten points for 24 hours, and say so", () => {
    const options = { policies: [limited()], nodes: fleetOf(5), notices: [notice("n0")] };
    const memory = count({}, options);
    expect(memory.lessSpot).toEqual({ demo: NOW + DAY });
    expect(spotLess("demo", memory, NOW)).toBe(0.1);
    const [spot] = pools(options);
    expect(spot === undefined ? null : lessSpotReason(spot, memory, NOW)).toEqual({
      code: "interruption-rate",
      perNodeDay: 0.17,
      limit: 0.1,
      spotTarget: 0.5,
      until: NOW + DAY,
    });
    expect(spotLess("demo", memory, epochMs(NOW + DAY))).toBe(0);
  });

  test("one loss in a large fleet is not too many", () => {
    const memory = count({}, { policies: [limited()], nodes: fleetOf(20), notices: [notice("n0")] });
    expect(memory.lessSpot).toEqual({});
  });

  test("the day is not begun anew while it runs, and it is when they go on", () => {
    const options = { policies: [limited()], nodes: fleetOf(5), notices: [notice("n0")] };
    const first = count({}, options);
    const next = count(first, { ...options, at: NOW + HOUR });
    expect(next.lessSpot).toEqual({ demo: NOW + DAY });
    const after = count(next, {
      ...options,
      at: NOW + DAY,
      notices: fleetOf(5).map(({ name }) => notice(name)),
    });
    expect(after.lessSpot).toEqual({ demo: NOW + 2 * DAY });
  });

  test("without a limit nothing is lowered", () => {
    expect(count({}, { nodes: fleetOf(1), notices: [notice("n0")] }).lessSpot).toEqual({});
  });
});
