import { describe, expect, test } from "vitest";

import type { Node } from "../../shared/model/kube.ts";
import { observed } from "../../test/build/observed.ts";

function node(name: string, providerID?: string, labels: Record<string, string> = {}): Node {
  return {
    metadata: { name, labels, creationTimestamp: "2026-06-01T00:00:00Z" },
    spec: providerID === undefined ? {} : { providerID },
  };
}

const POOL = { "gpu-autoscaler.io/pool": "spot" };

describe("machines of nodes", () => {
  test("are found by their providerID, however it is spelled", () => {
    const { cluster } = observed({
      nodes: [node("a", "aws:///us-west-2a/i-0a"), node("b", "kwok://b"), node("c"), node("d", "")],
    });
    expect(cluster.machines.nodesOf("aws:////i-0a")).toEqual(["a"]);
    expect(cluster.machines.nodesOf("kwok:b")).toEqual(["b"]);
    expect(cluster.machines.nodesOf("kwok:c")).toEqual([]);
    // What cannot be read is nobody's, also when a node says the same.
    expect(cluster.machines.nodesOf("")).toEqual([]);
    expect(cluster.machines.providerIdOf("b")).toBe("kwok://b");
    expect(cluster.machines.providerIdOf("c")).toBeUndefined();
    expect(cluster.machines.providerIdOf("d")).toBeUndefined();
    expect(cluster.machines.providerIdOf("e")).toBeUndefined();
  });

  test("are all told when several nodes say they are one", () => {
    const { cluster } = observed({ nodes: [node("a", "kwok://x"), node("b", "kwok:x")] });
    expect(cluster.machines.nodesOf("kwok://x")).toEqual(["a", "b"]);
  });

  test("follow what happens to nodes, and a providerID that comes late is worth a cycle", () => {
    const { cluster, news } = observed({ nodes: [node("a", undefined, POOL)] });
    const [nodes] = cluster.watches;
    expect(cluster.machines.labelled("spot")).toEqual([{ name: "a", labels: POOL, going: false }]);
    nodes.store.apply({ kind: "put", object: node("a", "kwok://a", POOL) });
    expect(news).toEqual(["other"]);
    expect(cluster.machines.nodesOf("kwok://a")).toEqual(["a"]);
    const cordoned = node("a", "kwok://a", POOL);
    nodes.store.apply({
      kind: "put",
      object: { ...cordoned, spec: { ...cordoned.spec, unschedulable: true } },
    });
    expect(cluster.machines.labelled("spot")).toEqual([
      { name: "a", labels: POOL, providerID: "kwok://a", going: true },
    ]);
    const annotations = { "gpu-autoscaler.io/spot-interruption-source": "aws" };
    nodes.store.apply({
      kind: "put",
      object: { ...cordoned, metadata: { ...cordoned.metadata, annotations } },
    });
    expect(cluster.machines.labelled("spot")).toMatchObject([{ name: "a", going: true }]);
    expect(cluster.machines.lostBy("kwok:a")).toBeNull();
    nodes.store.apply({ kind: "gone", object: cordoned });
    expect(cluster.machines.lostBy("kwok:a")?.node).toBe("a");
    expect(cluster.machines.nodesOf("kwok://a")).toEqual([]);
    expect(cluster.machines.labelled("spot")).toEqual([]);
    nodes.store.apply({ kind: "put", object: cordoned });
    expect(cluster.machines.lostBy("kwok:a"), "a node again").toBeNull();
  });
});
