import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { pod, pods } from "../../../test/build/pod.ts";
import { notice, snapshot } from "../../../test/build/snapshot.ts";
import { elsewhere } from "./elsewhere.ts";

const nodes = [node("n1"), node("n2", { cpu: 2_000 })];

test("its pods have to fit together on the other nodes", () => {
  const two = pods(2, "p", { node: "n1", gpus: 0, cpu: 1_000 });
  expect(verdict(elsewhere, snapshot({ nodes, pods: two }))).toBeNull();
  const three = pods(3, "p", { node: "n1", gpus: 0, cpu: 1_000 });
  expect(verdict(elsewhere, snapshot({ nodes, pods: three }))).toEqual({
    code: "fits-nowhere-else",
    node: "n1",
    pod: "default/p-2",
  });
});

test("room that a waiting pod will take is no room", () => {
  const input = snapshot({
    nodes,
    pods: [
      pod("p", { node: "n1", gpus: 0, cpu: 2_000 }),
      pod("held", { node: "n1", gpus: 8, cpu: 0 }),
      pod("waits", { gpus: 1, cpu: 1_000 }),
    ],
  });
  expect(verdict(elsewhere, input)).toMatchObject({ code: "fits-nowhere-else" });
});

test.each([
  ["cordoned", { unschedulable: true }],
  ["not ready", { ready: "unknown" }],
  ["tainted", { taints: [{ key: "team", value: "a", effect: "NoSchedule" }] }],
] as const)("a node that is %s takes none of them", (_case, options) => {
  const input = snapshot({
    nodes: [node("n1"), node("n2", options)],
    pods: [pod("p", { node: "n1", gpus: 0 })],
  });
  expect(verdict(elsewhere, input)?.code).toBe("fits-nowhere-else");
});

test("nor does a node under notice", () => {
  const input = snapshot({
    nodes,
    pods: [pod("p", { node: "n1", gpus: 0 })],
    notices: [notice("n2", { replace: false })],
  });
  expect(verdict(elsewhere, input)?.code).toBe("fits-nowhere-else");
});
