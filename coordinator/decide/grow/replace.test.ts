import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { machine, termOn } from "../../../test/build/packing.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { move, policy, pool } from "../../../test/build/policy.ts";
import type { PolicyOptions } from "../../../test/build/policy.ts";
import {
  grows,
  holdCodes,
  movesOf,
  notice,
  replaces,
  snapshot,
  unplacedCodes,
} from "../../../test/build/snapshot.ts";
import type { SnapshotOptions } from "../../../test/build/snapshot.ts";
import { decide } from "../decide.ts";
import type { GroupReading, NoticeInput } from "../snapshot.ts";

const tiers = [pool("spot"), pool("od", { capacityType: "on-demand" })];

/** A full spot node under notice. */
const interrupted = (spec: PolicyOptions = {}, options: SnapshotOptions = {}) =>
  decide(
    snapshot({
      policies: [policy({ pools: tiers, ...spec })],
      nodes: [node("n1")],
      pods: [pod("runs", { node: "n1", gpus: 8 })],
      notices: [notice("n1")],
      ...options,
    }),
  );

describe("replacement at notice time", () => {
  test("is asked of another pool, with the notice in its key", () => {
    const [replace] = replaces(interrupted());
    expect(replace).toMatchObject({
      key: "demo/od/replace/notice-n1",
      pool: "od",
      from: 0,
      to: 1,
      node: "n1",
      pods: ["default/runs"],
    });
    expect(replace?.because).toEqual([
      { code: "interruption", node: "n1", source: "aws", deadline: NOW + 2 * MINUTE, pods: 1 },
    ]);
  });

  test("is asked of the same pool when no other takes the pods", () => {
    expect(replaces(interrupted({ pools: [pool("spot")] }))[0]).toMatchObject({
      pool: "spot",
      from: 1,
      to: 2,
    });
    expect(
      replaces(interrupted({ pools: [pool("spot"), pool("od", { gpus: 4, capacityType: "on-demand" })] }))[0]
        ?.pool,
    ).toBe("spot");
  });

  test("waits for no cooldown", () => {
    const journal = { lastUpAt: { od: epochMs(NOW - SECOND), spot: epochMs(NOW - SECOND) } };
    expect(replaces(interrupted({ journal }))).toHaveLength(1);
  });

  test("once bought, is for the pods of its notice, so that they take no node that others wait for", () => {
    const bought = move(NOW, {
      kind: "replace",
      pool: "od",
      key: "demo/od/replace/notice-n1",
      phase: "applied",
    });
    const pools = [pool("spot", { size: 2 }), pool("od", { capacityType: "on-demand", size: 1 })];
    const onSpot = { nodeSelector: { [NODE_LABEL.pool]: "spot" } };
    const decision = interrupted(
      { pools, journal: { moves: [bought] } },
      { pods: [pod("runs", { node: "n1", gpus: 8 }), pod("waits", { gpus: 8, ...onSpot })] },
    );
    expect(decision.plan.moves).toEqual([]);
    expect(unplacedCodes(decision, "waits")).toEqual(["booting"]);
  });

  test("of a node of nobody takes no node that others wait for", () => {
    const decision = decide(
      snapshot({
        policies: [policy({ pools: [pool("spot", { size: 1 })] })],
        nodes: [node("alone", { pool: null })],
        pods: [pod("runs", { node: "alone", gpus: 8 }), pod("waits", { gpus: 8 })],
        notices: [notice("alone")],
      }),
    );
    expect(decision.plan.moves).toEqual([]);
    expect(unplacedCodes(decision, "waits")).toEqual(["booting"]);
  });

  test("obeys the limits and says so", () => {
    const decision = interrupted({ maxNodes: 1 });
    expect(replaces(decision)).toEqual([]);
    expect(holdCodes(decision, "od")).toContain("at-maximum");
  });

  test.each(["intended", "applied"] as const)("is not asked for again once it is %s", (phase) => {
    const moves = [
      move(NOW, {
        key: "demo/od/replace/notice-n1",
        kind: "replace",
        pool: "od",
        phase,
        from: 0,
        to: 1,
        agoMs: MINUTE,
      }),
    ];
    expect(
      replaces(
        interrupted({
          journal: { moves },
          pools: [pool("spot"), pool("od", { capacityType: "on-demand", size: 1 })],
        }),
      ),
    ).toEqual([]);
  });

  test("that failed goes elsewhere", () => {
    const moves = [
      move(NOW, { key: "demo/od/replace/notice-n1", kind: "replace", pool: "od", phase: "failed" }),
    ];
    expect(replaces(interrupted({ journal: { moves } }))[0]?.pool).toBe("spot");
  });

  test("is not needed for pods that fit on nodes that are here", () => {
    expect(replaces(interrupted({}, { nodes: [node("n1"), node("n2")] }))).toEqual([]);
  });

  test("is bought where the pods beside it can be, not only where it is cheapest", () => {
    const zoned = (name: string, usd: number, zone: string) =>
      machine(name, { usd, cpu: 96, gpus: 8, zone, capacityType: "spot" });
    const decision = interrupted(
      { pools: [zoned("spot", 5, "z1"), zoned("cheap", 4, "z2"), zoned("dear", 6, "z3")] },
      {
        nodes: [
          node("n1", { labels: { [NODE_LABEL.zone]: "z1" } }),
          node("n2", { pool: null, labels: { [NODE_LABEL.zone]: "z2" } }),
        ],
        pods: [
          {
            ...pod("runs", { node: "n1", gpus: 8 }),
            labels: { app: "a" },
            podAntiAffinity: [termOn("a", NODE_LABEL.zone)],
          },
          { ...pod("other", { node: "n2", gpus: 8 }), labels: { app: "a" } },
        ],
      },
    );
    expect(replaces(decision).map((made) => made.pool)).toEqual(["dear"]);
  });

  test("does not count on other nodes under notice", () => {
    const input = {
      nodes: [node("n1"), node("n2")],
      notices: [notice("n1"), notice("n2", { replace: false })],
    };
    expect(replaces(interrupted({}, input))).toHaveLength(1);
  });

  test("is of as many nodes as the pods of several notices take together", () => {
    const decision = interrupted(
      {},
      {
        nodes: [node("n1"), node("n2")],
        notices: [notice("n1"), notice("n2")],
        pods: [...pods(2, "a", { node: "n1", gpus: 2 }), ...pods(2, "b", { node: "n2", gpus: 2 })],
      },
    );
    expect(replaces(decision).map(({ notice: id, from, to }) => [id, from, to])).toEqual([
      ["notice-n1", 0, 1],
    ]);
  });

  test("of an empty node is nothing", () => {
    expect(replaces(interrupted({}, { pods: [] }))).toEqual([]);
  });

  test("of a node that no policy owns is nobody's", () => {
    expect(interrupted({}, { nodes: [node("n1", { pool: null })] }).plan.moves).toEqual([]);
  });

  test("keeps its room from pods that wait", () => {
    // The replacement is on its way; without the reservation the older pod would take its room in the plan.
    const moves = [
      move(NOW, {
        key: "demo/od/replace/notice-n1",
        kind: "replace",
        pool: "od",
        phase: "applied",
        from: 0,
        to: 1,
        agoMs: MINUTE,
      }),
    ];
    const decision = interrupted(
      { journal: { moves }, pools: [pool("spot"), pool("od", { capacityType: "on-demand", size: 1 })] },
      { pods: [pod("runs", { node: "n1", gpus: 8 }), pod("waits", { gpus: 8 })] },
    );
    expect(grows(decision).map(({ pool: name, to }) => [name, to])).toEqual([["spot", 2]]);
  });
});

