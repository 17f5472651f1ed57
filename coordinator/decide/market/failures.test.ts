import { describe, expect, test } from "vitest";

import type { LaunchFailureKind, MoveState } from "../../../shared/contract/policy/status.ts";
import { epochMs } from "../../../shared/model/units.ts";
import { node } from "../../../test/build/node.ts";
import type { NodeOptions } from "../../../test/build/node.ts";
import { MINUTE, NOW, SECOND } from "../../../test/build/now.ts";
import { comingTo, move, policy, pool } from "../../../test/build/policy.ts";
import type { PoolOptions } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { assemble } from "../fleet/fleet.ts";
import { remember } from "../fleet/memory.ts";
import { EMPTY_MEMORY } from "../snapshot-memory.ts";
import type { Memory, OfferingMemory } from "../snapshot-memory.ts";
import type { InstanceInput, NodeInput } from "../snapshot.ts";
import { pauseMs } from "./failures.ts";
import { createMarket } from "./market.ts";

/** What a test changes about the world between two looks at it. */
interface World {
  readonly pools?: Readonly<Record<string, PoolOptions>>;
  readonly moves?: readonly MoveState[];
  readonly nodes?: readonly NodeInput[];
}

/** A market that is looked at again and again; failures go round through the journal, all else through the memory. */
function market() {
  let offerings: readonly OfferingMemory[] = [];
  let memory: Memory = EMPTY_MEMORY;
  return {
    look: (afterMs: number, { pools = {}, moves = [], nodes = [] }: World = {}) => {
      const at = NOW + afterMs;
      const names = { a: {}, b: {}, ...pools };
      const taken = snapshot({
        at,
        memory,
        nodes,
        policies: [
          policy({
            pools: Object.entries(names).map(([name, of]) => pool(name, { size: 0, ...of })),
            journal: { moves, offerings },
          }),
        ],
      });
      const fleet = assemble(taken);
      const made = createMarket(fleet, memory);
      memory = remember(fleet, taken);
      offerings = made.offerings("demo");
      return {
        ...made,
        of: (name: string) => {
          const found = fleet.poolsById.get(`demo/${name}`);
          if (found === undefined) throw new Error(`no pool ${name}`);
          return {
            ...made.offerOf(found),
            open: () => made.opened(found),
            because: () => made.because(found),
          };
        },
      };
    },
    known: () => offerings,
    forget: () => {
      memory = EMPTY_MEMORY;
    },
  };
}

function failed(
  id: string,
  kind: LaunchFailureKind | null = "no-capacity",
  more: Partial<InstanceInput> = {},
): InstanceInput {
  return {
    id,
    node: null,
    state: "failed",
    ...(kind === null ? {} : { failure: { kind, detail: `the cloud says ${kind}` } }),
    ...more,
  };
}

const withFailed = (...instances: readonly InstanceInput[]): World => ({
  pools: { a: { size: instances.length, instances } },
});
const grown = (afterMs: number, from = 0, to = 1, name = "a"): MoveState =>
  move(NOW + afterMs, { pool: name, phase: "applied", from, to, key: `demo/${name}/grow/${afterMs}` });
const aNode = (name: string, afterMs: number, options: NodeOptions = {}): NodeInput =>
  node(name, { pool: "a", ageMs: -afterMs, ...options });
const FIRST_MS = pauseMs("a|*|spot", "no-capacity", 1);

describe("a pause", () => {
  test.each<[LaunchFailureKind, number, number]>([
    ["no-capacity", 60, 3600],
    ["timed-out", 60, 3600],
    ["quota", 300, 1800],
    ["denied", 300, 1800],
    ["misconfigured", 300, 1800],
    ["throttled", 10, 120],
    ["unavailable", 10, 120],
  ])("after %s begins at %d s, doubles and ends at %d s", (kind, first, longest) => {
    for (let failures = 1; failures <= 40; failures++) {
      const plain = Math.min(longest, first * 2 ** (failures - 1)) * 1000;
      expect(Math.abs(pauseMs("x", kind, failures) - plain)).toBeLessThanOrEqual(0.2 * plain);
    }
  });

  test("is not the same for two offerings, and the same for one each time", () => {
    expect(pauseMs("x", "no-capacity", 1)).not.toBe(pauseMs("y", "no-capacity", 1));
    expect(pauseMs("x", "no-capacity", 3)).toBe(pauseMs("x", "no-capacity", 3));
  });
});

