// Whose a policy's status is: its term and the leader who raised it. A new leader raises it before he acts, so that
// whoever led before, and does not know yet that he no longer does, computes nothing more from it. Pure; who writes it
// and when is journal.ts.

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { AppError } from "../../shared/runtime/errors.ts";

/** What one reign knows of its claim to one policy. */
export interface Claim {
  readonly term: number;
  readonly leader: string;
  /** The term that stood there; 0: nobody had ever led it. */
  readonly before: number;
  /** Who led it then. Absent: nobody had, or the status did not say. */
  readonly leaderBefore?: string;
  /** This process has led the policy before, so that whoever did so since took it from us. */
  readonly takenBack?: boolean;
}

/** The next term, ours. */
export function claimed(status: PolicyStatus, leader: string): PolicyStatus {
  return { ...status, term: (status.term ?? 0) + 1, leader };
}

/**
 * Whether somebody else has marked it: the error that says so; null when the mark is ours, or when there is none,
 * because a person wiped the status or nobody can read it. That takes nothing from us: nobody else writes without a mark.
 */
export function deposedBy(policy: string, status: PolicyStatus, claim: Claim): AppError | null {
  const { term, leader } = status;
  if (term === undefined && leader === undefined) return null;
  if (term === claim.term && leader === claim.leader) return null;
  const other = leader === undefined ? "somebody else" : leader;
  return new AppError(
    "conflict",
    `policy ${policy} is led by ${other} (term ${String(term ?? "none")}), ours was ${claim.term}`,
    { data: { policy, term: term ?? null, ours: claim.term } },
  );
}

/** With our mark, which a wiped status has lost. */
export function marked(status: PolicyStatus, { term, leader }: Claim): PolicyStatus {
  return status.term === term && status.leader === leader ? status : { ...status, term, leader };
}
