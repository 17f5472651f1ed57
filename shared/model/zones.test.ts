import { expect, test } from "vitest";

import { regionOfZone, zoneLabelOf } from "./zones.ts";

test.each([
  ["aws", "us-west-2a", "us-west-2"],
  ["aws", "us-gov-west-1b", "us-gov-west-1"],
  ["aws", "us-west-2-lax-1a", "us-west-2"],
  ["aws", "us-central1-a", null],
  ["gcp", "us-central1-a", "us-central1"],
  ["gcp", "northamerica-northeast1-c", "northamerica-northeast1"],
  ["gcp", "us-west-2a", null],
  ["azure", "westus2-1", "westus2"],
  ["azure", "1", null],
  ["custom", "us-west-2a", null],
  ["constructor", "us-west-2a", null],
  ["aws", "", null],
])("%s zone %o lies in %o", (provider, zone, region) => {
  expect(regionOfZone(provider, zone)).toBe(region);
});

test("a numbered zone of Azure is labelled with its region", () => {
  expect(zoneLabelOf("azure", "eastus", "2")).toBe("eastus-2");
  expect(zoneLabelOf("azure", null, "2")).toBeNull();
  expect(zoneLabelOf("azure", "eastus", "eastus-2")).toBe("eastus-2");
  expect(zoneLabelOf("aws", null, "us-west-2a")).toBe("us-west-2a");
});
