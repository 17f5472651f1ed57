// Policies as their open schedules have them at this moment, where a schedule replaces a number of the spec: the
// utilisation over which a policy grows. Floors and caps are no replacement; the ledger has them.

import { millis } from "../../../shared/model/units.ts";
import type { PolicyInput, Snapshot } from "../snapshot.ts";
import { scheduleState } from "./windows.ts";

/** The snapshot itself where no schedule says anything. */
export function withScheduledTargets(snapshot: Snapshot): Snapshot {
  if (!snapshot.policies.some(hasTarget)) return snapshot;
  return {
    ...snapshot,
    policies: snapshot.policies.map((policy) => {
      if (policy.kind === "invalid") return policy;
      // Whoever has to be ready early has no target early.
      const { targetUtilization } = scheduleState(policy.spec, snapshot.at, () => millis(0));
      return targetUtilization === null
        ? policy
        : { ...policy, spec: { ...policy.spec, scaleUpThreshold: targetUtilization } };
    }),
  };
}

function hasTarget(policy: PolicyInput): boolean {
  return (
    policy.kind === "valid" &&
    policy.spec.schedules.some(({ targetUtilization }) => targetUtilization !== undefined)
  );
}
