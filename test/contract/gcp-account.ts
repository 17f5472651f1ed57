// Our Google Cloud back end as the contract's harnesses make it: an account at an endpoint of the test, with a token that
// the stand-in takes, and nothing that paces its calls.

import type { CloudAccount } from "../../coordinator/cloud/account.ts";
import { createGcpAccount } from "../../coordinator/cloud/gcp/account.ts";
import { within } from "../../coordinator/cloud/within.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { GcpCloud } from "../world/cloud/gcp.ts";

export const ZONE = "us-central1-a";

export async function gcpAccountAt(
  { endpoints, token, project }: Pick<GcpCloud, "endpoints" | "token" | "project">,
  clock: Clock = systemClock,
): Promise<CloudAccount> {
  const { account } = await createGcpAccount({
    project,
    endpoints,
    token: async () => await Promise.resolve(token),
    clock,
    limiter: { run: async (call, limits, send) => await within(clock, limits, call, send) },
  });
  return account;
}
