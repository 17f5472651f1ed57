import { expect, test } from "vitest";

import type { GroupTemplate } from "../snapshot.ts";
import { saneTemplate } from "./sane-template.ts";

const TEMPLATE: GroupTemplate = {
  instanceTypes: ["p3.2xlarge"],
  labels: { disk: "nvme" },
  taints: [{ key: "a", effect: "NoSchedule" }],
  allocatable: { cpu: 8_000, "nvidia.com/gpu": 1 },
};
const broken = (part: object): GroupTemplate => ({ ...TEMPLATE, ...part });
const without = (name: keyof GroupTemplate): GroupTemplate =>
  Object.fromEntries(Object.entries(TEMPLATE).filter(([key]) => key !== name));

test("what is well stays the object that it was", () => {
  expect(saneTemplate(TEMPLATE)).toBe(TEMPLATE);
  const empty: GroupTemplate = {};
  expect(saneTemplate(empty)).toBe(empty);
});

test("what is none is not told", () => {
  for (const odd of [undefined, null, 7, "x", []]) expect(saneTemplate(odd as never)).toBeUndefined();
});

test.each([
  ["instanceTypes", [7]],
  ["labels", { disk: 7 }],
  ["taints", [{ key: "a", effect: "Sometimes" }]],
  ["allocatable", "all"],
] as const)("of a part that cannot be read nothing is told: %s", (name, value) => {
  expect(saneTemplate(broken({ [name]: value }))).toEqual(without(name));
});

test("an amount that cannot be is left out alone", () => {
  expect(
    saneTemplate(broken({ allocatable: { cpu: Number.NaN, "nvidia.com/gpu": 1 } }))?.allocatable,
  ).toEqual({
    "nvidia.com/gpu": 1,
  });
});