test("a pause is no shorter than the failure took to show", () => {
  const { look, known } = market();
  look(5 * MINUTE, withFailed(failed("i-1", "no-capacity", { createdAt: epochMs(NOW + MINUTE) })));
  const [entry] = known();
  expect((entry?.until ?? 0) - NOW - 5 * MINUTE).toBeGreaterThanOrEqual(0.8 * 4 * MINUTE);
});

describe("what a failure closes", () => {
  test.each<[LaunchFailureKind, string, string]>([
    ["no-capacity", "a|*|spot", "no-capacity"],
    ["timed-out", "a|*|spot", "launch-timed-out"],
    ["quota", "pool/a", "quota"],
    ["denied", "pool/a", "not-permitted"],
    ["misconfigured", "pool/a", "misconfigured"],
    ["throttled", "pool/a", "provider-failing"],
    ["unavailable", "pool/a", "provider-failing"],
  ])("%s: %s", (kind, offering, code) => {
    const { look, known } = market();
    const seen = look(0, withFailed(failed("i-1", kind)));
    expect(known()).toMatchObject([{ offering, kind, failures: 1, lastAt: NOW }]);
    expect(seen.of("a").refusal).toMatchObject({ code });
    expect(seen.of("b").refusal).toBeNull();
  });

  test("a member that failed for a reason that nobody gives is no stock-out", () => {
    const { look } = market();
    expect(look(0, withFailed(failed("i-1", null))).of("a").refusal?.code).toBe("provider-failing");
  });

  const takenBack = (kind: LaunchFailureKind): World => ({
    pools: {
      a: {
        group: {
          kind: "known",
          size: 0,
          chosenRemoval: true,
          changeFailed: true,
          changeFailure: { kind, detail: "AllocationFailed: none is left" },
        },
        instances: [],
      },
    },
  });

  test("a size that was taken back counts once for each growth, with no place that tells of it", () => {
    const { look, known } = market();
    const first = { ...takenBack("no-capacity"), moves: [grown(0)] };
    // It may be shown still, and be that of an earlier growth.
    expect(look(10_000, first).of("a").refusal).toBeNull();
    expect(look(20_000, first).of("a").refusal).toMatchObject({ code: "no-capacity" });
    look(30_000, first);
    expect(known()).toMatchObject([{ offering: "a|*|spot", failures: 1, lastAt: NOW + 20_000 }]);
    const later = 20_000 + 2 * FIRST_MS;
    const again = { ...takenBack("no-capacity"), moves: [grown(0), grown(later)] };
    look(later + 20_000, again);
    expect(known()).toMatchObject([{ failures: 2 }]);
  });

  test("a change that failed for another reason, or that nobody of ours asked for, closes nothing", () => {
    const { look } = market();
    expect(look(20_000, takenBack("no-capacity")).of("a").refusal).toBeNull();
    const denied = { ...takenBack("denied"), moves: [grown(0)] };
    expect(look(21_000, denied).of("a").refusal).toBeNull();
  });

  test("a refused call counts by its kind, and one without a kind does not", () => {
    const call = (failure?: LaunchFailureKind): MoveState => {
      const { ...made } = move(NOW, { pool: "a", phase: "failed", detail: "no" });
      return failure === undefined ? made : { ...made, failure };
    };
    expect(
      market()
        .look(0, { moves: [call("quota")] })
        .of("a").refusal,
    ).toMatchObject({
      code: "quota",
      pool: "demo/a",
      detail: "no",
    });
    expect(
      market()
        .look(0, { moves: [call()] })
        .of("a").refusal,
    ).toBeNull();
  });

  const zoned = (type: string, ...zones: readonly string[]): PoolOptions => ({
    fields: { instanceTypes: [type], availabilityZones: [...zones] },
  });

  test("pools that draw on the same type, zone and tier know it from each other; no others do", () => {
    const seen = market().look(0, {
      pools: {
        a: { ...zoned("p3", "z1"), size: 1, instances: [failed("i-1")] },
        b: zoned("p3", "z1"),
        c: zoned("p3", "z2"),
        d: zoned("g5", "z1"),
        e: { ...zoned("p3", "z1"), capacityType: "on-demand" },
      },
    });
    expect(["a", "b", "c", "d", "e"].map((name) => seen.of(name).refusal?.code)).toEqual([
      "no-capacity",
      "no-capacity",
      undefined,
      undefined,
      undefined,
    ]);
  });

  test("a pool of several zones is closed when all of them are", () => {
    const instances = [failed("i-1", "no-capacity", { instanceType: "p3", zone: "z1" })];
    const more = [...instances, failed("i-2", "no-capacity", { instanceType: "p3", zone: "z2" })];
    const pools = (list: readonly InstanceInput[]): World => ({
      pools: { a: { ...zoned("p3", "z1", "z2"), size: 2, instances: list }, b: zoned("p3", "z1") },
    });
    const { look } = market();
    const one = look(0, pools(instances));
    expect(one.of("a").refusal).toBeNull();
    expect(one.of("b").refusal?.code).toBe("no-capacity");
    expect(look(10 * SECOND, pools(more)).of("a").refusal?.code).toBe("no-capacity");
  });

  test("issue 4318: a quota of spot is not held against the zone", () => {
    const seen = market().look(0, {
      pools: {
        a: { ...zoned("p3", "z1"), size: 1, instances: [failed("i-1", "quota")] },
        b: zoned("p3", "z1"),
      },
    });
    expect(seen.of("b").refusal).toBeNull();
  });
});

