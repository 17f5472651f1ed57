// Checks of policies by what the coordinator has written in their status: valid, with groups, without rivals, and whether
// what waits is being served. Each is pure.

import { parsePolicy } from "../../../../shared/contract/policy.ts";
import { parsePolicyStatus } from "../../../../shared/contract/policy/status.ts";
import type { PolicyStatus } from "../../../../shared/contract/policy/status.ts";
import { CONDITION } from "../../../../shared/model/names.ts";
import { poolLabelOf } from "../../../../shared/model/node.ts";
import type { UnreadObject } from "../../../../shared/runtime/kube/resources.ts";
import { shortened } from "../../../report/sentences/words.ts";
import type { Facts } from "../facts.ts";
import { fail, judge, named, ok, orElse, unknown, warn } from "../finding.ts";
import type { Judgement } from "../finding.ts";

const LONGEST = 300;
const INSTALL_FIRST = "install the definition first, see the check definition";

type Condition = PolicyStatus["conditions"][number];

function conditionOf({ status }: UnreadObject, type: string): Condition | undefined {
  return parsePolicyStatus(status)?.conditions.find((each) => each.type === type);
}

/** Policies of which the condition has that status, each with what it says. */
function saying(policies: readonly UnreadObject[], type: string, status: string): readonly string[] {
  return policies.flatMap((policy) => {
    const condition = conditionOf(policy, type);
    return condition?.status === status
      ? [`${policy.metadata.name}: ${shortened(condition.message, LONGEST)}`]
      : [];
  });
}

function all(facts: Facts, of: (policies: readonly UnreadObject[]) => Judgement): Judgement {
  return judge(
    facts.policies,
    (policies) => (policies.length === 0 ? ok("there is no policy, so nothing is sized") : of(policies)),
    () => unknown("there are no policies without their definition", INSTALL_FIRST),
  );
}

export function policiesValid(facts: Facts): Judgement {
  return all(facts, (policies) => {
    // By this version's own reading, since the coordinator may be away.
    const wrong = policies.flatMap(({ metadata, spec }) => {
      const parsed = parsePolicy(spec);
      return parsed.kind === "valid"
        ? []
        : [`${metadata.name}: ${shortened(parsed.problems.join("; "), LONGEST)}`];
    });
    if (wrong.length > 0)
      return fail(`not valid: ${wrong.join("; ")}`, "kubectl edit it; gpuasctl status shows what is wrong");
    const unheard = policies.filter(
      ({ metadata, status }) => parsePolicyStatus(status)?.observedGeneration !== metadata.generation,
    );
    return unheard.length === 0
      ? ok(
          `${policies.length === 1 ? "the policy is" : `all ${policies.length} policies are`} valid, and the coordinator has answered their last change`,
        )
      : warn(
          `no coordinator has answered the last change of ${named(
            unheard.map(({ metadata }) => metadata.name),
            "policy",
            "policies",
          )}`,
          "see the checks coordinator and leader",
        );
  });
}

export function policyGroups(facts: Facts): Judgement {
  return all(facts, (policies) => {
    const without = saying(policies, CONDITION.noGroup, "True");
    if (without.length > 0)
      return fail(
        `pools without the group that sizes them: ${without.join("; ")}`,
        "correct the group's name in the policy, or make the group; a pool without one holds",
      );
    const silent = policies.filter((policy) => conditionOf(policy, CONDITION.noGroup) === undefined);
    return silent.length === 0
      ? ok("every pool has its group")
      : unknown(
          `no coordinator has said whether the groups of ${named(
            silent.map(({ metadata }) => metadata.name),
            "policy",
            "policies",
          )} exist`,
          "see the checks coordinator and leader",
        );
  });
}

/** Other autoscalers on the same groups, and bounds, tags and taints that do not fit. */
export function rivals(facts: Facts): Judgement {
  return all(facts, (policies) => {
    const others = saying(policies, CONDITION.rival, "True");
    if (others.length > 0)
      return warn(
        `something else sizes groups of the policies, or exchanges their machines: ${others.join("; ")}`,
        "let one program size a group: each sentence says how the other is switched off for it",
      );
    const problems = saying(policies, CONDITION.groupsMatch, "False");
    if (problems.length > 0)
      return warn(
        `groups do not fit their policies: ${problems.join("; ")}`,
        "let one program size a group: take it out of the other's configuration, or out of the policy",
      );
    const overlap = saying(policies, CONDITION.overlap, "True");
    return overlap.length > 0
      ? warn(
          `two policies want the same nodes: ${overlap.join("; ")}`,
          "give each pool a selector of its own",
        )
      : ok("no rival is known on the groups of the policies");
  });
}

export function scaling(facts: Facts): Judgement {
  return all(facts, (policies) => {
    const problems = policies.flatMap(({ metadata, status }) => {
      const known = parsePolicyStatus(status);
      if (known === null) return [];
      const refused = (known.offerings ?? []).flatMap(({ offering, kind, detail }) =>
        kind === "no-capacity"
          ? []
          : [
              `${metadata.name}: ${offering} failed (${kind}): ${shortened(detail ?? "no reason given", LONGEST)}`,
            ],
      );
      const grows = known.pools.some(({ decision }) => decision === "grow" || decision === "replace");
      const held = known.pools.flatMap(({ name, because = [] }) =>
        because
          .slice(0, 1)
          .map(({ sentence }) => `${metadata.name}/${name}: ${shortened(sentence, LONGEST)}`),
      );
      return [...refused, ...(known.pendingPods > 0 && !grows ? held : [])];
    });
    return problems.length === 0
      ? ok("nothing that waits is held back, and no group has refused")
      : warn(
          `pods wait and no pool grows, or groups refuse: ${problems.slice(0, 4).join("; ")}`,
          "gpuasctl explain pool POLICY/POOL says all of why: a cooldown, a maximum, the cloud's rights or capacity, a wrong name",
        );
  });
}

/** Taints that a policy says its nodes have, and that nodes of its pool's label lack. */
export function poolTaints(facts: Facts): Judgement {
  const nodes = orElse(facts.nodes, []);
  return all(facts, (policies) => {
    const lacking = policies.flatMap(({ metadata, spec }) => {
      const parsed = parsePolicy(spec);
      if (parsed.kind !== "valid") return [];
      return parsed.spec.nodePools.flatMap(({ name, taints }) =>
        nodes.flatMap((node) => {
          if (poolLabelOf(node.metadata.labels) !== name) return [];
          const missing = taints.find(
            ({ key, effect, value = "" }) =>
              !(node.spec?.taints ?? []).some(
                (taint) => taint.key === key && taint.effect === effect && (taint.value ?? "") === value,
              ),
          );
          return missing === undefined
            ? []
            : [
                `${node.metadata.name} lacks ${missing.key}:${missing.effect} of pool ${metadata.name}/${name}`,
              ];
        }),
      );
    });
    if (lacking.length > 0)
      return warn(
        `nodes are not tainted as their pools say: ${lacking.slice(0, 4).join("; ")}`,
        "let the node group or its template set the taint: pods are placed as if it were there",
      );
    return facts.nodes.kind === "read"
      ? ok("nodes with a pool's label have the taints that the pool says")
      : judge(facts.nodes, () => ok(""));
  });
}
