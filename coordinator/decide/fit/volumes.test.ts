import { describe, expect, test } from "vitest";

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import type { PlaceOptions } from "../../../test/build/place.ts";
import type { NodeTerm, VolumeInput } from "../snapshot-pod.ts";
import { volumes } from "./volumes.ts";

const inZone = (...values: string[]): readonly NodeTerm[] => [
  { labels: [{ key: NODE_LABEL.zone, operator: "In", values }], names: [] },
];
const bound = (
  claim: string,
  nodeTerms: readonly NodeTerm[] | null,
  driver: string | null = null,
): VolumeInput => ({
  kind: "bound",
  claim,
  nodeTerms,
  driver,
});

const CASES: readonly (readonly [string, VolumeInput, PlaceOptions, object | null])[] = [
  ["a volume of the zone", bound("data", inZone("a")), { zone: "a" }, null],
  [
    "a volume of another zone",
    bound("data", inZone("b")),
    { zone: "a" },
    { code: "volume-zone", claim: "data", zones: ["b"] },
  ],
  [
    "a volume of a zone and a pool of several",
    bound("data", inZone("b", "a")),
    {},
    { code: "volume-zone", zones: ["a", "b"] },
  ],
  ["a volume that may be anywhere", bound("data", null), {}, null],
  [
    "one that is made where the pod goes, within zones",
    { kind: "first-consumer", claim: "data", nodeTerms: inZone("a", "b"), driver: null },
    { zone: "c" },
    { code: "volume-zone", zones: ["a", "b"] },
  ],
  [
    "one that is made where the pod goes",
    { kind: "first-consumer", claim: "data", nodeTerms: null, driver: null },
    {},
    null,
  ],
  [
    "a claim that is not there",
    { kind: "missing", claim: "data" },
    {},
    { code: "volume-missing", claim: "data" },
  ],
  [
    "a claim that nobody binds",
    { kind: "unbound", claim: "data" },
    {},
    { code: "volume-unbound", claim: "data" },
  ],
  [
    "a claim whose volume is gone",
    { kind: "lost", claim: "data" },
    {},
    { code: "volume-lost", claim: "data" },
  ],
];

describe("volumes", () => {
  test.each(CASES)("%s", (_, volume, there, reason) => {
    const pod = podWith("p", { volumes: [volume] });
    const refusal = volumes.refusal(pod, place(there), contextOf([pod]));
    if (reason === null) expect(refusal).toBeNull();
    else expect(refusal).toMatchObject(reason);
  });

  test("a volume on one host is reached on that host alone", () => {
    const local = [
      { labels: [{ key: NODE_LABEL.hostname, operator: "In" as const, values: ["n1"] }], names: [] },
    ];
    const pod = podWith("p", { volumes: [bound("data", local)] });
    const labels = { [NODE_LABEL.hostname]: "n1" };
    expect(volumes.refusal(pod, place({ kind: "node", labels }), contextOf([pod]))).toBeNull();
    expect(volumes.refusal(pod, place(), contextOf([pod]))).toMatchObject({ zones: ["n1"] });
  });

  test.each<readonly [string, readonly string[], readonly string[], number | undefined, boolean]>([
    ["fewer than the limit", ["a"], ["x"], 2, true],
    ["as many as the limit, and one more", ["a"], ["x", "y"], 2, false],
    ["one that is attached already", ["a"], ["default/a", "y"], 2, true],
    ["one attached and one new", ["a", "b"], ["default/a", "y"], 2, false],
    ["the same claim twice", ["a", "a"], ["x"], 2, true],
    ["more than an empty node takes", ["a", "b", "c"], [], 2, false],
    ["a limit that nobody knows", ["a", "b", "c"], [], undefined, true],
  ])("attaching %s", (_, claims, inUse, limit, expected) => {
    const pod = podWith("p", { volumes: claims.map((claim) => bound(claim, null, "ebs")) });
    const there = place({
      volumes: new Map([["ebs", new Set(inUse)]]),
      volumeLimits: limit === undefined ? { other: 0 } : { ebs: limit },
    });
    expect(volumes.refusal(pod, there, contextOf([pod]))).toEqual(
      expected ? null : { code: "volume-limit", pool: "demo/gpu", driver: "ebs", limit },
    );
  });
});
