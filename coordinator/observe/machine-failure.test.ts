import { expect, test } from "vitest";

import type { Machine } from "../../shared/model/kube.ts";
import { machineFailure } from "./machine-failure.ts";

function failed(failureReason?: string, failureMessage?: string): Machine {
  return {
    metadata: { name: "m", namespace: "machines" },
    status: {
      phase: "Failed",
      ...(failureReason === undefined ? {} : { failureReason }),
      ...(failureMessage === undefined ? {} : { failureMessage }),
    },
  };
}

test.each([
  [
    "CreateError",
    "InsufficientInstanceCapacity: We currently do not have sufficient p3.2xlarge",
    "no-capacity",
  ],
  ["CreateError", "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", "no-capacity"],
  ["CreateError", 'Code="ZonalAllocationFailed"', "no-capacity"],
  ["InsufficientResources", "MaxSpotInstanceCountExceeded: Max spot instance count exceeded", "quota"],
  ["InsufficientResources", "Quota 'NVIDIA_T4_GPUS' exceeded: QUOTA_EXCEEDED", "quota"],
  ["CreateError", "UnauthorizedOperation: You are not authorized", "denied"],
  ["UpdateError", "RequestLimitExceeded", "throttled"],
  ["InsufficientResources", "no more machines", "no-capacity"],
  ["InvalidConfiguration", "no such instance type", "misconfigured"],
  ["JoinClusterTimeout", "", "timed-out"],
  ["CreateError", "timeout trying to connect", "unavailable"],
] as const)("%s, %s: %s", (reason, message, kind) => {
  expect(machineFailure(failed(reason, message))).toEqual({
    kind,
    detail: message === "" ? reason : message,
  });
});

test("a Machine that only says Failed has not said why", () => {
  expect(machineFailure(failed())).toBeUndefined();
});
