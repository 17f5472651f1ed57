import { describe, expect, test } from "vitest";

import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { NodeExpression, NodeTerm } from "../snapshot-pod.ts";
import { nodeAffinity } from "./node-affinity.ts";

const LABELS = { zone: "a", memory: "80", odd: "8x" };

const label = (key: string, operator: NodeExpression["operator"], ...values: string[]): NodeTerm => ({
  labels: [{ key, operator, values }],
  names: [],
});
const name = (operator: NodeExpression["operator"], ...values: string[]): NodeTerm => ({
  labels: [],
  names: [{ key: "metadata.name", operator, values }],
});

const CASES: readonly (readonly [string, readonly NodeTerm[], boolean])[] = [
  ["no term at all", [], false],
  ["a term that says nothing", [{ labels: [], names: [] }], false],
  ["In with the value", [label("zone", "In", "b", "a")], true],
  ["In without it", [label("zone", "In", "b")], false],
  ["In on a missing label", [label("rack", "In", "")], false],
  ["NotIn with the value", [label("zone", "NotIn", "a")], false],
  ["NotIn on a missing label", [label("rack", "NotIn", "a")], true],
  ["Exists", [label("zone", "Exists")], true],
  ["Exists on a missing label", [label("rack", "Exists")], false],
  ["DoesNotExist on a missing label", [label("rack", "DoesNotExist")], true],
  ["DoesNotExist", [label("zone", "DoesNotExist")], false],
  ["Gt below", [label("memory", "Gt", "79")], true],
  ["Gt the same", [label("memory", "Gt", "80")], false],
  ["Lt above, as numbers and not as text", [label("memory", "Lt", "100")], true],
  ["Gt on what is no number", [label("odd", "Gt", "1")], false],
  ["Gt than what is no number", [label("memory", "Gt", "1.5")], false],
  ["Gt on a missing label", [label("rack", "Gt", "1")], false],
  ["Lt with a sign", [label("memory", "Lt", "+81")], true],
  ["Gt with two values", [label("memory", "Gt", "1", "2")], false],
  ["Gt than more than 64 bits", [label("memory", "Lt", "9999999999999999999")], false],
  ["one of two terms", [label("zone", "In", "b"), label("zone", "In", "a")], true],
  [
    "both expressions of a term",
    [{ labels: [...label("zone", "In", "a").labels, ...label("memory", "Exists").labels], names: [] }],
    true,
  ],
  [
    "one of two expressions",
    [{ labels: [...label("zone", "In", "a").labels, ...label("rack", "Exists").labels], names: [] }],
    false,
  ],
  ["a name, of a node that has none yet", [name("In", "n1")], false],
  ["not this name", [name("NotIn", "n1")], true],
];

describe("node-affinity", () => {
  test.each(CASES)("%s", (_, nodeTerms, expected) => {
    const pod = podWith("p", { nodeTerms });
    const refusal = nodeAffinity.refusal(pod, place({ labels: LABELS }), contextOf([pod]));
    expect(refusal?.code ?? null).toBe(expected ? null : "affinity-mismatch");
  });

  test("a node that is here has a name", () => {
    const pod = podWith("p", { nodeTerms: [name("In", "n1")] });
    expect(nodeAffinity.refusal(pod, place({ kind: "node" }), contextOf([pod]))).toBeNull();
  });

  test("the reason has the terms in words", () => {
    const pod = podWith("p", {
      nodeTerms: [label("zone", "In", "b", "c"), label("memory", "Gt", "100"), name("In", "n9")],
    });
    expect(nodeAffinity.refusal(pod, place({ labels: LABELS }), contextOf([pod]))).toEqual({
      code: "affinity-mismatch",
      pool: "demo/gpu",
      term: "zone in (b, c) or memory > 100 or metadata.name in (n9)",
    });
  });
});
