// The calls that the AWS back end makes, all of them: nothing else is sent to AWS, and the policy in deploy/clouds/aws
// allows exactly these. Each is paced by the account's limiter, ends in time and fails with an AppError. What the
// answers mean is read elsewhere.

import type {
  DescribeAutoScalingGroupsCommandInput,
  DescribeAutoScalingGroupsCommandOutput,
  DescribeInstanceRefreshesCommandInput,
  DescribeInstanceRefreshesCommandOutput,
  DescribePoliciesCommandInput,
  DescribePoliciesCommandOutput,
  DescribeScalingActivitiesCommandInput,
  DescribeScalingActivitiesCommandOutput,
  DescribeScheduledActionsCommandInput,
  DescribeScheduledActionsCommandOutput,
  DetachInstancesCommandInput,
  DetachInstancesCommandOutput,
  SetDesiredCapacityCommandInput,
  SetDesiredCapacityCommandOutput,
  TerminateInstanceInAutoScalingGroupCommandInput,
  TerminateInstanceInAutoScalingGroupCommandOutput,
} from "@aws-sdk/client-auto-scaling";

import type { EpochMs } from "../../../shared/model/units.ts";
import type { CallOptions } from "../group.ts";
import type { Limiter } from "../limiter.ts";
import { translate } from "./errors.ts";

/** Name at AWS, also of the IAM action after `autoscaling:`. */
export const AWS_CALLS = {
  DescribeAutoScalingGroups: { writes: false },
  DescribeScalingActivities: { writes: false },
  DescribePolicies: { writes: false },
  DescribeScheduledActions: { writes: false },
  DescribeInstanceRefreshes: { writes: false },
  SetDesiredCapacity: { writes: true },
  TerminateInstanceInAutoScalingGroup: { writes: true },
  DetachInstances: { writes: true },
} as const satisfies Readonly<Record<string, { readonly writes: boolean }>>;

export type AwsCall = keyof typeof AWS_CALLS;

/** The same of EC2: the IAM action follows `ec2:`. What it tells is worth money and moves nothing, so it may be denied. */
export const EC2_CALLS = {
  DescribeSpotPriceHistory: { writes: false },
} as const satisfies Readonly<Record<string, { readonly writes: boolean }>>;

/** What spot machines of these types have cost lately. */
export interface SpotPriceQuestion {
  readonly instanceTypes: readonly string[];
  /** RFC 3339, both ends: with one instant AWS gives what held then. */
  readonly from: string;
  readonly to: string;
  readonly nextToken?: string;
}

/** As AWS writes it: nothing of it is checked. */
export interface SpotPricePage {
  readonly prices: readonly Readonly<Record<string, unknown>>[];
  readonly nextToken?: string;
}

export interface Ec2Sender {
  DescribeSpotPriceHistory(input: SpotPriceQuestion, signal: AbortSignal): Promise<Answer<SpotPricePage>>;
}

export interface Ec2Calls {
  DescribeSpotPriceHistory(input: SpotPriceQuestion, options: CallOptions): Promise<Answer<SpotPricePage>>;
}

/** As `createAwsCalls`. */
export function createEc2Calls(sender: Ec2Sender, limiter: Pick<Limiter, "run">, region: string): Ec2Calls {
  const name = "DescribeSpotPriceHistory";
  return {
    [name]: async (input, options) =>
      await limiter.run(name, options, async (signal) => {
        try {
          return await sender[name](input, signal);
        } catch (error) {
          signal.throwIfAborted();
          throw translate(error, name, region);
        }
      }),
  };
}

interface Shapes {
  readonly DescribeAutoScalingGroups: [
    DescribeAutoScalingGroupsCommandInput,
    DescribeAutoScalingGroupsCommandOutput,
  ];
  readonly DescribeScalingActivities: [
    DescribeScalingActivitiesCommandInput,
    DescribeScalingActivitiesCommandOutput,
  ];
  readonly DescribePolicies: [DescribePoliciesCommandInput, DescribePoliciesCommandOutput];
  readonly DescribeScheduledActions: [
    DescribeScheduledActionsCommandInput,
    DescribeScheduledActionsCommandOutput,
  ];
  readonly DescribeInstanceRefreshes: [
    DescribeInstanceRefreshesCommandInput,
    DescribeInstanceRefreshesCommandOutput,
  ];
  readonly SetDesiredCapacity: [SetDesiredCapacityCommandInput, SetDesiredCapacityCommandOutput];
  readonly TerminateInstanceInAutoScalingGroup: [
    TerminateInstanceInAutoScalingGroupCommandInput,
    TerminateInstanceInAutoScalingGroupCommandOutput,
  ];
  readonly DetachInstances: [DetachInstancesCommandInput, DetachInstancesCommandOutput];
}

export interface Answer<T> {
  readonly output: T;
  /** By AWS's own clock, so that what it dates can be compared; null when the answer bears no date. */
  readonly at: EpochMs | null;
}

/** What sends them: aws/sdk.ts. */
export type AwsSender = {
  readonly [N in AwsCall]: (input: Shapes[N][0], signal: AbortSignal) => Promise<Answer<Shapes[N][1]>>;
};

export type AwsCalls = {
  readonly [N in AwsCall]: (input: Shapes[N][0], options: CallOptions) => Promise<Answer<Shapes[N][1]>>;
};

/**
 * Each @throws AppError of a kind of aws/codes.ts, what the limiter throws (`timeout`, `throttled`), or the signal's
 * reason.
 */
export function createAwsCalls(sender: AwsSender, limiter: Pick<Limiter, "run">, region: string): AwsCalls {
  const paced =
    <N extends AwsCall>(name: N) =>
    async (input: Shapes[N][0], options: CallOptions): Promise<Answer<Shapes[N][1]>> =>
      await limiter.run(name, options, async (signal) => {
        try {
          return await sender[name](input, signal);
        } catch (error) {
          // Whoever ended it has said why.
          signal.throwIfAborted();
          throw translate(error, name, region);
        }
      });
  return {
    DescribeAutoScalingGroups: paced("DescribeAutoScalingGroups"),
    DescribeScalingActivities: paced("DescribeScalingActivities"),
    DescribePolicies: paced("DescribePolicies"),
    DescribeScheduledActions: paced("DescribeScheduledActions"),
    DescribeInstanceRefreshes: paced("DescribeInstanceRefreshes"),
    SetDesiredCapacity: paced("SetDesiredCapacity"),
    TerminateInstanceInAutoScalingGroup: paced("TerminateInstanceInAutoScalingGroup"),
    DetachInstances: paced("DetachInstances"),
  };
}
