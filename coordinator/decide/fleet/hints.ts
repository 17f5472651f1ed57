// Hints of a coming interruption apart from notices of a certain one. A hint takes its node only where the policy
// says so; otherwise the node goes on as any other, and a policy that wants to hear of it does. What is bought for a
// node that goes is for others.

import type { Reason } from "../../../shared/model/reasons.ts";
import { distinct } from "../order.ts";
import type { NoticeInput, Snapshot } from "../snapshot.ts";
import type { Fleet, PoolState } from "./fleet.ts";
import { poolId } from "./ownership.ts";
import type { Claim } from "./ownership.ts";

export interface Notices {
  /** Of nodes that go. */
  readonly taking: readonly NoticeInput[];
  /** Of nodes that stay, although their cloud may take them soon. */
  readonly hints: readonly NoticeInput[];
}

export function hintsApart({ notices, policies }: Snapshot, ownerOf: ReadonlyMap<string, Claim>): Notices {
  const replacing = new Set(
    policies.flatMap((policy) =>
      policy.kind === "valid" && policy.spec.spot.rebalance === "Replace" ? [policy.name] : [],
    ),
  );
  const takes = ({ kind, node }: NoticeInput): boolean =>
    kind !== "rebalance" || replacing.has(ownerOf.get(node)?.policy ?? "");
  return { taking: notices.filter(takes), hints: notices.filter((notice) => !takes(notice)) };
}

/** What the pool says of hints about its nodes. */
export function hintReasons({ hints, ownerOf }: Fleet, { id, spec }: PoolState): readonly Reason[] {
  const setting = spec.spot.rebalance;
  if (setting === "Ignore") return [];
  const own = hints.filter(({ node }) => {
    const claim = ownerOf.get(node);
    return claim !== undefined && poolId(claim.policy, claim.pool) === id;
  });
  return distinct(own.map(({ node }): Reason => ({ code: "rebalance-hint", node, setting })));
}
