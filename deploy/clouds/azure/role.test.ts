// The rights that operators give are exactly those of the calls that the code makes, both ways, and none of them is a
// pattern.

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { AZURE_CALLS } from "../../../coordinator/cloud/azure/calls.ts";

const role = JSON.parse(readFileSync(new URL("role.json", import.meta.url), "utf8")) as {
  readonly Actions: readonly string[];
  readonly NotActions: readonly string[];
  readonly DataActions: readonly string[];
};

test("allows the calls of the code and no other", () => {
  const needed = new Set(Object.values(AZURE_CALLS).flatMap(({ rights }): readonly string[] => rights));
  expect(role.Actions).toEqual([...needed].toSorted());
  expect(role.DataActions).toEqual([]);
});

test("names each right in full", () => {
  expect(role.Actions.filter((action) => action.includes("*"))).toEqual([]);
  expect(role.NotActions).toEqual([]);
});

test("gives the right to change something for no call that only reads", () => {
  const wrong = Object.entries(AZURE_CALLS).filter(
    ([, { writes, rights }]) => rights.every((right) => right.endsWith("/read")) === writes,
  );
  expect(wrong).toEqual([]);
});
