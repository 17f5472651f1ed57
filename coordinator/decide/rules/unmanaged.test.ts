import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { pod } from "../../../test/build/pod.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { unmanaged } from "./unmanaged.ts";

const bare = (annotations = {}) =>
  snapshot({ nodes: [node("n1")], pods: [pod("p", { node: "n1", gpus: 0, owner: null, annotations })] });

test("a pod without an owner keeps its node, unless it says that it may go", () => {
  expect(verdict(unmanaged, bare())).toEqual({ code: "pod-unmanaged", node: "n1", pod: "default/p" });
  expect(verdict(unmanaged, bare({ "cluster-autoscaler.kubernetes.io/safe-to-evict": "true" }))).toBeNull();
});

test("owned pods are made again", () => {
  expect(verdict(unmanaged, snapshot({ nodes: [node("n1")], pods: [pod("p", { node: "n1" })] }))).toBeNull();
});