describe("a failure is counted once", () => {
  test("however often it is seen, and however many machines one call lost", () => {
    const { look, known } = market();
    for (let ms = 0; ms <= 30 * MINUTE; ms += 10 * SECOND)
      look(ms, withFailed(failed("i-1"), failed("i-2"), failed("i-3")));
    expect(known()).toMatchObject([{ failures: 1, lastAt: NOW }]);
  });

  test("also when the memory is lost, where the machine says how old it is", () => {
    const { look, known, forget } = market();
    const old = failed("i-1", "no-capacity", { createdAt: epochMs(NOW - MINUTE) });
    look(0, withFailed(old));
    forget();
    look(5 * MINUTE, withFailed(old));
    expect(known()).toMatchObject([{ failures: 1 }]);
  });

  test("a machine of the same call that fails after the pause belongs to it", () => {
    const { look, known } = market();
    const of = (id: string): InstanceInput =>
      failed(id, "no-capacity", { createdAt: epochMs(NOW - 5 * SECOND) });
    look(0, withFailed(of("i-1")));
    look(5 * MINUTE, withFailed(of("i-1"), of("i-2")));
    expect(known()).toMatchObject([{ failures: 1, lastAt: NOW }]);
  });

  test("failures during the pause do not make it longer; the next after it doubles it", () => {
    const { look, known } = market();
    look(0, withFailed(failed("i-1")));
    look(30 * SECOND, withFailed(failed("i-1"), failed("i-2")));
    expect(known()).toMatchObject([{ failures: 1, until: NOW + FIRST_MS }]);
    look(2 * MINUTE, withFailed(failed("i-1"), failed("i-2"), failed("i-3")));
    expect(known()).toMatchObject([{ failures: 2 }]);
  });

  test("three hours without one, and all is forgotten", () => {
    const { look, known } = market();
    look(0, withFailed(failed("i-1")));
    look(179 * MINUTE);
    expect(known()).toHaveLength(1);
    expect(look(180 * MINUTE).of("a")).toMatchObject({ refusal: null, probe: false });
    expect(known()).toEqual([]);
  });

  test("what another clock wrote into the future is no failure", () => {
    const moves = [move(NOW + 60 * MINUTE, { pool: "a", phase: "failed", failure: "quota" })];
    expect(market().look(0, { moves }).of("a").refusal).toBeNull();
  });
});

