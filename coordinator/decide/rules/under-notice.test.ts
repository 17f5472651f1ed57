import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { notice, snapshot } from "../../../test/build/snapshot.ts";
import { underNotice } from "./under-notice.ts";

test("a node under notice is left to its agent", () => {
  const input = snapshot({ nodes: [node("n1"), node("n2")], notices: [notice("n1")] });
  expect(verdict(underNotice, input)).toEqual({ code: "node-under-notice", node: "n1" });
  expect(verdict(underNotice, input, "n2")).toBeNull();
});
