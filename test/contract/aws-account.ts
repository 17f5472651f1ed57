// Our AWS back end as the contract's harnesses make it: an account over the SDK at an endpoint of the test, with
// credentials that a stand-in takes, and nothing that paces its calls.

import { createAwsAccount } from "../../coordinator/cloud/aws/account.ts";
import type { AwsAccount } from "../../coordinator/cloud/aws/account.ts";
import { systemClock } from "../../shared/runtime/clock.ts";

export const REGION = "us-west-2";

export async function awsAccountAt(endpoint: string, region = REGION): Promise<AwsAccount> {
  return await createAwsAccount({
    region,
    endpoint,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
    clock: systemClock,
    limiter: { run: async (_call, { signal }, send) => await send(signal) },
  });
}
