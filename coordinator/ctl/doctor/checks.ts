// The checks by name, in the order in which they are told: what others stand on comes first. A check that cannot cope with
// what it was given says so and stops no other one.

import { describe } from "../../../shared/runtime/errors.ts";
import { admission, evictionRule } from "./checks/admission.ts";
import { coverage, daemonSet, devicePlugin, gpus, reports, versions } from "./checks/agents.ts";
import { cloudRights } from "./checks/clouds.ts";
import { apiVersion, certificates, clocks, definition, podSecurity } from "./checks/cluster.ts";
import {
  coordinatorDeployed,
  leader,
  leaderPage,
  natsReached,
  natsTokens,
  rights,
} from "./checks/coordinator.ts";
import { agentMetrics, coordinatorMetrics } from "./checks/metrics.ts";
import { budgets, cordons, drains, marks } from "./checks/nodes.ts";
import { policiesValid, policyGroups, poolTaints, rivals, scaling } from "./checks/policies.ts";
import type { Facts } from "./facts.ts";
import { unknown } from "./finding.ts";
import type { Finding, Judgement, Verdict } from "./finding.ts";

export const CHECKS = {
  "api-version": apiVersion,
  definition,
  "pod-security": podSecurity,
  clocks,
  certificates,
  coordinator: coordinatorDeployed,
  leader,
  "leader-page": leaderPage,
  nats: natsReached,
  "nats-tokens": natsTokens,
  "coordinator-rights": rights("coordinator"),
  "agent-rights": rights("agent"),
  admission,
  "eviction-rule": evictionRule,
  agents: daemonSet,
  "agent-coverage": coverage,
  "agent-reports": reports,
  gpus,
  versions,
  "device-plugin": devicePlugin,
  "coordinator-metrics": coordinatorMetrics,
  "agent-metrics": agentMetrics,
  policies: policiesValid,
  "policy-groups": policyGroups,
  "cloud-rights": cloudRights,
  rivals,
  scaling,
  "pool-taints": poolTaints,
  marks,
  drains,
  cordons,
  budgets,
} as const satisfies Readonly<Record<string, (facts: Facts) => Judgement>>;

export function findings(facts: Facts): readonly Finding[] {
  return Object.entries(CHECKS).map(([check, of]) => ({ check, ...judged(of, facts) }));
}

function judged(of: (facts: Facts) => Judgement, facts: Facts): Judgement {
  try {
    return of(facts);
  } catch (error) {
    return unknown(
      `what was read has another form than expected: ${describe(error)}`,
      "see what answers there",
    );
  }
}

/** The worst counts; what is not known is no good news. */
export function verdictOf(all: readonly Finding[]): Verdict {
  return (
    (["fail", "warn", "unknown"] as const).find((verdict) => all.some((each) => each.verdict === verdict)) ??
    "ok"
  );
}
