import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { synced } from "./synced.ts";

test("a node stays while a list is incomplete", () => {
  const input = snapshot({ nodes: [node("n1")], sync: { kind: "unsynced", missing: ["pods"] } });
  expect(verdict(synced, input)).toEqual({ code: "not-synced", missing: ["pods"] });
});

test("complete lists keep nothing", () => {
  expect(verdict(synced, snapshot({ nodes: [node("n1")] }))).toBeNull();
});
