// Which of the back end's calls AWS would let through, found out by calls that change nothing: reads are made, and writes
// name what cannot exist, since AWS refuses for a lack of rights before it looks at what is named. A right that is bound
// to a group's tags can only be asked for on that group; where no harmless call names it, the answer is "unknown".

import { AppError, describe } from "../../../shared/runtime/errors.ts";
import type { ProbeAnswer } from "../account.ts";
import type { CallOptions } from "../group.ts";
import { SAYS_NOTHING_OF_RIGHTS } from "../probing.ts";
import type { AwsCall, AwsCalls, Ec2Calls } from "./calls.ts";

/** AWS gives instances no such id. */
const NO_INSTANCE = "i-00000000000000000";
/** A group's name has no colon, so nobody can make this one. */
const NO_GROUP = "gpu-autoscaler:may-we";
const GROUPS_MAX = 10;

type Outcome = Omit<ProbeAnswer, "call">;

/** With what each call is asked, for `groups` by their names at AWS. */
type Asking = (calls: AwsCalls, groups: readonly string[], options: CallOptions) => Promise<Outcome>;

const ASKING: Readonly<Record<AwsCall, Asking>> = {
  DescribeAutoScalingGroups: reading("DescribeAutoScalingGroups"),
  DescribeScalingActivities: reading("DescribeScalingActivities"),
  DescribePolicies: reading("DescribePolicies"),
  DescribeScheduledActions: reading("DescribeScheduledActions"),
  // It takes no question about all groups; one that does not exist is refused after the rights, as a write is.
  DescribeInstanceRefreshes: async (calls, [name = NO_GROUP], options) =>
    await outcomeOf(
      async () =>
        await calls.DescribeInstanceRefreshes({ AutoScalingGroupName: name, MaxRecords: 1 }, options),
      options,
    ),
  // The only write that names the group and, beside it, a member: with one that is none it is refused after the rights.
  DetachInstances: async (calls, groups, options) => {
    if (groups.length === 0)
      return { outcome: "unknown", detail: "no group of the policies was found to ask it for" };
    const outcomes = await Promise.all(
      groups.slice(0, GROUPS_MAX).map(async (name) => {
        const input = {
          AutoScalingGroupName: name,
          InstanceIds: [NO_INSTANCE],
          ShouldDecrementDesiredCapacity: true,
        };
        return await outcomeOf(async () => await calls.DetachInstances(input, options), options);
      }),
    );
    return worstOf(outcomes);
  },
  SetDesiredCapacity: async (calls, _groups, options) => {
    const input = { AutoScalingGroupName: NO_GROUP, DesiredCapacity: 0, HonorCooldown: false };
    return unlessTagged(await outcomeOf(async () => await calls.SetDesiredCapacity(input, options), options));
  },
  TerminateInstanceInAutoScalingGroup: async (calls, _groups, options) => {
    const input = { InstanceId: NO_INSTANCE, ShouldDecrementDesiredCapacity: true };
    return unlessTagged(
      await outcomeOf(async () => await calls.TerminateInstanceInAutoScalingGroup(input, options), options),
    );
  },
};

/** Reads are made, of one record. */
function reading(
  call:
    | "DescribeAutoScalingGroups"
    | "DescribeScalingActivities"
    | "DescribePolicies"
    | "DescribeScheduledActions",
): Asking {
  return async (calls, _groups, options) =>
    await outcomeOf(async () => await calls[call]({ MaxRecords: 1 }, options), options);
}

/** One answer for each call of calls.ts. Rejects by the signal alone. */
export async function probeAws(
  calls: AwsCalls & Ec2Calls,
  groups: readonly string[],
  options: CallOptions,
): Promise<readonly ProbeAnswer[]> {
  return await Promise.all([
    ...Object.entries(ASKING).map(async ([call, ask]) => ({
      call: `autoscaling:${call}`,
      ...(await ask(calls, groups, options)),
    })),
    probePrices(calls, options),
  ]);
}

/** Any type will do, of any moment: an answer without a price is an answer. */
async function probePrices(calls: Ec2Calls, options: CallOptions): Promise<ProbeAnswer> {
  const at = "2026-01-01T00:00:00Z";
  const input = { instanceTypes: ["p3.2xlarge"], from: at, to: at };
  const asked = await outcomeOf(async () => await calls.DescribeSpotPriceHistory(input, options), options);
  return { call: "ec2:DescribeSpotPriceHistory", ...asked, optional: true };
}

async function outcomeOf(send: () => Promise<unknown>, { signal }: CallOptions): Promise<Outcome> {
  try {
    await send();
    return { outcome: "allowed" };
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof AppError) || SAYS_NOTHING_OF_RIGHTS.includes(error.kind))
      return { outcome: "unknown", detail: describe(error) };
    return error.kind === "denied" ? { outcome: "denied", detail: error.message } : { outcome: "allowed" };
  }
}

/**
 * A thing that does not exist bears no tag, so a right that asks for one is refused there as a missing right is. Only a
 * statement that denies, or credentials of which AWS wants to know nothing, are the same for every group.
 */
function unlessTagged({ outcome, detail = "" }: Outcome): Outcome {
  const isForAll = /explicit deny/i.test(detail) || !/not authorized to perform/i.test(detail);
  return outcome !== "denied" || isForAll
    ? { outcome, ...(detail === "" ? {} : { detail }) }
    : {
        outcome: "unknown",
        detail: `refused where nothing bears the tag that the right may ask for, and no harmless call asks for a group that does (${detail})`,
      };
}

/** One group that is refused is one too many. */
function worstOf(outcomes: readonly Outcome[]): Outcome {
  return (
    outcomes.find(({ outcome }) => outcome === "denied") ??
    outcomes.find(({ outcome }) => outcome === "unknown") ?? { outcome: "allowed" }
  );
}
