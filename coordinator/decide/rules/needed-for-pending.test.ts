import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { pod } from "../../../test/build/pod.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { neededForPending } from "./needed-for-pending.ts";

const nodes = [node("n1"), node("n2")];

test("a pod that waits keeps the node that it would use, and only that one", () => {
  const input = snapshot({ nodes, pods: [pod("p", { gpus: 8 })] });
  expect(verdict(neededForPending, input)).toEqual({
    code: "needed-for-pending",
    node: "n1",
    pod: "default/p",
  });
  expect(verdict(neededForPending, input, "n2")).toBeNull();
});

test("so does one that the scheduler has not tried yet, or has nominated to it", () => {
  expect(
    verdict(neededForPending, snapshot({ nodes, pods: [pod("p", { waiting: { kind: "undecided" } })] }))
      ?.code,
  ).toBe("needed-for-pending");
  expect(
    verdict(neededForPending, snapshot({ nodes, pods: [pod("p", { nominatedNode: "n2" })] }), "n2")?.code,
  ).toBe("needed-for-pending");
});

test("a gated pod, and one without GPUs, keep no GPU node", () => {
  expect(
    verdict(neededForPending, snapshot({ nodes, pods: [pod("p", { waiting: { kind: "gated" } })] })),
  ).toBeNull();
  expect(verdict(neededForPending, snapshot({ nodes, pods: [pod("p", { gpus: 0 })] }))).toBeNull();
});
