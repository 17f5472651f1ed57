// The rights that operators give are exactly the calls that the code makes, both ways, and every call that changes
// something is bound to groups with our tag.

import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { AWS_CALLS, EC2_CALLS } from "../../../coordinator/cloud/aws/calls.ts";
import { AWS_TAG } from "../../../shared/model/names.ts";

interface Statement {
  readonly Effect: string;
  readonly Action: readonly string[];
  readonly Resource: string;
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

const { Statement: statements } = JSON.parse(
  readFileSync(new URL("policy.json", import.meta.url), "utf8"),
) as { readonly Statement: readonly Statement[] };

const CALLS: readonly (readonly [string, { readonly writes: boolean }])[] = [
  ...Object.entries(AWS_CALLS).map(([name, call]) => [`autoscaling:${name}`, call] as const),
  ...Object.entries(EC2_CALLS).map(([name, call]) => [`ec2:${name}`, call] as const),
];

const actionsOf = (writes: boolean): readonly string[] =>
  CALLS.filter(([, call]) => call.writes === writes)
    .map(([name]) => name)
    .toSorted();

test("allows the calls of the code and no other", () => {
  expect(statements.map(({ Effect }) => Effect)).toEqual(statements.map(() => "Allow"));
  const allowed = statements.flatMap(({ Action }) => Action).toSorted();
  expect(allowed).toEqual([...actionsOf(false), ...actionsOf(true)].toSorted());
});

test("calls that change something reach groups with our tag alone", () => {
  const free = statements.filter(({ Condition }) => Condition === undefined);
  expect(free.flatMap(({ Action }) => Action).toSorted()).toEqual(actionsOf(false));
  const bound = statements.filter(({ Condition }) => Condition !== undefined);
  expect(bound.flatMap(({ Action }) => Action).toSorted()).toEqual(actionsOf(true));
  for (const { Condition, Resource } of bound) {
    expect(Condition).toEqual({ StringEquals: { [`autoscaling:ResourceTag/${AWS_TAG.enabled}`]: "true" } });
    expect(Resource).toContain(":autoScalingGroup:");
  }
});