describe("the release of a machine that its cloud took", () => {
  const releases = (
    options: Partial<ReturnType<typeof notice>>,
    spec: PolicyOptions = {},
    extra: SnapshotOptions = {},
  ) => movesOf(interrupted(spec, { pods: [], notices: [notice("n1", options)], ...extra }), "release");

  test("comes when the node is drained, by its own name", () => {
    expect(releases({ drained: true })).toEqual([
      {
        kind: "release",
        key: "demo/spot/release/notice-n1",
        policy: "demo",
        pool: "spot",
        from: 1,
        to: 0,
        because: [{ code: "lost-to-interruption", node: "n1", source: "aws" }],
        node: "n1",
        instance: "i-n1",
      },
    ]);
  });

  test("comes when its time is up, also after the node is gone", () => {
    expect(releases({ deadline: NOW })).toHaveLength(1);
    const instances = [{ id: "m1", node: "n1", state: "ready" }] as const;
    const gone = { nodes: [] };
    expect(releases({ drained: true }, { pools: [pool("spot", { size: 1, instances })] }, gone)).toHaveLength(
      1,
    );
  });

  test("comes also where spot is switched off, since its group buys the next one all the same", () => {
    expect(releases({ drained: true }, { enableSpotInstances: false })).toHaveLength(1);
  });

  test.each([
    ["before that", { drained: false }, {}],
    ["for a drill", { drained: true, source: "drill" }, {}],
    [
      "twice",
      { drained: true },
      {
        journal: {
          moves: [
            move(NOW, {
              key: "demo/spot/release/notice-n1",
              kind: "release",
              phase: "applied",
              agoMs: MINUTE,
            }),
          ],
        },
      },
    ],
    ["without the member's name", { drained: true }, { pools: [pool("spot", { instances: [] })] }],
    [
      "from a group that picks the victim itself",
      { drained: true },
      { pools: [pool("spot", { group: { kind: "known", size: 1, chosenRemoval: false } })] },
    ],
    [
      "where the group has to replace it anyway",
      { drained: true },
      { pools: [pool("spot", { minSize: 1 })] },
    ],
    ["where the policy has to replace it anyway", { drained: true }, { minNodes: 1 }],
    ["while the policy is switched off", { drained: true }, { enabled: false }],
  ] as const)("does not come %s", (_case, options, spec) => {
    expect(releases(options, spec)).toEqual([]);
  });
});

