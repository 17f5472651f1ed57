// Notices apart from hints, and both from what is neither. A notice takes its node; a hint leaves it at work, and what its
// policy makes of it is in rebalance.ts. A drill on a node whose policy wants none is nothing at all: its agent refuses
// it, and nobody buys anything for it meanwhile.

import { takesNode } from "../../../shared/model/interruption.ts";
import type { NoticeInput, Snapshot } from "../snapshot.ts";
import type { Claim } from "./ownership.ts";

export interface Notices {
  /** Of nodes that go. */
  readonly taking: readonly NoticeInput[];
  /** Of nodes that stay, although their cloud may take them soon. */
  readonly hints: readonly NoticeInput[];
}

export function hintsApart({ notices, policies }: Snapshot, ownerOf: ReadonlyMap<string, Claim>): Notices {
  const calm = new Set(
    policies.flatMap((policy) =>
      policy.kind === "valid" && policy.spec.drills === "Disabled" ? [policy.name] : [],
    ),
  );
  const counts = ({ source, node }: NoticeInput): boolean =>
    source !== "drill" || !calm.has(ownerOf.get(node)?.policy ?? "");
  return {
    taking: notices.filter((notice) => takesNode(notice) && counts(notice)),
    hints: notices.filter((notice) => !takesNode(notice)),
  };
}