describe("after the pause", () => {
  test("one node is tried at a time", () => {
    const { look } = market();
    look(0, withFailed(failed("i-1")));
    const seen = look(2 * MINUTE);
    expect(seen.of("a")).toMatchObject({ refusal: null, probe: true });
    expect(seen.of("a").because()).toMatchObject([{ code: "probe", offering: "a|*|spot", failures: 1 }]);
    seen.of("a").open();
    expect(seen.of("a").refusal).toMatchObject({ code: "no-capacity", leftMs: 0 });
  });

  test("and not another while it is on its way", () => {
    const { look } = market();
    look(0, withFailed(failed("i-1")));
    const asked = { moves: [grown(2 * MINUTE)] };
    const pools = { a: { size: 1, instances: comingTo(1) } };
    expect(look(3 * MINUTE, { ...asked, pools }).of("a").refusal?.code).toBe("no-capacity");
  });

  test("machines of before that are still on their way are no trial", () => {
    const { look } = market();
    const moves = [grown(-MINUTE, 0, 3)];
    const pools = { a: { size: 3, instances: [failed("i-1"), ...comingTo(2, { createdAt: NOW })] } };
    look(0, { moves, pools });
    expect(look(2 * MINUTE, { moves, pools }).of("a")).toMatchObject({ refusal: null, probe: true });
  });

  test("none is made just after another failure, where a pool is known to work; else at once", () => {
    const instances = [failed("i-1")];
    const look = (b: PoolOptions, c: PoolOptions) => {
      const seen = market();
      seen.look(0, { pools: { a: { size: 1, instances }, c } });
      return seen.look(2 * MINUTE, { pools: { a: { size: 1, instances }, b, c } }).of("a").refusal;
    };
    const failing = { size: 1, instances: [failed("i-2")] };
    expect(look(failing, {})).toMatchObject({ code: "no-capacity", leftMs: 30 * SECOND });
    expect(look(failing, { maxSize: 0 })).toBeNull();
    expect(look({}, {})).toBeNull();
  });

  test("the node that comes opens it again", () => {
    const { look, known } = market();
    look(0, withFailed(failed("i-1")));
    const nodes = [aNode("n1", 4 * MINUTE)];
    const pools = { a: { size: 1 } };
    expect(look(5 * MINUTE, { moves: [grown(2 * MINUTE)], nodes, pools }).of("a")).toMatchObject({
      refusal: null,
      probe: false,
    });
    expect(known()).toMatchObject([{ failures: 0 }]);
  });

  test("a node that had been asked for before the failure does not", () => {
    const { look, known } = market();
    const nodes = [aNode("n1", 4 * MINUTE)];
    const moves = [grown(-MINUTE, 0, 2)];
    const instances: readonly InstanceInput[] = [failed("i-1"), { id: "i-2", node: "n1", state: "ready" }];
    look(0, { moves, pools: { a: { size: 2, instances } } });
    look(5 * MINUTE, { moves, nodes, pools: { a: { size: 2, instances } } });
    expect(known()).toMatchObject([{ failures: 1 }]);
  });

  test("a machine that had failed and comes after all opens it again", () => {
    const { look, known } = market();
    look(0, withFailed(failed("i-1"), failed("i-2")));
    look(10 * SECOND, withFailed(failed("i-1"), failed("i-2")));
    const waiting = { id: "i-2", node: null, state: "booting" } as const;
    for (let ms = 20 * SECOND; ms <= 5 * MINUTE; ms += 20 * SECOND)
      expect(look(ms, withFailed(failed("i-1"), waiting)).of("a")).toMatchObject({
        refusal: null,
        probe: false,
      });
    expect(known()).toMatchObject([{ failures: 0, lastAt: NOW, until: NOW }]);
    look(6 * MINUTE, withFailed(failed("i-1"), waiting, failed("i-3")));
    expect(known()).toMatchObject([{ failures: 1 }]);
  });

  test("nor does one that is Ready and shows no GPUs, where machines came too late", () => {
    const { look, known } = market();
    look(0, withFailed(failed("i-1", "timed-out")));
    const moves = [grown(2 * MINUTE)];
    const pools = { a: { size: 1 } };
    look(5 * MINUTE, { moves, nodes: [aNode("n1", 4 * MINUTE, { gpus: 0 })], pools });
    expect(known()).toMatchObject([{ failures: 1 }]);
    look(6 * MINUTE, { moves, nodes: [aNode("n1", 4 * MINUTE)], pools });
    expect(known()).toMatchObject([{ failures: 0 }]);
  });

  test("a provider that could not answer is simply asked again", () => {
    const { look } = market();
    look(0, withFailed(failed("i-1", "throttled")));
    expect(look(MINUTE).of("a")).toMatchObject({ refusal: null, probe: false });
  });
});