describe("a notice in a group that a machine can leave at once", () => {
  /** Two spot nodes, of which the first goes; a pool on demand that would take its pod. */
  const detaching = (
    group: Partial<Extract<GroupReading, { kind: "known" }>> = {},
    spec: PolicyOptions = {},
    options: SnapshotOptions & { readonly minSize?: number; readonly maxSize?: number } = {},
  ) => {
    const { minSize = 0, maxSize = 20, ...input } = options;
    const known = { kind: "known", size: 2, chosenRemoval: true, detaches: true, ...group } as const;
    const pools = [
      pool("spot", { minSize, maxSize, group: known }),
      pool("od", { capacityType: "on-demand" }),
    ];
    const full = [pod("goes", { node: "n1", gpus: 8 }), pod("stays", { node: "n2", gpus: 8 })];
    return interrupted({ pools, ...spec }, { nodes: [node("n1"), node("n2")], pods: full, ...input });
  };
  const kinds = ({ plan }: ReturnType<typeof decide>): readonly string[] =>
    plan.moves.map(({ kind, pool: name, from, to }) => `${kind} ${name} ${from} to ${to}`);

  test("buys one node elsewhere and lets the machine leave in the same decision", () => {
    expect(kinds(detaching())).toEqual(["replace od 0 to 1", "release spot 2 to 1"]);
  });

  test("lets a machine leave once, by however many notices its end is said", () => {
    const both = [notice("n1"), notice("n1", { id: "again" })];
    expect(kinds(detaching({}, {}, { notices: both }))).toEqual(["replace od 0 to 1", "release spot 2 to 1"]);
    // Its group lists it still.
    const released = move(NOW, {
      kind: "release",
      key: "demo/spot/release/notice-n1",
      phase: "applied",
      from: 2,
      to: 1,
      node: "n1",
      instance: "i-n1",
      agoMs: 10 * SECOND,
    });
    const next = detaching({}, { journal: { moves: [released] } }, { notices: both });
    expect(kinds(next).filter((kind) => kind.startsWith("release"))).toEqual([]);
  });

  test.each<[string, Partial<NoticeInput>, readonly string[]]>([
    ["a drill, whose machine stays", { source: "drill" }, ["replace od 0 to 1"]],
    ["a hint that is only told", { kind: "rebalance" }, []],
  ])("releases nothing for %s", (_case, more, moves) => {
    expect(kinds(detaching({}, {}, { notices: [notice("n1", more)] }))).toEqual(moves);
  });

  test("and none for a hint whose pods get another place, since the machine may never be taken", () => {
    const moves = kinds(
      detaching({}, { spot: { rebalance: "Replace" } }, { notices: [notice("n1", { kind: "rebalance" })] }),
    );
    expect(moves).toEqual(["grow od 0 to 1"]);
  });

  describe("whose place stays at a minimum, so that the group makes the next machine", () => {
    test.each<[string, Partial<Extract<GroupReading, { kind: "known" }>>, { minSize?: number }]>([
      ["ours", {}, { minSize: 2 }],
      ["the group's", { min: 2 }, {}],
    ])("%s: one more comes in the same pool, and then the old one leaves", (_case, group, options) => {
      expect(kinds(detaching(group, {}, options))).toEqual(["replace spot 2 to 3"]);
      const bought = move(NOW, {
        kind: "replace",
        key: "demo/spot/replace/notice-n1",
        phase: "applied",
        from: 2,
        to: 3,
        agoMs: 20 * SECOND,
      });
      const next = detaching({ ...group, size: 3 }, { journal: { moves: [bought] } }, options);
      expect(kinds(next)).toEqual(["release spot 3 to 2"]);
    });

    test.each<[string, Partial<Extract<GroupReading, { kind: "known" }>>, object, PolicyOptions]>([
      ["the group's maximum", { min: 2, max: 2 }, {}, {}],
      ["the pool's", {}, { minSize: 2, maxSize: 2 }, {}],
      ["the policy's", { min: 2 }, {}, { maxNodes: 2 }],
    ])("and no second one is bought where %s allows no more", (_case, group, options, spec) => {
      const decision = detaching(group, spec, options);
      expect(decision.plan.moves).toEqual([]);
      expect(decision.plan.holds.find(({ pool: name }) => name === "spot")?.because).toContainEqual({
        code: "group-refills",
        node: "n1",
      });
      expect(holdCodes(decision, "od")).toEqual(["nothing-to-do"]);
    });

    test("whose pods have left it already, and which wait, is bought no second one either", () => {
      const pods = [pod("waits", { gpus: 8 }), pod("stays", { node: "n2", gpus: 8 })];
      const decision = detaching({ min: 2, max: 2 }, {}, { pods });
      expect(decision.plan.moves).toEqual([]);
      expect(unplacedCodes(decision, "waits")).toEqual(["group-refills"]);
    });

    test("of two that go only the one that the minimum lets go leaves at once", () => {
      const both = { notices: [notice("n1"), notice("n2", { deadline: epochMs(NOW + 3 * MINUTE) })] };
      expect(kinds(detaching({ min: 1, max: 2 }, {}, both))).toEqual([
        "replace od 0 to 1",
        "release spot 2 to 1",
      ]);
    });

    test("the pods go elsewhere where they fit no machine of the group, or where it has none to give", () => {
      const onDemand = { nodeSelector: { [NODE_LABEL.pool]: "od" } };
      const pods = [pod("goes", { node: "n1", gpus: 8, ...onDemand })];
      expect(kinds(detaching({ min: 2, max: 2 }, {}, { pods }))).toEqual(["replace od 0 to 1"]);
      const offerings = [
        {
          offering: "pool/spot",
          kind: "quota",
          failures: 1,
          lastAt: epochMs(NOW - SECOND),
          until: epochMs(NOW + MINUTE),
          detail: "",
        } as const,
      ];
      expect(kinds(detaching({ min: 2, max: 2 }, { journal: { offerings } }))).toEqual(["replace od 0 to 1"]);
    });
  });

  describe("which a group makes anew that nothing can leave at once, so that its place stays at a minimum all the more", () => {
    const remakes = { detaches: false, replacesLeaving: true } as const;

    test.each<[string, Partial<Extract<GroupReading, { kind: "known" }>>, { minSize?: number }]>([
      ["ours", {}, { minSize: 2 }],
      ["the group's", { min: 2 }, {}],
    ])(
      "%s: one more comes in the same pool, and the old one leaves when its time is up",
      (_case, own, options) => {
        const group = { ...remakes, ...own };
        expect(kinds(detaching(group, {}, options))).toEqual(["replace spot 2 to 3"]);
        const bought = move(NOW, {
          kind: "replace",
          key: "demo/spot/replace/notice-n1",
          phase: "applied",
          from: 2,
          to: 3,
          agoMs: 20 * SECOND,
        });
        const journal = { moves: [bought] };
        expect(kinds(detaching({ ...group, size: 3 }, { journal }, options))).toEqual([]);
        const over = { ...options, notices: [notice("n1", { deadline: NOW })] };
        expect(kinds(detaching({ ...group, size: 3 }, { journal }, over))).toEqual(["release spot 3 to 2"]);
      },
    );

    test("and no second one is bought where the group takes no more", () => {
      const decision = detaching({ ...remakes, min: 2, max: 2 });
      expect(decision.plan.moves).toEqual([]);
      expect(holdCodes(decision)).toContain("group-refills");
    });

    test("without a minimum the pods get a node elsewhere", () => {
      expect(kinds(detaching(remakes))).toEqual(["replace od 0 to 1"]);
    });
  });

  test("of a pool that something else grows buys no second node beside the one that this makes", () => {
    const decision = detaching({ growsItself: true, detaches: false });
    expect(decision.plan.moves).toEqual([]);
    expect(holdCodes(decision)).toContain("group-refills");
  });

  test("has a node that is no member any more, and counts its pod once", () => {
    const released = move(NOW, {
      kind: "release",
      key: "demo/spot/release/notice-n1",
      phase: "applied",
      from: 2,
      to: 1,
      node: "n1",
      agoMs: 30 * SECOND,
    });
    const bought = move(NOW, {
      kind: "replace",
      pool: "od",
      key: "demo/od/replace/notice-n1",
      phase: "applied",
      from: 0,
      to: 1,
      agoMs: 30 * SECOND,
    });
    const instances = [{ id: "i-n2", node: "n2", state: "ready" }] as const;
    const group = { kind: "known", size: 1, chosenRemoval: true, detaches: true } as const;
    const pools = [pool("spot", { group, instances }), pool("od", { capacityType: "on-demand", size: 1 })];
    const after = (options: SnapshotOptions, journal = [released, bought]) =>
      detaching({}, { pools, journal: { moves: journal } }, options);
    const during = after({});
    expect(during.plan.moves).toEqual([]);
    expect(during.plan.figures[0]?.pools[0]).toMatchObject({ size: 1, ready: 1, booting: 0 });
    // Withdrawn: it runs on outside of the group, works, and is nobody's to remove.
    const old = [released, bought].map((each) => ({
      ...each,
      at: new Date(NOW - 10 * MINUTE).toISOString(),
    }));
    const withdrawn = after({ notices: [], pods: [] }, old);
    expect(withdrawn.plan.moves.filter(({ kind }) => kind !== "grow")).toEqual([]);
    expect(withdrawn.plan.figures[0]?.pools[0]).toMatchObject({ size: 1, booting: 0 });
  });
});

