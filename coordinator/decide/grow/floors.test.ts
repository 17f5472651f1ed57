import { describe, expect, test } from "vitest";

import { epochMs } from "../../../shared/model/units.ts";
import { node, reported } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { pods } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import { grows, holdCodes, snapshot } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";

describe("minimum sizes", () => {
  test("of a pool are kept in that pool, cooldown or not", () => {
    const journal = { lastUpAt: { od: epochMs(NOW - SECOND) } };
    const policies = [
      policy({ journal, pools: [pool("spot"), pool("od", { capacityType: "on-demand", minSize: 2 })] }),
    ];
    const [grow] = grows(decide(snapshot({ policies })));
    expect(grow).toMatchObject({ pool: "od", from: 0, to: 2 });
    expect(grow?.because[0]).toEqual({ code: "below-minimum", scope: "pool", size: 0, minimum: 2 });
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

  test("of a policy count no machines that do not come: another pool stands in for them", () => {
    const pools = [pool("spot", { size: 2, instances: [] }), pool("od", { capacityType: "on-demand" })];
    const waited = (agoMs: number) =>
      decide(
        snapshot({
          policies: [policy({ minNodes: 2, pools })],
          memory: {
            ...EMPTY_MEMORY,
            at: epochMs(NOW - SECOND),
            launches: { "demo/spot": { missing: 2, since: epochMs(NOW - agoMs) } },
          },
        }),
      );
    expect(grows(waited(MINUTE))).toEqual([]);
    expect(grows(waited(20 * MINUTE)).map(({ pool: name, to }) => [name, to])).toEqual([["od", 2]]);
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

describe("floors of schedules", () => {
  const open = { timeZone: "UTC", start: "* * * * *", durationSeconds: 120 };
  const until = epochMs(NOW + 2 * MINUTE);

  test("are kept in the pools that they name, cooldown or not, and say until when", () => {
    const policies = [
      policy({
        journal: { lastUpAt: { od: epochMs(NOW - SECOND) } },
        pools: [pool("spot"), pool("od", { capacityType: "on-demand", minSize: 1 })],
        schedules: [{ name: "day", ...open, minNodes: 3, pools: ["od"] }],
      }),
    ];
    const [grow] = grows(decide(snapshot({ policies })));
    expect(grow).toMatchObject({ pool: "od", from: 0, to: 3 });
    expect(grow?.because.slice(0, 2)).toEqual([
      { code: "below-minimum", scope: "pool", size: 0, minimum: 1 },
      { code: "schedule", schedule: "day", size: 1, minimum: 3, until },
    ]);
  });

  test("of a policy go to the pool that is asked first", () => {
    const policies = [
      policy({
        minNodes: 1,
        pools: [pool("od", { capacityType: "on-demand" }), pool("spot", { maxSize: 2 })],
        schedules: [{ name: "day", ...open, minNodes: 3 }],
      }),
    ];
    const decision = decide(snapshot({ policies }));
    expect(grows(decision).map(({ pool: name, to }) => [name, to])).toEqual([
      ["od", 1],
      ["spot", 2],
    ]);
    expect(grows(decision)[0]?.because).toContainEqual({
      code: "schedule",
      schedule: "day",
      size: 1,
      minimum: 3,
      until,
    });
  });

  test("are met by nodes that pods asked for, and end with their window", () => {
    const schedules = [{ name: "day", ...open, minNodes: 2 }];
    const [grow] = grows(
      decide(snapshot({ policies: [policy({ schedules })], pods: pods(2, "p", { gpus: 8 }) })),
    );
    expect(grow?.because.map(({ code }) => code)).toEqual(["pending-pods"]);
    const closed = [{ ...open, name: "day", start: "0 0 1 1 *", minNodes: 2 }];
    expect(grows(decide(snapshot({ policies: [policy({ schedules: closed })] })))).toEqual([]);
  });

  test("obey the limits", () => {
    const policies = [policy({ maxNodes: 1, schedules: [{ name: "day", ...open, minNodes: 4 }] })];
    const [grow] = grows(decide(snapshot({ policies })));
    expect(grow?.to).toBe(1);
    expect(grow?.because).toContainEqual({ code: "at-maximum", scope: "policy", maximum: 1 });
  });

  test("that have to be ready by their start are asked for as early as machines of the pool take", () => {
    const starts = new Date(NOW + 15 * MINUTE);
    const start = `${starts.getUTCMinutes()} ${starts.getUTCHours()} * * *`;
    const schedules = [
      { name: "day", timeZone: "UTC", start, durationSeconds: 3600, minNodes: 2, readyBy: true },
    ];
    const took = (minutes: number) => ({
      ...EMPTY_MEMORY,
      bootMs: { "demo/spot": [MINUTE, 2 * MINUTE, minutes * MINUTE] },
    });
    const grown = (minutes: number) =>
      grows(decide(snapshot({ policies: [policy({ schedules })], memory: took(minutes) }))).length;
    expect(grown(17)).toBe(1);
    expect(grown(12)).toBe(0);
  });

  test("are shown with their windows, and the next change", () => {
    const schedules = [
      { name: "day", timeZone: "UTC", start: "0 0 1 1 *", durationSeconds: 60, minNodes: 2 },
    ];
    const [figures] = decide(snapshot({ policies: [policy({ schedules })] })).plan.figures;
    expect(figures?.schedules).toEqual([]);
    const [now] = decide(snapshot({ policies: [policy({ schedules: [{ name: "now", ...open }] })] })).plan
      .figures;
    expect(now?.schedules).toHaveLength(20);
    expect(now?.changesAt).toBe(NOW + MINUTE);
  });

  test("that stay open over days by their weekdays are pointed out", () => {
    const schedules = [
      { name: "slip", timeZone: "UTC", start: "0 8 * * *", end: "0 20 * * 1-5", minNodes: 0 },
    ];
    expect(holdCodes(decide(snapshot({ policies: [policy({ schedules })] })))).toContain("long-window");
  });
});

describe("the target utilisation of a schedule", () => {
  test("takes the place of the threshold while the window is open", () => {
    const nodes = [node("n0", { telemetry: reported({ mean: 0.7 }) })];
    const schedules = [
      { name: "day", timeZone: "UTC", start: "* * * * *", durationSeconds: 120, targetUtilization: 0.5 },
    ];
    const [grow] = grows(decide(snapshot({ nodes, policies: [policy({ schedules })] })));
    expect(grow?.because[0]).toMatchObject({ code: "utilization-high", threshold: 0.5 });
    expect(grows(decide(snapshot({ nodes })))).toEqual([]);
  });
});
