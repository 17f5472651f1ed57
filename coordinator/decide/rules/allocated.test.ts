import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node, reported } from "../../../test/build/node.ts";
import { pod } from "../../../test/build/pod.ts";
import { policy } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { allocated } from "./allocated.ts";

const nodes = [node("n1", { telemetry: reported() })];
const holder = (annotations = {}) => [
  pod("cpu", { node: "n1", gpus: 0 }),
  pod("holder", { node: "n1", gpus: 2, annotations }),
];

test("a pod that holds GPUs keeps its node, however idle they are", () => {
  expect(verdict(allocated, snapshot({ nodes, pods: holder() }))).toEqual({
    code: "gpu-held",
    node: "n1",
    pod: "default/holder",
  });
});

test("with reclaimIdleHolders it keeps the node only when it says so", () => {
  const policies = [policy({ reclaimIdleHolders: true })];
  expect(verdict(allocated, snapshot({ nodes, pods: holder(), policies }))).toBeNull();
  const refusing = holder({ "gpu-autoscaler.io/reclaim": "false" });
  expect(verdict(allocated, snapshot({ nodes, pods: refusing, policies }))).toMatchObject({
    code: "pod-refuses",
    pod: "default/holder",
  });
});

test("pods without GPUs hold none", () => {
  expect(verdict(allocated, snapshot({ nodes, pods: [pod("cpu", { node: "n1", gpus: 0 })] }))).toBeNull();
});
