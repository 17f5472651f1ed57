import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { NOW, SECOND } from "../../../test/build/now.ts";
import { pods } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { grows, holdCodes, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";

describe("minimum sizes", () => {
  test("of a pool are kept in that pool, cooldown or not", () => {
    const journal = { lastUpAt: { od: epochMs(NOW - SECOND) } };
    const policies = [
      policy({ journal, pools: [pool("spot"), pool("od", { capacityType: "on-demand", minSize: 2 })] }),
    ];
    const [grow] = grows(decide(snapshot({ policies })));
    expect(grow).toMatchObject({ pool: "od", from: 0, to: 2 });
    expect(grow?.because).toEqual([{ code: "below-minimum", scope: "pool", size: 0, minimum: 2 }]);
  });

  test("of a policy go to the pool that is asked first, and on to the next when it is full", () => {
    const policies = [
      policy({
        minNodes: 3,
        pools: [pool("od", { capacityType: "on-demand" }), pool("spot", { maxSize: 2 })],
      }),
    ];
    expect(grows(decide(snapshot({ policies }))).map(({ pool: name, to }) => [name, to])).toEqual([
      ["od", 1],
      ["spot", 2],
    ]);
  });

  test("are met by nodes that pods asked for", () => {
    const policies = [policy({ minNodes: 2 })];
    const [grow] = grows(decide(snapshot({ policies, pods: pods(2, "p", { gpus: 8 }) })));
    expect(grow?.because.map(({ code }) => code)).toEqual(["pending-pods"]);
  });

  test("need no template", () => {
    const policies = [policy({ pools: [pool("spot", { gpus: null, minSize: 1 })] })];
    expect(grows(decide(snapshot({ policies })))).toHaveLength(1);
  });

  test("obey the limits", () => {
    const policies = [policy({ maxNodes: 1, pools: [pool("spot", { minSize: 4 })] })];
    const [grow] = grows(decide(snapshot({ policies })));
    expect(grow?.to).toBe(1);
    expect(grow?.because).toContainEqual({ code: "at-maximum", scope: "policy", maximum: 1 });
  });

  test("are not asked for twice while the first asking is under way", () => {
    const moves = [move(NOW, { kind: "grow", phase: "intended", from: 0, to: 1 })];
    const decision = decide(
      snapshot({ policies: [policy({ journal: { moves }, pools: [pool("spot", { minSize: 3 })] })] }),
    );
    expect(grows(decision)).toEqual([]);
    expect(holdCodes(decision)).toContain("move-in-flight");
  });
});
