// What the clouds let this coordinator do, for whoever asks: a page of the admin server for `gpuasctl doctor`, which has no
// credentials of its own. Answers are kept for a while, so that many readers cost what one costs. Every replica answers,
// since all of them have the same identity.

import type { Millis } from "../../shared/model/units.ts";
import type { Page } from "../../shared/runtime/admin.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { AccountRights } from "../cloud/rights.ts";

export const RIGHTS_PAGE = "/rights";

export interface RightsAnswer {
  readonly accounts: readonly AccountRights[];
}

/** For how long an answer stands. */
const KEPT_MS = 30_000;

export function createRightsPage({
  ask,
  clock,
}: {
  /** Never rejects. */
  readonly ask: () => Promise<readonly AccountRights[]>;
  readonly clock: Pick<Clock, "monotonic">;
}): Readonly<Record<typeof RIGHTS_PAGE, () => Promise<Page>>> {
  let kept: { readonly atMs: Millis; readonly accounts: Promise<readonly AccountRights[]> } | null = null;
  return {
    [RIGHTS_PAGE]: async () => {
      if (kept === null || clock.monotonic() - kept.atMs > KEPT_MS)
        kept = { atMs: clock.monotonic(), accounts: ask() };
      const answer: RightsAnswer = { accounts: await kept.accounts };
      return { contentType: "application/json", body: `${JSON.stringify(answer, null, 2)}\n` };
    },
  };
}
