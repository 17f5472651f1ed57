import { expect, test } from "vitest";

import { machine } from "./bodies.ts";
import { failureIn, isAtRest, standingOf } from "./states.ts";

function aMachine(provisioningState: string, ...codes: readonly string[]) {
  return machine.parse({
    name: "gpu_7",
    instanceId: "7",
    properties: { provisioningState, instanceView: { statuses: codes.map((code) => ({ code })) } },
  });
}

test.each([
  ["Creating", [], "counted"],
  ["Creating", ["PowerState/starting"], "counted"],
  ["Updating", ["PowerState/running"], "counted"],
  ["Succeeded", ["PowerState/running"], "counted"],
  ["Succeeded", [], "counted"],
  ["Migrating", ["PowerState/running"], "counted"],
  ["SomethingNew", [], "counted"],
  ["constructor", [], "counted"],
  ["Failed", ["ProvisioningState/failed/AllocationFailed"], "failed"],
  // Azure has shown nothing of it: it may be running.
  ["Failed", [], "counted"],
  ["Failed", ["PowerState/stopped"], "failed"],
  // An extension has failed: there is a machine all the same.
  ["Failed", ["PowerState/running"], "counted"],
  ["Succeeded", ["PowerState/deallocated"], "stopped"],
  ["Updating", ["PowerState/deallocating"], "stopped"],
  ["Succeeded", ["PowerState/Stopped"], "stopped"],
  ["Deleting", ["PowerState/running"], "leaving"],
  ["Deleting", ["PowerState/deallocated"], "leaving"],
])("a machine that is %s with %j is %s", (state, codes, standing) => {
  expect(standingOf(aMachine(state, ...codes))).toBe(standing);
});

test("only a machine that runs and on which nothing is done is at rest", () => {
  expect(isAtRest(aMachine("Succeeded", "PowerState/running"))).toBe(true);
  expect(isAtRest(aMachine("Updating", "PowerState/running"))).toBe(false);
  expect(isAtRest(aMachine("Succeeded"))).toBe(false);
});

test("the reason is what stands behind the failed state", () => {
  expect(failureIn(aMachine("Failed", "ProvisioningState/failed/AllocationFailed"))).toEqual({
    code: "AllocationFailed",
    message: "",
  });
  expect(failureIn(aMachine("Failed", "ProvisioningState/failed"))).toEqual({ code: "", message: "" });
  expect(failureIn(aMachine("Failed", "PowerState/running"))).toBeNull();
});
