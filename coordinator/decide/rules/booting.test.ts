import { expect, test } from "vitest";

import { verdict } from "../../../test/build/candidate.ts";
import { node } from "../../../test/build/node.ts";
import { MINUTE } from "../../../test/build/now.ts";
import { policy, pool } from "../../../test/build/policy.ts";
import { snapshot } from "../../../test/build/snapshot.ts";
import { booting } from "./booting.ts";

test("a node that is not ready yet is still starting", () => {
  const input = snapshot({ nodes: [node("n1", { ready: "not-ready", ageMs: 3 * MINUTE })] });
  expect(verdict(booting, input)).toEqual({ code: "node-booting", node: "n1" });
});

test("a Ready node whose GPUs are not advertised yet is still starting", () => {
  const input = snapshot({ nodes: [node("n1", { gpus: 0, ageMs: 3 * MINUTE })] });
  expect(verdict(booting, input)).toEqual({ code: "node-booting", node: "n1" });
});

test("a node that has not been ready for long is ill, not idle", () => {
  const input = snapshot({ nodes: [node("n1", { ready: "unknown", ageMs: 60 * MINUTE })] });
  expect(verdict(booting, input)?.code).toBe("node-not-removable");
});

test("a Ready node of a pool without GPUs is up", () => {
  const input = snapshot({
    nodes: [node("n1", { gpus: 0, ageMs: MINUTE })],
    policies: [policy({ pools: [pool("spot", { gpus: 0 })] })],
  });
  expect(verdict(booting, input)).toBeNull();
});
