import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { removable } from "./removable.ts";

const withPool = (options: Parameters<typeof pool>[1]) =>
  snapshot({ nodes: [node("n1")], policies: [policy({ pools: [pool("spot", options)] })] });

test("a listed member of a group that removes by name may go", () => {
  expect(verdict(removable, withPool({}))).toBeNull();
});

test("a group that picks the victim itself gives no node up", () => {
  const input = withPool({ group: { kind: "known", size: 1, chosenRemoval: false } });
  expect(verdict(removable, input)?.code).toBe("node-not-removable");
});

test("a node that its group does not list stays", () => {
  expect(verdict(removable, withPool({ instances: [] }))?.code).toBe("node-not-removable");
});

test("a member that its cloud keeps stays, with the reason, and is not emptied for nothing", () => {
  const detail = "somebody protected i-1 from scale-in";
  const input = withPool({ instances: [{ id: "i-1", node: "n1", state: "ready", keptBecause: detail }] });
  expect(verdict(removable, input)).toEqual({ code: "node-not-removable", node: "n1", detail });
});

test.each([
  [{ kind: "none" }, "no-group"],
  [{ kind: "missing", detail: "404" }, "group-missing"],
  [{ kind: "unknown", detail: "timeout" }, "size-unknown"],
] as const)("no size is written to a group that is %o", (group, code) => {
  expect(verdict(removable, withPool({ group }))?.code).toBe(code);
});

test("spot that is switched off may still shrink", () => {
  const input = snapshot({ nodes: [node("n1")], policies: [policy({ enableSpotInstances: false })] });
  expect(verdict(removable, input)).toBeNull();
});
