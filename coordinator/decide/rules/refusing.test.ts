import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { pod } from "../../../test/build/pod.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { refusing } from "./refusing.ts";

const withAnnotations = (annotations: Record<string, string>, options = {}) =>
  snapshot({ nodes: [node("n1")], pods: [pod("p", { node: "n1", gpus: 0, annotations, ...options })] });

test.each([
  ["cluster-autoscaler.kubernetes.io/safe-to-evict", "false"],
  ["karpenter.sh/do-not-disrupt", "true"],
  ["karpenter.sh/do-not-disrupt", "30m"],
])("%s: %s keeps the node", (annotation, value) => {
  expect(verdict(refusing, withAnnotations({ [annotation]: value }))).toEqual({
    code: "pod-refuses",
    node: "n1",
    pod: "default/p",
    annotation,
  });
});

test("consent and silence keep nothing", () => {
  expect(
    verdict(
      refusing,
      withAnnotations({
        "cluster-autoscaler.kubernetes.io/safe-to-evict": "true",
        "karpenter.sh/do-not-disrupt": "false",
      }),
    ),
  ).toBeNull();
});

test("DaemonSet pods and pods that are leaving are not asked", () => {
  const annotations = { "karpenter.sh/do-not-disrupt": "true" };
  expect(verdict(refusing, withAnnotations(annotations, { daemon: true }))).toBeNull();
  expect(verdict(refusing, withAnnotations(annotations, { terminating: true }))).toBeNull();
});
