import { describe, expect, test } from "vitest";

import type { Node, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { observed, podObject } from "../../test/build/observed.ts";

function setup() {
  const { cluster, news } = observed({ nodes: [aNode()], pods: [aPod()] });
  const [nodes, pods] = cluster.watches;
  return { news, nodes: nodes.store, pods: pods.store };
}

function aNode(heartbeat = "2026-06-01T00:00:00Z", ready: "True" | "Unknown" = "True"): Node {
  return {
    metadata: { name: "n1", resourceVersion: heartbeat },
    status: {
      allocatable: { [GPU_RESOURCE]: "8" },
      conditions: [{ type: "Ready", status: ready, lastHeartbeatTime: heartbeat }],
    },
  } as Node;
}

function aPod(status: Pod["status"] = { phase: "Running" }, name = "p"): Pod {
  return { metadata: { name, namespace: "team" }, spec: { nodeName: "n1", containers: [] }, status };
}

describe("what is worth a cycle", () => {
  test("is a node that is ready no more, not the heartbeat that every kubelet sends", () => {
    const { news, nodes } = setup();
    nodes.apply({ kind: "put", object: aNode("2026-06-01T00:05:00Z") });
    expect(news).toEqual([]);
    nodes.apply({ kind: "put", object: aNode("2026-06-01T00:05:10Z", "Unknown") });
    expect(news).toEqual(["other"]);
    nodes.apply({ kind: "gone", object: aNode() });
    expect(news).toEqual(["other", "other"]);
  });

  test("is a pod that comes, ends or goes, not what its containers do, nor the end of one that had finished", () => {
    const { news, pods } = setup();
    pods.apply({
      kind: "put",
      object: aPod({ phase: "Running", conditions: [{ type: "Ready", status: "True" }] }),
    });
    expect(news).toEqual([]);
    pods.apply({ kind: "put", object: aPod({ phase: "Pending" }, "q") });
    expect(news).toEqual(["pods"]);
    pods.apply({ kind: "put", object: aPod({ phase: "Succeeded" }) });
    expect(news).toEqual(["pods", "pods"]);
    pods.apply({ kind: "gone", object: aPod({ phase: "Succeeded" }) });
    expect(news).toEqual(["pods", "pods"]);
    pods.apply({ kind: "gone", object: aPod({ phase: "Pending" }, "q") });
    expect(news).toEqual(["pods", "pods", "pods"]);
  });
});

describe("what a pod or a node says of itself", () => {
  test("is no news where the next cycle is early enough for it", () => {
    const { cluster, news } = observed({ pods: [podObject({ spec: { nodeName: "n1" } })] });
    const [nodes, pods] = cluster.watches;
    const status = { startTime: "2026-06-01T01:00:00Z", conditions: [{ type: "Ready", status: "True" }] };
    pods.store.apply({ kind: "put", object: podObject({ spec: { nodeName: "n1" }, status }) });
    expect(cluster.pods()).toMatchObject([{ startedAt: Date.UTC(2026, 5, 1, 1) }]);
    expect(news).toEqual([]);

    const ill = (status: string, message: string): Node => ({
      metadata: { name: "n1" },
      status: {
        conditions: [{ type: "GpuHealthy", status, message, lastTransitionTime: "2026-06-01T02:00:00Z" }],
      },
    });
    nodes.store.apply({ kind: "put", object: ill("True", "8 GPUs") });
    expect(news).toEqual(["other"]);
    nodes.store.apply({ kind: "put", object: ill("True", "8 GPUs, 40 °C") });
    expect(news).toEqual(["other"]);
    nodes.store.apply({ kind: "put", object: ill("False", "GPU 3 is lost") });
    expect(news).toEqual(["other", "other"]);
  });
});

describe("namespaces()", () => {
  test("gives the labels of each, the same object while none changes", () => {
    const namespace = (name: string, labels?: Readonly<Record<string, string>>) => ({
      metadata: { name, ...(labels === undefined ? {} : { labels }) },
    });
    const { cluster, news } = observed({ namespaces: [namespace("a", { team: "x" }), namespace("b")] });
    const before = cluster.namespaces();
    expect(before).toEqual({ a: { team: "x" }, b: {} });
    const { store } = cluster.watches[7];
    store.apply({ kind: "put", object: namespace("a", { team: "x" }) });
    expect(cluster.namespaces()).toBe(before);
    expect(news).toEqual([]);
    store.apply({ kind: "put", object: namespace("a", { team: "y" }) });
    expect(cluster.namespaces()).toEqual({ a: { team: "y" }, b: {} });
    expect(news).toEqual(["other"]);
  });
});

describe("budgets()", () => {
  test.each([
    [undefined, undefined],
    ["IfHealthyBudget", undefined],
    ["AlwaysAllow", true],
  ])("with unhealthyPodEvictionPolicy %s let a pod that is not ready go: %s", (policy, expected) => {
    const spec = { selector: {}, ...(policy === undefined ? {} : { unhealthyPodEvictionPolicy: policy }) };
    const { cluster } = observed({
      pods: [podObject()],
      budgets: [{ metadata: { name: "b", namespace: "team" }, spec }],
    });
    expect(cluster.budgets()).toMatchObject([{ key: "team/b", pods: ["team/p"] }]);
    expect(cluster.budgets()[0]?.alwaysAllowsUnready).toBe(expected);
  });
});

describe("a gang of which some members have succeeded", () => {
  const member = (name: string, phase: "Running" | "Succeeded") => {
    const annotations = { "gpu-autoscaler.io/gang": "train", "gpu-autoscaler.io/gang-size": "3" };
    const pod = podObject({ annotations, spec: { nodeName: "n1" }, status: { phase } });
    return { ...pod, metadata: { ...pod.metadata, name, uid: name } };
  };
  const gangs = (cluster: ReturnType<typeof observed>["cluster"]) => cluster.pods().map(({ gang }) => gang);
  const gang = { id: "gang team/train", minimum: 3, source: "annotation" };

  test("says so of those that are left, and is made again only where the number changes", () => {
    const { cluster } = observed({ pods: ["a", "b", "c"].map((name) => member(name, "Running")) });
    const [, pods] = cluster.watches;
    expect(gangs(cluster)).toEqual([gang, gang, gang]);
    pods.store.apply({ kind: "put", object: member("c", "Succeeded") });
    expect(gangs(cluster)).toEqual([
      { ...gang, succeeded: 1 },
      { ...gang, succeeded: 1 },
    ]);
    const [before] = cluster.pods();
    expect(cluster.pods()[0]).toBe(before);
    pods.store.apply({ kind: "put", object: member("b", "Succeeded") });
    expect(gangs(cluster)).toEqual([{ ...gang, succeeded: 2 }]);
    pods.store.apply({ kind: "gone", object: member("b", "Succeeded") });
    pods.store.apply({ kind: "gone", object: member("c", "Succeeded") });
    expect(gangs(cluster)).toEqual([gang]);
  });
});
