// What the accounts behind policies let us do, each asked once for all of its groups, beside each other. Nothing is changed
// there, and one that cannot be asked keeps no other from being told of. What each back end asks stands in its own folder.

import { millis } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { describe } from "../../shared/runtime/errors.ts";
import type { ProbeAnswer } from "./account.ts";
import type { Accounts } from "./accounts.ts";
import { accountKey, accountName, groupKey } from "./target.ts";
import type { CloudTarget } from "./target.ts";
import { within } from "./within.ts";

export interface AccountRights {
  /** `aws us-west-2`. */
  readonly account: string;
  readonly backEnd: CloudTarget["kind"];
  readonly groups: number;
  /** Null: nothing could be asked, and `problem` says why. */
  readonly answers: readonly ProbeAnswer[] | null;
  readonly problem?: string;
}

export interface RightsOptions {
  readonly accounts: Pick<Accounts, "account">;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Whoever asks through the API server's proxy waits for a minute at most. */
const DEADLINE_MS = millis(20_000);

/** One entry for each account of `targets`. Never rejects. */
export async function rightsAt(
  targets: readonly CloudTarget[],
  options: RightsOptions,
): Promise<readonly AccountRights[]> {
  const byAccount = Map.groupBy(targets, accountKey);
  return await Promise.all(
    [...byAccount.values()].flatMap((of) => {
      const [first] = of;
      return first === undefined ? [] : [rightsOf(first, of, options)];
    }),
  );
}

async function rightsOf(
  target: CloudTarget,
  all: readonly CloudTarget[],
  { accounts, clock, signal }: RightsOptions,
): Promise<AccountRights> {
  const keys = [...new Set(all.map(groupKey))];
  const said = { account: accountName(target), backEnd: target.kind, groups: keys.length };
  try {
    const limits = { signal, deadlineMs: DEADLINE_MS };
    const answers = await within(clock, limits, `rights at ${said.account}`, async (ends) => {
      const account = await accounts.account(target);
      return (await account.probe?.(keys, { signal: ends, deadlineMs: DEADLINE_MS })) ?? null;
    });
    return answers === null
      ? { ...said, answers, problem: "this back end has no harmless way to ask" }
      : { ...said, answers };
  } catch (error) {
    return { ...said, answers: null, problem: describe(error) };
  }
}
