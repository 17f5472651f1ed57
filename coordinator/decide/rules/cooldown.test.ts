import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE, NOW } from "../../../test/build/now.ts";
import { policy } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { cooldown } from "./cooldown.ts";

const removedAgo = (pool: string, agoMs: number) =>
  snapshot({
    nodes: [node("n1")],
    policies: [policy({ journal: { lastDownAt: { [pool]: (NOW - agoMs) as typeof NOW } } })],
  });

test("a removal keeps the next one of its pool away for scaleDownCooldownSeconds", () => {
  expect(verdict(cooldown, removedAgo("spot", 4 * MINUTE))).toEqual({
    code: "cooldown",
    direction: "down",
    leftMs: 6 * MINUTE,
  });
  expect(verdict(cooldown, removedAgo("spot", 10 * MINUTE))).toBeNull();
  expect(verdict(cooldown, removedAgo("other", 0))).toBeNull();
});