describe("a machine under notice that another hand ends, in a group that makes it anew", () => {
  const replaced = move(NOW, {
    key: "demo/od/replace/notice-n1",
    kind: "replace",
    pool: "od",
    phase: "applied",
  });
  const released = (
    moves: readonly ReturnType<typeof move>[],
    {
      state = "leaving",
      replacesLeaving = true,
    }: { state?: "leaving" | "ready"; replacesLeaving?: boolean } = {},
  ) =>
    movesOf(
      interrupted({
        pools: [
          pool("spot", {
            group: { kind: "known", size: 1, chosenRemoval: true, replacesLeaving },
            instances: [{ id: "i-1", node: "n1", state }],
          }),
          pool("od", { capacityType: "on-demand" }),
        ],
        journal: { moves },
      }),
      "release",
    );

  test("gives up its place at once where the next one was asked for elsewhere", () => {
    expect(released([replaced])).toMatchObject([
      { key: "demo/spot/release/notice-n1", pool: "spot", instance: "i-1", from: 1, to: 0 },
    ]);
  });

  test.each([
    ["the group makes none", [replaced], { replacesLeaving: false }],
    ["nobody has asked for another: the group's is the replacement", [], {}],
    ["it is not leaving", [replaced], { state: "ready" as const }],
    [
      "it is we who took it out",
      [replaced, move(NOW, { kind: "shrink", pool: "spot", node: "n1", instance: "i-1", phase: "applied" })],
      {},
    ],
    [
      "its place was given up already",
      [
        replaced,
        move(NOW, { key: "demo/spot/release/notice-n1", kind: "release", pool: "spot", phase: "applied" }),
      ],
      {},
    ],
  ])("keeps it where %s", (_, moves, options) => {
    expect(released(moves, options)).toEqual([]);
  });
});
