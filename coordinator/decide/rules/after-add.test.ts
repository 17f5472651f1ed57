import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { policy } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { afterAdd } from "./after-add.ts";

const addedAgo = (agoMs: number) =>
  snapshot({
    nodes: [node("n1")],
    policies: [policy({ journal: { lastUpAt: { spot: (NOW - agoMs) as typeof NOW } } })],
  });

test("an addition keeps removals of its pool away for scaleDownDelayAfterAddSeconds", () => {
  expect(verdict(afterAdd, addedAgo(9 * MINUTE))).toEqual({ code: "after-add", leftMs: MINUTE });
  expect(verdict(afterAdd, addedAgo(10 * MINUTE))).toBeNull();
});
