import { describe, expect, test } from "vitest";

import type { PodAffinityTerm, Pod, Node } from "../../shared/model/kube.ts";
import { aNode, aPod, aWorld } from "../../test/world/build.ts";
import type { World } from "./world.ts";

const REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution";
const HOST = "kubernetes.io/hostname";
const ZONE = "topology.kubernetes.io/zone";
const WEB = { labels: { app: "web" } };

function node(name: string, zone: string, extra: Partial<Node> = {}): Node {
  return { ...aNode(name, extra), metadata: { name, labels: { [HOST]: name, [ZONE]: zone } } };
}

/** Two nodes in zone a, one in zone b. */
function threeNodes(): World {
  const world = aWorld();
  for (const [name, zone] of [
    ["a1", "a"],
    ["a2", "a"],
    ["b1", "b"],
  ] as const)
    world.put("nodes", node(name, zone));
  return world;
}

function place(
  world: World,
  name: string,
  spec: Partial<Pod["spec"]>,
  metadata: Partial<Pod["metadata"]> = WEB,
) {
  world.put("pods", aPod(name, spec, metadata));
  return nodeOf(world, name);
}

function nodeOf(world: World, name: string): string | undefined {
  return world.get("pods", { namespace: "default", name })?.spec.nodeName;
}

function why(world: World, name: string): string | undefined {
  const pod = world.get("pods", { namespace: "default", name });
  return pod?.status?.conditions?.find(({ type }) => type === "PodScheduled")?.message;
}

function apart(topologyKey: string, extra: Partial<PodAffinityTerm> = {}): Partial<Pod["spec"]> {
  const term = { topologyKey, labelSelector: { matchLabels: { app: "web" } }, ...extra };
  return { affinity: { podAntiAffinity: { [REQUIRED]: [term] } } };
}

function near(topologyKey: string, app = "web"): Partial<Pod["spec"]> {
  const term = { topologyKey, labelSelector: { matchLabels: { app } } };
  return { affinity: { podAffinity: { [REQUIRED]: [term] } } };
}

function spread(topologyKey: string, extra: object = {}): Partial<Pod["spec"]> {
  const labelSelector = { matchLabels: { app: "web" } };
  const whole = { maxSkew: 1, topologyKey, whenUnsatisfiable: "DoNotSchedule", labelSelector, ...extra };
  return { topologySpreadConstraints: [whole] };
}

