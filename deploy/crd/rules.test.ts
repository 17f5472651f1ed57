import { describe, expect, test } from "vitest";

import { scheduleProblems } from "../../coordinator/decide/limits/schedule-check.ts";
import { parsePolicy, policySpecSchema } from "../../shared/contract/policy.ts";
import { MORE_CASES, POLICY_CASES } from "../../test/build/policy-cases.ts";
import { celRules, policyDefinition } from "./crd.ts";
import { MORE_RULES } from "./more-rules.ts";
import { RULES } from "./rules.ts";
import { schemaAt } from "./structural.ts";

/** Places in the order of the schema's own paths, without the number of an entry. */
const placesOf = (cases: readonly { readonly field: string }[]): readonly string[] =>
  cases.map(({ field }) => field.replaceAll(/\[\d+\]/g, "[]"));

/** Names of the parser's rules that a spec breaks. */
function brokenRules(spec: object): readonly unknown[] {
  const { error } = policySpecSchema.safeParse(spec);
  return (error?.issues ?? []).map((issue): unknown =>
    issue.code === "custom" ? issue.params?.["rule"] : issue.code,
  );
}

describe("the rules that parser and API server share", () => {
  test.each(Object.entries(POLICY_CASES))("the parser holds %s, and by that name", (rule, cases) => {
    for (const { refused, accepted } of cases) {
      expect(brokenRules(refused)).toEqual([rule]);
      expect(parsePolicy(accepted)).toMatchObject({ kind: "valid" });
    }
  });

  test("each rule by the key of a list is of a list that has the key", () => {
    const spec = policyDefinition().spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"];
    if (spec === undefined) throw new Error("the definition has no spec");
    const keyed = Object.values(RULES).flatMap((holder) => (holder.by === "list-key" ? [holder] : []));
    expect(keyed).toHaveLength(4);
    for (const { at, key } of keyed)
      expect(schemaAt(spec, at)).toMatchObject({
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": [key],
      });
  });
});

describe("the rules on schedules", () => {
  test.each(Object.entries(MORE_CASES))("the coordinator holds %s", (_rule, cases) => {
    for (const { refused, accepted } of cases) {
      expect(problemsOf(refused)).not.toEqual([]);
      expect(problemsOf(accepted)).toEqual([]);
    }
  });
});

describe("celRules()", () => {
  test("have a case each, where the API server will say it", () => {
    const changing = MORE_RULES["capacity-type-stays"];
    const said = celRules()
      .filter((rule) => !changing.includes(rule))
      .map(({ at, fieldPath = "" }) => `spec${at === "" ? "" : "."}${at}${fieldPath}`);
    const cases = [...Object.values(POLICY_CASES), ...Object.values(MORE_CASES)].flat();
    expect(new Set(placesOf(cases))).toEqual(
      new Set([
        ...said,
        "spec.nodePools[]",
        "spec.schedules[]",
        "spec.headroom[]",
        "spec.predictive.calendar[]",
      ]),
    );
  });

  test("say what to write instead, and name a field that there is", () => {
    const spec = policyDefinition().spec.versions[0]?.schema.openAPIV3Schema.properties?.["spec"] ?? {};
    for (const { at, fieldPath = "", message } of celRules()) {
      expect(message).toMatch(/; |: |^give |such as/);
      const path = `${at}${fieldPath}`.replace(/^\./, "");
      if (schemaAt(spec, path) === null) throw new Error(`${path} is not in the schema`);
    }
  });
});

/** What the coordinator finds in a spec that the parser takes. */
function problemsOf(spec: object): readonly string[] {
  const parsed = parsePolicy(spec);
  return parsed.kind === "invalid" ? parsed.problems : scheduleProblems(parsed.spec);
}
