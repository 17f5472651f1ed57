// Checks of the rules by which the API server confines agents: installed, in force, for the right account, of this version,
// and what the one on evictions costs. Each is pure.

import { SERVICE_ACCOUNT } from "../../../../shared/model/names.ts";
import type { Facts } from "../facts.ts";
import { fail, judge, named, ok, orElse, warn } from "../finding.ts";
import type { Judgement } from "../finding.ts";
import { rulesOf } from "../fingerprint.ts";
import { SHIPPED } from "../shipped.ts";

export function admission({ admissionPolicies, admissionBindings, namespace }: Facts): Judgement {
  return judge(
    admissionPolicies,
    (policies) =>
      judge(admissionBindings, (bindings) => {
        const account = `system:serviceaccount:${namespace}:${SERVICE_ACCOUNT.agent}`;
        const missing: string[] = [];
        const unbound: string[] = [];
        const others: string[] = [];
        const old: string[] = [];
        for (const [name, { rules }] of Object.entries(SHIPPED.admission)) {
          const policy = policies.find(({ metadata }) => metadata.name === name);
          const binding = bindings.find(({ spec }) => spec?.policyName === name);
          if (policy === undefined) missing.push(name);
          else if (binding?.spec?.validationActions?.includes("Deny") !== true) unbound.push(name);
          else if (!JSON.stringify(policy.spec ?? null).includes(account)) others.push(name);
          else if (rulesOf(policy.spec ?? {}) !== rules) old.push(name);
        }
        const these = (names: readonly string[]): string =>
          named(names, "admission policy", "admission policies");
        if (others.length > 0)
          return fail(
            `for another account than ${account}: ${these(others)}`,
            "install them by the chart, into the namespace where it runs: helm upgrade",
          );
        if (missing.length + unbound.length > 0)
          return warn(
            [
              ...(missing.length > 0 ? [`not installed: ${these(missing)}`] : []),
              ...(unbound.length > 0 ? [`not bound to deny: ${these(unbound)}`] : []),
            ].join("; "),
            "set admission.agents, admission.evictions and admission.marks to true; deploy/admission/README.md says what an agent could do without each",
          );
        return old.length > 0
          ? warn(`of another version: ${these(old)}`, "helm upgrade brings those of this version")
          : ok(
              `all ${Object.keys(SHIPPED.admission).length} admission policies are in force and of this version`,
            );
      }),
    () => fail("the API server knows no ValidatingAdmissionPolicy", "upgrade the cluster to 1.30 or newer"),
  );
}

/** At more pods in one namespace each eviction there takes noticeably longer. */
const PODS_MANY = 500;

export function evictionRule({ admissionPolicies, pods }: Facts): Judgement {
  return judge(
    admissionPolicies,
    (policies) => {
      const names = Object.entries(SHIPPED.admission).flatMap(([name, { part }]) =>
        part === "evictions" ? [name] : [],
      );
      if (!policies.some(({ metadata }) => names.includes(metadata.name)))
        return ok("the rule on evictions is off, so the size of namespaces costs nothing");
      const sizes = new Map<string, number>();
      for (const { metadata } of orElse(pods, []))
        sizes.set(metadata.namespace ?? "", (sizes.get(metadata.namespace ?? "") ?? 0) + 1);
      const large = [...sizes].filter(([, size]) => size > PODS_MANY);
      if (large.length > 0)
        return warn(
          `the rule on evictions is on, and the API server looks at each pod of a namespace for each eviction by an agent there; large: ${named(
            large.map(([name, size]) => `${name} with ${size} pods`),
            "namespace",
          )}`,
          "split the namespace, or set admission.evictions to false and know what that allows (deploy/admission/README.md)",
        );
      return judge(pods, () =>
        ok(`the rule on evictions is on, and no namespace has more than ${PODS_MANY} pods`),
      );
    },
    () => ok("the API server knows no such rule"),
  );
}