describe("the scheduler's constraints", () => {
  test("hold node affinity: one of the terms, each rule of it, and nothing for an empty one", () => {
    const wants = (...nodeSelectorTerms: object[]) => ({
      affinity: { nodeAffinity: { [REQUIRED]: { nodeSelectorTerms } } },
    });
    const world = threeNodes();
    const inB = { matchExpressions: [{ key: ZONE, operator: "In", values: ["b"] }] };
    expect(place(world, "in-b", wants(inB))).toBe("b1");
    expect(
      place(world, "not-a", wants({ matchExpressions: [{ key: ZONE, operator: "NotIn", values: ["a"] }] })),
    ).toBe("b1");
    expect(
      place(
        world,
        "by-name",
        wants({ matchFields: [{ key: "metadata.name", operator: "In", values: ["a2"] }] }),
      ),
    ).toBe("a2");
    expect(place(world, "or", wants({ matchExpressions: [{ key: "gpu", operator: "Exists" }] }, inB))).toBe(
      "b1",
    );
    expect(place(world, "empty", wants({}))).toBeUndefined();
    expect(why(world, "empty")).toContain("3 node(s) didn't match Pod's node affinity/selector");
  });

  test("keep pods apart, in both directions, by host and by zone", () => {
    const world = threeNodes();
    const hosts = ["w1", "w2", "w3"].map((name) => place(world, name, apart(HOST)));
    expect(new Set(hosts)).toEqual(new Set(["a1", "a2", "b1"]));
    expect(place(world, "w4", apart(HOST))).toBeUndefined();
    expect(why(world, "w4")).toContain("didn't satisfy existing pods anti-affinity rules");
    // Asks nothing itself, and is not wanted by those that are there.
    expect(place(world, "plain", {})).toBeUndefined();
    expect(place(world, "other", {}, {})).toBeDefined();

    const zones = threeNodes();
    const both = ["z1", "z2"].map((name) => place(zones, name, apart(ZONE)));
    expect(new Set(both)).toEqual(new Set(["a1", "b1"]));
    expect(place(zones, "z3", apart(ZONE))).toBeUndefined();
  });

  test("mean the namespaces that the term names", () => {
    const world = aWorld({ namespaces: ["team"] });
    world.put("nodes", node("a1", "a"));
    world.put("pods", aPod("there", {}, { ...WEB, namespace: "team" }));
    expect(place(world, "own", apart(HOST))).toBe("a1");
    world.remove("pods", { namespace: "default", name: "own" });
    expect(place(world, "named", apart(HOST, { namespaces: ["team"] }))).toBeUndefined();
    expect(place(world, "all", apart(HOST, { namespaceSelector: {} }))).toBeUndefined();
  });

  test("bring pods together, the first of them anywhere, and later ones when their friend is there", () => {
    const world = threeNodes();
    expect(place(world, "alone", near(ZONE, "db"))).toBeUndefined();
    const first = place(world, "w1", near(HOST));
    expect(first).toBeDefined();
    expect(place(world, "w2", near(HOST))).toBe(first);
    expect(place(world, "db", { nodeSelector: { [HOST]: "b1" } }, { labels: { app: "db" } })).toBe("b1");
    expect(nodeOf(world, "alone")).toBe("b1");
  });

  test("spread pods over zones, counting domains that are still empty", () => {
    const world = threeNodes();
    const zones = ["s1", "s2", "s3", "s4"].map((name) => place(world, name, spread(ZONE))?.slice(0, 1));
    expect(zones.filter((zone) => zone === "a")).toHaveLength(2);
    expect(zones.filter((zone) => zone === "b")).toHaveLength(2);
    const one = aWorld();
    one.put("nodes", node("a1", "a"));
    expect(place(one, "s1", spread(ZONE, { minDomains: 2 }))).toBe("a1");
    expect(place(one, "s2", spread(ZONE, { minDomains: 2 }))).toBeUndefined();
    expect(why(one, "s2")).toContain("didn't match pod topology spread constraints");
    one.put("nodes", node("b1", "b"));
    expect(nodeOf(one, "s2")).toBe("b1");
  });

  test("give a port of a host to one pod", () => {
    const world = aWorld();
    world.put("nodes", node("a1", "a"));
    const serving = (hostIP?: string) => ({
      containers: [{ name: "c", ports: [{ hostPort: 80, ...(hostIP === undefined ? {} : { hostIP }) }] }],
    });
    expect(place(world, "p1", serving("10.0.0.1"))).toBe("a1");
    expect(place(world, "p2", serving("10.0.0.2"))).toBe("a1");
    expect(place(world, "p3", serving())).toBeUndefined();
  });

  test("leave who waits for a volume or a device waiting, and put a bound volume's pod in its zone", () => {
    const world = threeNodes();
    const volumes = [{ name: "data", persistentVolumeClaim: { claimName: "c" } }];
    expect(place(world, "p", { volumes })).toBeUndefined();
    expect(why(world, "p")).toContain('persistentvolumeclaim "c" not found');
    expect(place(world, "q", { resourceClaims: [{ name: "gpu" }] })).toBeUndefined();

    const matchExpressions = [{ key: ZONE, operator: "In", values: ["b"] }];
    world.put("persistentvolumes", {
      metadata: { name: "v" },
      spec: { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions }] } } },
    });
    world.put("persistentvolumeclaims", {
      metadata: { namespace: "default", name: "c" },
      spec: { volumeName: "v" },
      status: { phase: "Bound" },
    });
    expect(nodeOf(world, "p")).toBe("b1");
  });
});
