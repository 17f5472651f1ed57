import { expect, test } from "vitest";

import type { Machine } from "../../shared/model/kube.ts";
import { machineRefusal } from "./machine-refusal.ts";

const REFUSED = "failed to run instance: InsufficientInstanceCapacity: no p5.48xlarge in zone a";

function machine(status: string, message: string, providerID?: string): Machine {
  const condition = { type: "InfrastructureReady", status, reason: "InstanceProvisionFailed", message };
  return {
    metadata: { name: "m" },
    spec: providerID === undefined ? {} : { providerID },
    status: { phase: "Provisioning", conditions: [{ type: "Ready", status: "False" }, condition] },
  };
}

test("reads the cloud's code out of the condition", () => {
  expect(machineRefusal(machine("False", REFUSED))).toEqual({ kind: "no-capacity", detail: REFUSED });
  expect(machineRefusal(machine("False", "VcpuLimitExceeded: 32"))).toMatchObject({ kind: "quota" });
});

test.each([
  ["names no code", machine("False", "* InstanceReady: instance is being created")],
  ["is of a Machine that has its instance", machine("False", REFUSED, "aws:///a/i-1")],
  ["is true", machine("True", REFUSED)],
  ["is not known", machine("Unknown", REFUSED)],
  ["is not there", { metadata: { name: "m" } }],
])("sees no refusal in a condition that %s", (_, given) => {
  expect(machineRefusal(given)).toBeUndefined();
});
