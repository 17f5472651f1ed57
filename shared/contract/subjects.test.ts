import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseSubject, subjectFor } from "./subjects.ts";

describe("subjectFor()", () => {
  test("writes a node's dots as underscores, which no node name has", () => {
    expect(subjectFor("report", "a.b-c.internal")).toBe("gpuas.v1.report.a_b-c_internal");
  });

  test("gives back the node for every valid name", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,60}[a-z0-9])?$/), (node) => {
        expect(parseSubject(subjectFor("drain", node, "x.y"), "x.y")).toEqual({ kind: "drain", node });
      }),
    );
  });

  test.each(["", "Upper", "a_b", "a>b", "a b", "*"])("refuses %j as a node name", (node) => {
    expect(() => subjectFor("report", node)).toThrow("is not a Kubernetes name");
  });
});
