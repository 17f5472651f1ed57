// The rights that operators give are exactly those of the calls that the code makes, both ways, and each call is one that
// Google's own description has, by its method and path.

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";
import { parse } from "yaml";

import { GCP_CALLS } from "../../../coordinator/cloud/gcp/calls.ts";
import { DISCOVERY } from "../../../test/world/cloud/gcp-discovery.ts";

const role = parse(readFileSync(new URL("role.yaml", import.meta.url), "utf8")) as {
  readonly includedPermissions: readonly string[];
};

test("allows the calls of the code and no other", () => {
  const needed = Object.values(GCP_CALLS).flatMap(({ permission }) => permission ?? []);
  expect(role.includedPermissions).toEqual([...new Set<string>(needed)].toSorted());
});

test("every call is one of Google's, and the fixture has no other", () => {
  const called = Object.values(GCP_CALLS).map(({ method }) => method);
  expect(called.toSorted()).toEqual(Object.keys(DISCOVERY.methods).toSorted());
});

test("nothing but the group's own machines is written: rights that end in update, create or delete are one", () => {
  const writing = role.includedPermissions.filter((right) => !/\.(?:get|list)$/.test(right));
  expect(writing).toEqual(["compute.instanceGroupManagers.update"]);
});
