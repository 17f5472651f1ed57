import { describe, expect, test } from "vitest";

import { contextOf, GIB, podWith, poolState, SIZE } from "../../../test/build/place.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { createFeasibility } from "./feasible.ts";

function pool(
  id: string,
  fields: Partial<PoolState> = {},
  shape: Partial<PoolState["shape"]> = {},
): PoolState {
  return {
    ...poolState(),
    id,
    name: id,
    shape: { allocatable: SIZE, labels: {}, taints: [], ...shape },
    ...fields,
  };
}

describe("createFeasibility()", () => {
  const pools = [
    pool("large"),
    pool("small", {}, { allocatable: { ...SIZE, "nvidia.com/gpu": 1 } }),
    pool("ssd", {}, { labels: { disk: "ssd" } }),
    pool("cpu", {}, { allocatable: { cpu: 4_000, memory: GIB, pods: 10 } }),
    pool("closed", { closed: { code: "disabled" } }),
    { ...pool("blank"), shape: null },
  ];
  const ask = (...pods: ReturnType<typeof podWith>[]) => {
    const feasible = createFeasibility(pools, contextOf(pods));
    return pods.map((pod) => feasible(pod));
  };

  test("gives the pools that could take a pod, and for each other one its first reason", () => {
    const [found] = ask(podWith("p", { nodeSelector: { disk: "ssd" }, requests: { "nvidia.com/gpu": 2 } }));
    expect(found?.pools.map(({ id }) => id)).toEqual(["ssd"]);
    expect(found?.misfits).toEqual([
      { code: "selector-mismatch", pool: "large", label: "disk", wanted: "ssd" },
      { code: "selector-mismatch", pool: "small", label: "disk", wanted: "ssd" },
      { code: "selector-mismatch", pool: "cpu", label: "disk", wanted: "ssd" },
      { code: "pool-not-usable", pool: "closed" },
      { code: "pool-not-usable", pool: "blank" },
    ]);
  });

  test("does not mix up pods that are alike in one half only", () => {
    const [large, small, plain] = ask(
      podWith("a", { requests: { "nvidia.com/gpu": 8 } }),
      podWith("b", { requests: { "nvidia.com/gpu": 8 }, nodeSelector: { disk: "ssd" } }),
      podWith("c", { requests: { cpu: 1 } }),
    );
    expect(large?.pools.map(({ id }) => id)).toEqual(["large", "ssd"]);
    expect(small?.pools.map(({ id }) => id)).toEqual(["ssd"]);
    expect(plain?.pools.map(({ id }) => id)).toEqual(["cpu"]);
  });

  test("speaks of each pod by its own names, though they are of one kind", () => {
    const lost = (name: string) => podWith(name, { volumes: [{ kind: "lost", claim: `${name}-data` }] });
    expect(ask(lost("a"), lost("b")).map(({ misfits }) => misfits[0])).toEqual([
      { code: "volume-lost", claim: "a-data" },
      { code: "volume-lost", claim: "b-data" },
    ]);
  });

  test("asks nothing about other pods", () => {
    const avoiding = podWith("p", {
      podAffinity: [{ topologyKey: "zone", selector: null, namespaces: [], namespaceSelector: null }],
    });
    expect(ask(avoiding)[0]?.pools.map(({ id }) => id)).toEqual(["large", "small", "ssd"]);
  });
});