describe("clocks that run out are failures", () => {
  const asked = [grown(0, 0, 2)];

  test("asked for and no machine, in a group that lists its members", () => {
    const { look, known } = market();
    const pools = { a: { size: 2, instances: [] } };
    expect(look(5 * MINUTE, { moves: asked, pools }).of("a").refusal).toBeNull();
    expect(look(5 * MINUTE + SECOND, { moves: asked, pools }).of("a").refusal?.code).toBe("launch-timed-out");
    expect(known()).toMatchObject([{ kind: "timed-out", failures: 1, detail: "not launched" }]);
  });

  test("in one that does not list them, no node in the time of both stages", () => {
    const { look } = market();
    const group = { kind: "known", size: 2, chosenRemoval: false } as const;
    const pools = { a: { group, instances: [] } };
    expect(look(20 * MINUTE, { moves: asked, pools }).of("a").refusal).toBeNull();
    expect(look(20 * MINUTE + SECOND, { moves: asked, pools }).of("a").refusal?.code).toBe(
      "launch-timed-out",
    );
  });

  test("a machine that never became a node", () => {
    const pools = { a: { size: 1, instances: comingTo(1, { createdAt: NOW }) } };
    const { look, known } = market();
    expect(look(15 * MINUTE, { pools }).of("a").refusal).toBeNull();
    expect(look(15 * MINUTE + SECOND, { pools }).of("a").refusal?.code).toBe("launch-timed-out");
    for (let ms = 16 * MINUTE; ms < 60 * MINUTE; ms += MINUTE) look(ms, { pools });
    expect(known()).toMatchObject([{ failures: 1, detail: "not registered" }]);
  });

  test("a node that never showed its GPUs, when it was seen to come", () => {
    const nodes = [aNode("n1", 0, { gpus: 0 })];
    const pools = { a: { size: 1 } };
    const { look, known } = market();
    for (let ms = 0; ms <= 15 * MINUTE; ms += MINUTE) look(ms, { nodes, pools });
    expect(known()).toEqual([]);
    look(16 * MINUTE, { nodes, pools });
    expect(known()).toMatchObject([{ kind: "timed-out", detail: "no GPUs" }]);
  });

  test("growth that is asked again and again does not keep the clock from running out", () => {
    const { look } = market();
    const moves: MoveState[] = [];
    let refused: number | null = null;
    for (let ms = 0; ms <= 10 * MINUTE && refused === null; ms += 10 * SECOND) {
      if (ms % (3 * MINUTE) === 0) moves.push(grown(ms, moves.length, moves.length + 1));
      const pools = { a: { size: moves.length, instances: [] } };
      if (look(ms, { moves: [...moves], pools }).of("a").refusal !== null) refused = ms;
    }
    expect(refused).toBe(5 * MINUTE + 10 * SECOND);
  });
});
