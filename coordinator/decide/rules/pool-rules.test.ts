import { describe, expect, test } from "vitest";

import { millis } from "../../../shared/model/units.ts";
import { verdict } from "../../../test/build/candidate.ts";
import { node, reported } from "../../../test/build/node.ts";
import { HOUR, MINUTE, NOW } from "../../../test/build/now.ts";
import { pod } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import type { Cause } from "../rule.ts";
import { lastTry } from "./last-try.ts";
import { limits } from "./limits.ts";
import { movableWindow } from "./movable-window.ts";
import { neededForFloor } from "./needed-for-floor.ts";
import { reservedPaid } from "./reserved-paid.ts";
import { tierFloor } from "./tier-floor.ts";

const EXPIRED: Cause = { kind: "expired", ageMs: millis(HOUR), limitMs: millis(HOUR) };
const UNHEALTHY: Cause = {
  kind: "unhealthy",
  because: { code: "node-not-ready", node: "n1", forMs: millis(HOUR) },
};
const MOVABLE: Cause = { kind: "movable" };

const two = (spec: PolicyOptions = {}, of = "spot") =>
  snapshot({ nodes: [node("n1", { pool: of }), node("n2", { pool: of })], policies: [policy(spec)] });

describe("a try that failed", () => {
  const failed = (agoMs: number) =>
    two({ journal: { moves: [move(NOW, { kind: "shrink", node: "n1", phase: "failed", agoMs })] } });
  test("is not made again within idleSeconds", () => {
    expect(verdict(lastTry, failed(9 * MINUTE), "n1", EXPIRED)?.code).toBe("agent-refused");
    expect(verdict(lastTry, failed(11 * MINUTE), "n1", EXPIRED)).toBeNull();
  });
  test("of another node keeps nothing, and windows that begin again need no second one", () => {
    expect(verdict(lastTry, failed(MINUTE), "n2", EXPIRED)).toBeNull();
    expect(verdict(lastTry, failed(MINUTE), "n1")).toBeNull();
  });
});

test("an open schedule's floor keeps its nodes, of the pool or of the policy", () => {
  const day = {
    name: "day",
    timeZone: "UTC",
    start: "0 0 * * *",
    durationSeconds: 86_400,
    readyBy: false,
    allowDisruption: false,
    suspend: false,
    priority: 0,
  };
  const floor = (minNodes: number, pools: string[] = []) => two({ schedules: [{ ...day, minNodes, pools }] });
  const reason = { code: "needed-for-floor", node: "n1", floor: "schedule day", minimum: 2 };
  expect(verdict(neededForFloor, floor(2))).toEqual(reason);
  expect(verdict(neededForFloor, floor(2, ["spot"]))).toEqual(reason);
  expect(verdict(neededForFloor, floor(1))).toBeNull();
  expect(verdict(neededForFloor, floor(2), "n1", UNHEALTHY)?.code).toBe("needed-for-floor");
  const full = two({ maxNodes: 2, schedules: [{ ...day, minNodes: 2, pools: [] }] });
  expect(verdict(neededForFloor, full, "n1", UNHEALTHY)).toBeNull();
});

describe("tiers", () => {
  const onDemand = (onDemandFloorGpus: number) =>
    two(
      {
        pools: [pool("od", { capacityType: "on-demand" })],
        spot: { diversify: true, onDemandFloorGpus, rebalance: "Report" },
      },
      "od",
    );
  test("the floor of GPUs that no cloud takes away is kept, but not by an ill node", () => {
    expect(verdict(tierFloor, onDemand(9))).toEqual({
      code: "tier-floor",
      node: "n1",
      gpusAfter: 8,
      floor: 9,
    });
    expect(verdict(tierFloor, onDemand(8))).toBeNull();
    expect(verdict(tierFloor, onDemand(9), "n1", UNHEALTHY)).toBeNull();
  });
  const reserved = (reservedPercentage?: number) =>
    snapshot({
      nodes: [node("n1", { pool: "r" }), node("s1"), node("s2"), node("s3")],
      policies: [
        policy({
          pools: [pool("r", { capacityType: "reserved" }), pool("spot")],
          ...(reservedPercentage === undefined ? {} : { reservedPercentage }),
        }),
      ],
    });
  test("reserved nodes up to the share that is written are paid for, used or not", () => {
    expect(verdict(reservedPaid, reserved(0.25))).toEqual({ code: "reserved-paid", node: "n1" });
    expect(verdict(reservedPaid, reserved())).toBeNull();
    expect(verdict(reservedPaid, reserved(0.25), "n1", EXPIRED)).toBeNull();
  });
  test("nobody is moved off a reserved node to save money", () => {
    expect(verdict(reservedPaid, reserved(), "n1", MOVABLE)?.code).toBe("reserved-paid");
  });
});

test("a node of unknown price, or whose pods have no place, is not movable", () => {
  const of = (fields: object, gpus: number) =>
    snapshot({
      nodes: [node("n1", { telemetry: reported() }), node("n2", { telemetry: reported() })],
      pods: [pod("p", { node: "n1", gpus }), pod("q", { node: "n2", gpus: 4 })],
      policies: [
        policy({ pools: [pool("spot", { fields })], consolidation: { enabled: true, afterSeconds: 60 } }),
      ],
    });
  const price = { price: { usdPerHour: 3 } };
  expect(verdict(movableWindow, of({}, 4), "n1", MOVABLE)?.code).toBe("not-cheaper");
  expect(verdict(movableWindow, of(price, 5), "n1", MOVABLE)?.code).toBe("fits-nowhere-else");
  expect(verdict(movableWindow, of(price, 4), "n1", MOVABLE)).toEqual({
    code: "movable-too-short",
    node: "n1",
    forMs: 0,
    needMs: MINUTE,
  });
});

test("budgets bind by cause", () => {
  const open = { freeze: false, keepLocalStorage: false, keepSystemPods: false };
  const input = two({
    disruption: { ...open, budgets: [{ nodes: 0, reasons: ["Expired"], timeZone: "UTC" }] },
  });
  expect(verdict(limits, input, "n1", EXPIRED)).toEqual({
    code: "disruption-budget",
    leaving: 0,
    allowed: 0,
    disruption: "Expired",
  });
  expect(verdict(limits, input)).toBeNull();
});
