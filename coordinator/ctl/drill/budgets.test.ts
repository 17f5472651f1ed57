import { describe, expect, test } from "vitest";

import type { Pod, PodDisruptionBudget } from "../../../shared/model/kube.ts";
import { obstacleFor, queuesOf } from "./budgets.ts";

function pod(app: string, name = app): Pod {
  return { metadata: { name, namespace: "default", labels: { app } }, spec: { containers: [] } };
}

function budget(
  name: string,
  status: NonNullable<PodDisruptionBudget["status"]> | null,
  more: { readonly app?: string; readonly namespace?: string } = {},
): PodDisruptionBudget {
  return {
    metadata: { name, namespace: more.namespace ?? "default" },
    spec: { selector: { matchLabels: { app: more.app ?? "web" } } },
    ...(status === null ? {} : { status }),
  };
}

describe("obstacleFor()", () => {
  test.each([
    ["no budget", [], null],
    ["one that allows a disruption", [budget("b", { disruptionsAllowed: 1 })], null],
    ["one of other pods", [budget("b", { disruptionsAllowed: 0 }, { app: "else" })], null],
    ["one of another namespace", [budget("b", { disruptionsAllowed: 0 }, { namespace: "else" })], null],
    [
      "one that allows none",
      [budget("b", { disruptionsAllowed: 0, desiredHealthy: 2, currentHealthy: 2 })],
      {
        budgets: ["default/b"],
        why: "budget default/b allows no disruption now: it needs 2 healthy pods and has 2",
      },
    ],
    [
      "one without a status",
      [budget("b", null)],
      {
        budgets: ["default/b"],
        why: "budget default/b allows no disruption now: its status is not known yet",
      },
    ],
  ])("with %s", (_, budgets, obstacle) => {
    expect(obstacleFor(pod("web"), budgets)).toEqual(obstacle);
  });

  test("with two, even when both allow it", () => {
    const two = ["b", "a"].map((name) => budget(name, { disruptionsAllowed: 1 }));
    expect(obstacleFor(pod("web"), two)).toMatchObject({
      budgets: ["default/a", "default/b"],
      why: expect.stringContaining("both select it") as unknown,
    });
  });
});

test("queuesOf() names a budget that lets fewer go than want to, and none that lets all or nobody go", () => {
  const pods = ["web-0", "web-1", "web-2"].map((name) => pod("web", name));
  expect(queuesOf(pods, [budget("b", { disruptionsAllowed: 1 })])).toEqual([
    { budget: "default/b", allowed: 1, pods: 3 },
  ]);
  expect(queuesOf(pods, [budget("b", { disruptionsAllowed: 3 })])).toEqual([]);
  expect(queuesOf(pods, [budget("b", { disruptionsAllowed: 0 })])).toEqual([]);
});
