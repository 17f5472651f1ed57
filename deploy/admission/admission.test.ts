import { describe, expect, test } from "vitest";
import { parseAllDocuments } from "yaml";

import { API_GROUP, NODE_ANNOTATION } from "../../shared/model/names.ts";
import { admission, admissionFiles, manifestText } from "./admission.ts";
import { literal, mapOf, sameBut, sameEntriesBut } from "./cel.ts";

interface Policy {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly policyName?: string;
    readonly paramKind?: object;
    readonly paramRef?: object;
    readonly validations?: readonly { readonly message: string }[];
  };
}

const all = Object.values(admission()).flat() as unknown as readonly Policy[];
const policies = all.filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
const bindings = all.filter(({ kind }) => kind === "ValidatingAdmissionPolicyBinding");

describe("admission()", () => {
  test("puts each policy in force, and gives it pods to compare with where it wants them", () => {
    expect(policies).toHaveLength(7);
    expect(bindings.map(({ spec }) => spec.policyName)).toEqual(
      policies.map(({ metadata }) => metadata.name),
    );
    expect(bindings.map(({ spec }) => spec.paramRef !== undefined)).toEqual(
      policies.map(({ spec }) => spec.paramKind !== undefined),
    );
  });

  test("says with each refusal what is allowed, in one line", () => {
    for (const { spec } of policies) {
      expect(spec.validations?.length).toBeGreaterThan(0);
      for (const { message } of spec.validations ?? []) expect(message).toMatch(/^[^\n]{60,}$/);
    }
  });

  test("guards every annotation of ours that stands on nodes", () => {
    const marks = JSON.stringify(admission().marks);
    const ours = Object.values(NODE_ANNOTATION).filter((name) => name.startsWith(`${API_GROUP}/`));
    expect(ours.length).toBeGreaterThan(8);
    for (const name of ours) expect(marks).toContain(name);
  });

  test("goes by the names of the service accounts that it is given", () => {
    const names = { namespace: "gpus", agent: "node-agent", coordinator: "sizer" };
    const text = JSON.stringify(admission(names));
    expect(text).toContain("system:serviceaccount:gpus:node-agent");
    expect(text).toContain("system:serviceaccount:gpus:sizer");
    expect(text).not.toContain("system:serviceaccount:gpu-autoscaler-system");
  });

  test.each([
    [{ namespace: 'a" || true' }, 'namespace "a\\" || true": a name of Kubernetes has small letters'],
    [{ namespace: "" }, 'namespace ""'],
    [{ agent: "Agent" }, 'account "Agent"'],
  ])("takes no names that Kubernetes does not take: %j", (wrong, says) => {
    const names = { namespace: "n", agent: "a", coordinator: "c", ...wrong };
    expect(() => admission(names)).toThrow(says);
  });
});

describe("manifestText()", () => {
  test("is the objects as YAML documents", () => {
    const { agents } = admission();
    const read = parseAllDocuments(manifestText(agents)).map((document) => document.toJS() as unknown);
    expect(read).toEqual(agents);
    expect(Object.keys(admissionFiles())).toEqual([
      "deploy/admission/agents.yaml",
      "deploy/admission/evictions.yaml",
      "deploy/admission/marks.yaml",
    ]);
  });
});

describe("CEL", () => {
  test("gets texts that cannot end early", () => {
    expect(literal("a/b")).toBe('"a/b"');
    expect(literal(["a", "b"])).toBe('["a", "b"]');
    for (const text of ['a"', "a\\", "a\nb", "ä"]) expect(() => literal(text)).toThrow("is no name");
  });

  test("compares in both directions, so that nothing can be added and nothing taken away", () => {
    expect(sameBut("n", "o", ["x"])).toBe(
      'n.all(k, k in ["x"] || (k in o && o[k] == n[k])) && o.all(k, k in ["x"] || k in n)',
    );
    expect(sameBut("n", "o", [])).toBe("n.all(k, (k in o && o[k] == n[k])) && o.all(k, k in n)");
    expect(sameEntriesBut("n", "o", "e.a")).toBe("n.all(e, e.a || e in o) && o.all(e, e.a || e in n)");
    expect(mapOf("oldObject", "metadata.labels")).toBe("dyn(oldObject).?metadata.?labels.orValue({})");
  });
});
