import { expect, test } from "vitest";

import { joinToNode } from "./joined.ts";

const words = "NodeClaim gpu-1";

test.each([
  ["no node yet", undefined, "aws:///a/i-1", {}, { node: null }],
  ["a node that says nothing", "n", "aws:///a/i-1", {}, { node: "n" }],
  ["a member that says nothing", "n", undefined, { n: "aws:///a/i-1" }, { node: "n" }],
  ["the same", "n", "aws:///a/i-1", { n: "aws:///a/i-1" }, { node: "n" }],
  [
    "the same machine in two spellings",
    "n",
    "azure:///subscriptions/S/resourceGroups/RG/providers/Microsoft.Compute/virtualMachines/vm",
    { n: "azure:///subscriptions/s/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm" },
    { node: "n" },
  ],
  [
    "two machines",
    "n",
    "aws:///a/i-1",
    { n: "aws:///a/i-2" },
    {
      node: null,
      mismatch:
        "NodeClaim gpu-1 is aws:///a/i-1, but its node n is aws:///a/i-2: delete the one of the two that is left over",
    },
  ],
  [
    "one that cannot be read",
    "n",
    "aws:///a/i-1",
    { n: "aws:/" },
    {
      node: null,
      mismatch:
        "NodeClaim gpu-1: the providerID aws:/ of its node n cannot be read: correct it, or the cloud's own controller that wrote it",
    },
  ],
] as const)("%s", (_, node, providerID, nodes: Readonly<Record<string, string>>, expected) => {
  expect(joinToNode({ words, node, providerID }, (name) => nodes[name])).toEqual(expected);
});
