import { describe, expect, test } from "vitest";

import type { InterruptionHint } from "../../shared/contract/node-marks.ts";
import type { Hint } from "../../shared/model/interruption.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import { createHintKeeper } from "./hints.ts";
import type { HookOccasion, HookTarget } from "./hooks/hooks.ts";

const NOW = epochMs(1_000_000);
const target: HookTarget = {
  namespace: "team",
  name: "train-0",
  uid: "u0",
  class: "high",
  hook: { kind: "http", address: "10.0.0.1", port: 8080, path: "/save", timeoutMs: millis(60_000) },
};
const rebalance: Hint = {
  id: "r",
  source: "aws",
  kind: "rebalance",
  seenAt: NOW,
  at: null,
  action: "rebalance",
  endsMachine: false,
};
const reboot: Hint = { ...rebalance, id: "m", kind: "maintenance", at: epochMs(NOW + 60_000) };

function setUp() {
  const marks: (InterruptionHint | null)[] = [];
  const calls: { readonly pod: string; readonly occasion: HookOccasion; readonly by: number }[] = [];
  const news: string[] = [];
  const keeper = createHintKeeper({
    marker: { hint: (hint) => marks.push(hint) },
    hooks: { call: ({ name }, occasion, by) => calls.push({ pod: name, occasion, by }) },
    targets: () => [target],
    news: { hint: ({ id }, phase) => news.push(`${id} ${phase}`) },
    now: () => NOW,
  });
  return { keeper, marks, calls, news };
}

describe("createHintKeeper()", () => {
  test("tells a hint once, marks the node, and calls the hooks with its kind", () => {
    const { keeper, marks, calls, news } = setUp();
    keeper.follow([reboot], true);
    keeper.follow([reboot], true);
    expect(news).toEqual(["m seen"]);
    expect(marks).toEqual([{ v: 1, ...reboot }]);
    expect(calls).toEqual([
      {
        pod: "train-0",
        by: NOW + 60_000,
        occasion: {
          eventId: "m",
          kind: "maintenance",
          deadline: reboot.at,
          drill: false,
          peerInterrupted: false,
        },
      },
    ]);
  });

  test("says when it is over and takes the mark back", () => {
    const { keeper, marks, news } = setUp();
    keeper.follow([rebalance], true);
    keeper.follow([], true);
    expect(news).toEqual(["r seen", "r cancelled"]);
    expect(marks.at(-1)).toBeNull();
  });

  test("of several the one that begins first stands on the node", () => {
    const { keeper, marks } = setUp();
    keeper.follow([rebalance, reboot], true);
    keeper.follow([rebalance], true);
    expect(marks.map((mark) => mark?.id)).toEqual(["m", "r"]);
  });

  test("that is put off stands on the node with its new time, and is told of once", () => {
    const { keeper, marks, calls, news } = setUp();
    keeper.follow([reboot], true);
    const later = { ...reboot, at: epochMs(NOW + 600_000) };
    keeper.follow([later], true);
    expect(marks).toEqual([
      { v: 1, ...reboot },
      { v: 1, ...later },
    ]);
    expect(news).toEqual(["m seen"]);
    expect(calls).toHaveLength(1);
  });

  test("whose time has come already leaves a pod as long as one without a time", () => {
    const { keeper, calls } = setUp();
    keeper.follow([{ ...reboot, at: epochMs(NOW - 60_000) }], true);
    expect(calls[0]?.by).toBe(NOW + 3_600_000);
  });

  test("leaves what an earlier process wrote until it is known to be over", () => {
    const { keeper, marks } = setUp();
    keeper.follow([], false);
    expect(marks).toEqual([]);
    keeper.follow([], true);
    expect(marks).toEqual([null]);
  });
});
