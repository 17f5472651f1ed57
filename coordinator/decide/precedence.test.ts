import { describe, expect, test } from "vitest";

import { epochMs, ratio } from "../../shared/model/units.ts";
import { node, reported } from "../../test/build/node.ts";
import { MINUTE, NOW } from "../../test/build/now.ts";
import { pod } from "../../test/build/pod.ts";
import { policy } from "../../test/build/policy.ts";
import type { PolicyOptions } from "../../test/build/policy.ts";
import { memory, notice, shrinks, snapshot } from "../../test/build/snapshot.ts";
import { decide } from "./decide.ts";

interface Wanting {
  readonly notice?: boolean;
  readonly waits?: boolean;
  readonly minimum?: boolean;
  readonly schedule?: boolean;
  readonly headroom?: boolean;
  readonly forecast?: boolean;
}

/** One node runs hot and is full; limits leave one more. Each of these wants it. */
function given(wanting: Wanting): readonly (string | undefined)[] {
  const spec: PolicyOptions = {
    maxNodes: 2,
    enablePredictiveScaling: true,
    minNodes: wanting.minimum === true ? 2 : 0,
    ...(wanting.schedule === true
      ? { schedules: [{ name: "s", timeZone: "UTC", start: "* * * * *", durationSeconds: 120, minNodes: 2 }] }
      : {}),
    ...(wanting.headroom === true ? { headroom: [{ name: "h", gpus: 8 }] } : {}),
    ...(wanting.forecast === true
      ? { forecast: { gpus: 16, at: epochMs(NOW), confidence: ratio(0.9), earned: true } }
      : {}),
  };
  const decision = decide(
    snapshot({
      policies: [policy(spec)],
      nodes: [node("n1", { telemetry: reported({ mean: 1, busiest: 1 }) })],
      pods: [
        pod("runs", { node: "n1", gpus: 8 }),
        ...(wanting.waits === true ? [pod("waits", { gpus: 8 })] : []),
      ],
      notices: wanting.notice === true ? [notice("n1")] : [],
    }),
  );
  return decision.plan.moves.map((move) => move.because[0]?.code);
}

// F30: one arbiter with one order, so that no part of it takes back what another gave.
describe("precedence", () => {
  const all: Wanting = {
    notice: true,
    waits: true,
    minimum: true,
    schedule: true,
    headroom: true,
    forecast: true,
  };

  test.each([
    ["a notice comes first", all, "interruption"],
    ["then pods that wait", { ...all, notice: false }, "pending-pods"],
    ["then minima", { ...all, notice: false, waits: false }, "below-minimum"],
    ["then schedules", { schedule: true, headroom: true, forecast: true }, "schedule"],
    ["then room that is kept free", { headroom: true, forecast: true }, "headroom"],
    ["then what a forecast expects", { forecast: true }, "forecast"],
    ["then use", {}, "utilization-high"],
  ])("%s", (_case, wanting, code) => {
    expect(given(wanting)).toEqual([code]);
  });

  test("limits stand above all of them", () => {
    const spec = { maxNodes: 1, minNodes: 1, headroom: [{ name: "h", gpus: 8 }] };
    const decision = decide(
      snapshot({
        policies: [policy(spec)],
        nodes: [node("n1", { telemetry: reported({ mean: 1, busiest: 1 }) })],
        pods: [pod("runs", { node: "n1", gpus: 8 }), pod("waits", { gpus: 8 })],
        notices: [notice("n1")],
      }),
    );
    expect(decision.plan.moves).toEqual([]);
  });

  test("what is idle goes last: not while it is somebody's floor", () => {
    const idle = (spec: PolicyOptions) =>
      shrinks(
        decide(
          snapshot({
            policies: [policy(spec)],
            nodes: [node("n1")],
            memory: memory({ n1: { emptyMs: 20 * MINUTE } }),
          }),
        ),
      ).length;
    const schedules = [{ name: "s", timeZone: "UTC", start: "* * * * *", durationSeconds: 120, minNodes: 1 }];
    const forecast = { gpus: 8, at: epochMs(NOW), confidence: ratio(0.9), earned: true };
    expect(idle({})).toBe(1);
    expect(idle({ minNodes: 1 })).toBe(0);
    expect(idle({ schedules })).toBe(0);
    expect(idle({ headroom: [{ name: "h", gpus: 8 }] })).toBe(0);
    expect(idle({ enablePredictiveScaling: true, forecast })).toBe(0);
    // Wanted again so soon that another one would come too late (F30): it waits, and nothing is bought.
    const soon = { ...forecast, gpus: 0, keepGpus: 8 };
    expect(idle({ enablePredictiveScaling: true, forecast: soon })).toBe(0);
    expect(idle({ predictive: { mode: "ForecastOnly" }, forecast: soon })).toBe(1);
    expect(idle({ enablePredictiveScaling: true, forecast: { ...soon, earned: false } })).toBe(1);
    const elsewhere = { ...soon, parts: [{ ...soon, pools: [] }] };
    expect(idle({ enablePredictiveScaling: true, forecast: elsewhere })).toBe(1);
  });
});
