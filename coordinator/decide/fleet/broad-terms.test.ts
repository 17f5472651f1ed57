import { describe, expect, test } from "vitest";

import { pod } from "../../../test/build/pod.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import type { PodInput, PodTerm } from "../snapshot-pod.ts";
import { beyondBroadTerms, BROAD_TERMS_MAX, TOO_BROAD } from "./broad-terms.ts";
import { sane } from "./sane.ts";

type Expression = {
  readonly key: string;
  readonly operator: "NotIn" | "In";
  readonly values: readonly string[];
};

function avoiding(name: string, expression: Expression): PodInput {
  const term: PodTerm = {
    topologyKey: "kubernetes.io/hostname",
    selector: { matchExpressions: [expression] },
    namespaces: ["default"],
    namespaceSelector: null,
  };
  return { ...pod(name), podAntiAffinity: [term] };
}

const each = (
  count: number,
  operator: Expression["operator"],
  valueOf: (index: number) => string,
): PodInput[] =>
  Array.from({ length: count }, (_, index) =>
    avoiding(`p-${String(index).padStart(5, "0")}`, { key: "app", operator, values: [valueOf(index)] }),
  );

describe("beyondBroadTerms()", () => {
  test("lets each of a few such terms be used by any number of pods", () => {
    expect(beyondBroadTerms(each(1_000, "NotIn", (index) => `a-${index % BROAD_TERMS_MAX}`)).size).toBe(0);
  });

  test("does not count terms to which a label leads", () => {
    expect(beyondBroadTerms(each(1_000, "In", (index) => `a-${index}`)).size).toBe(0);
  });

  test("takes the pods beyond the bound out, and says so", () => {
    const pods = each(BROAD_TERMS_MAX + 3, "NotIn", (index) => `a-${index}`);
    expect([...beyondBroadTerms(pods)].map(({ key }) => key)).toEqual(
      pods.slice(BROAD_TERMS_MAX).map(({ key }) => key),
    );
    const made = sane(snapshot({ pods: pods.toReversed() }));
    expect(made?.snapshot.pods).toHaveLength(BROAD_TERMS_MAX);
    expect(made?.unreadable).toHaveLength(3);
    expect(made?.unreadable[0]?.because).toEqual([{ code: "malformed", what: TOO_BROAD }]);
  });
});
