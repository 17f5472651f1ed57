import { describe, expect, test } from "vitest";

import type { Machine } from "../../shared/model/kube.ts";
import { claimFailure, machineFailure, noCapacity } from "./machine-failure.ts";

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

describe("a NodeClaim", () => {
  test.each([
    ["Unknown", "LaunchFailed", "creating instance, UnauthorizedOperation: not authorized", "denied"],
    ["Unknown", "LaunchFailed", "creating instance, VcpuLimitExceeded", "quota"],
    ["False", "InsufficientCapacity", "", "no-capacity"],
    ["Unknown", "Unauthorized", "no", "denied"],
    ["Unknown", "LaunchFailed", "something else", "unavailable"],
  ])("that is %s to be launched, %s: %s: %s", (status, reason, message, kind) => {
    const conditions = [{ type: "Launched", status, reason, message }];
    expect(claimFailure({ metadata: { name: "gpu-1" }, status: { conditions } })).toEqual({
      kind,
      detail: message === "" ? reason : message,
    });
  });

  test.each([
    ["has been launched", [{ type: "Launched", status: "True", reason: "Launched" }]],
    [
      "waits for its first attempt",
      [{ type: "Launched", status: "Unknown", reason: "AwaitingReconciliation" }],
    ],
    ["has no condition yet", []],
  ])("that %s has not failed", (_, conditions) => {
    expect(claimFailure({ metadata: { name: "gpu-1" }, status: { conditions } })).toBeUndefined();
  });

  test.each([
    ["NodeClaim gpu-1 event: all requested instance types were unavailable", "no-capacity"],
    ["NodeClaim gpu-1 event: MaxSpotInstanceCountExceeded", "quota"],
  ])("was deleted with %s: %s", (message, kind) => {
    expect(noCapacity(message)).toEqual({ kind, detail: message });
  });
});
