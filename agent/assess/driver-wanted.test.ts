import { expect, test } from "vitest";

import { driverWantedBy } from "./driver-wanted.ts";

test.each([
  [
    "a part of the operator that is paused",
    "nvidia.com/gpu.deploy.dcgm-exporter",
    "paused-for-driver-upgrade",
    true,
  ],
  ["another part", "nvidia.com/gpu.deploy.device-plugin", "paused-for-driver-upgrade", true],
  ["a part that runs", "nvidia.com/gpu.deploy.dcgm-exporter", "true", false],
  ["a part that was switched off by a person", "nvidia.com/gpu.deploy.dcgm-exporter", "false", false],
  ["a foreign label", "example.com/gpu.deploy.x", "paused-for-driver-upgrade", false],
])("%s", (_, label, value, asks) => {
  expect(driverWantedBy({ "kubernetes.io/os": "linux", [label]: value })).toBe(asks ? label : null);
});

test("a node without labels, or not seen yet, asks for nothing", () => {
  expect(driverWantedBy({})).toBeNull();
  expect(driverWantedBy(undefined)).toBeNull();
});
