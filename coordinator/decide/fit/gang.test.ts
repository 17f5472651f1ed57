import { expect, test } from "vitest";

import type { Reason } from "../../../shared/model/reasons.ts";
import { contextOf, place, podWith } from "../../../test/build/place.ts";
import { gang } from "./gang.ts";

const SHORT: Reason = { code: "gang-incomplete", gang: "default/job", have: 1, need: 2 };

test("gang asks for members alone", () => {
  const member = podWith("m", { gang: { id: "default/job", minimum: 2, source: "annotation" } });
  const single = podWith("s");
  const context = contextOf([member, single], [], { gangOf: () => SHORT });
  expect(gang.refusal(member, place(), context)).toEqual(SHORT);
  expect(gang.refusal(single, place(), context)).toBeNull();
  expect(gang.refusal(member, place(), contextOf([member]))).toBeNull();
});
