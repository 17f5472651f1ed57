// Why nothing is begun for a policy, or why what was begun is called off, in words for the journal. Pure.

import type { Recall } from "../decide/plan.ts";
import type { PolicyInput } from "../decide/snapshot.ts";

/** Why a policy may not act; null when it may. */
export function stoppedBecause(policy: PolicyInput): string | null {
  if (policy.kind === "invalid") return "the policy is not valid";
  if (!policy.spec.enabled) return "the policy is disabled";
  return policy.spec.mode === "Recommend" ? "the policy only recommends" : null;
}

/** Why removals that are under way are called off; null when they go on. */
export function frozenBecause(policy: PolicyInput): string | null {
  return policy.kind === "valid" && policy.spec.disruption.freeze ? "disruption.freeze is set" : null;
}

/** Why this one removal is called off; null when it goes on. */
export function recalledBecause(recall: Recall | undefined): string | null {
  if (recall === undefined) return null;
  const { because } = recall;
  const about = "pod" in because ? ` (${because.pod})` : "";
  return `something stands against it now: ${because.code}${about}`;
}
