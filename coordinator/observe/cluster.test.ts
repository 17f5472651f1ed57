import { describe, expect, test } from "vitest";

import type { Node, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { createCluster } from "./cluster.ts";

const unasked = async (): Promise<never> => {
  throw new AppError("bug", "these tests bring the events themselves");
};

function setup() {
  const news: string[] = [];
  const cluster = createCluster({
    watch: {
      client: { list: unasked, openWatch: unasked },
      clock: createFakeClock(),
      random: seededRandom(1),
      log: createLogSink().log,
      onTrouble: () => {},
    },
    onProblem: () => {},
    onChange: (what) => void news.push(what),
  });
  const [nodes, pods] = cluster.watches;
  nodes.store.apply({ kind: "synced", items: [aNode()] });
  pods.store.apply({ kind: "synced", items: [aPod()] });
  news.length = 0;
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
