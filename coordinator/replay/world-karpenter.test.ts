import { describe, expect, test } from "vitest";

import { KARPENTER } from "../../shared/model/names.ts";
import { after, epochMs, millis } from "../../shared/model/units.ts";
import { aQuickPool } from "../../test/build/scene.ts";
import type { NodePoolShape } from "./world-options.ts";
import { createWorld } from "./world.ts";
import type { World } from "./world.ts";

const START = epochMs(Date.UTC(2026, 0, 1));

function aWorld(overrides: Partial<NodePoolShape> = {}): World {
  const { namespace: _, ...shape } = aQuickPool({
    name: "gpu",
    bootMs: millis(30_000),
    readyMs: millis(5_000),
  });
  const world = createWorld({
    start: START,
    seed: 7,
    heartbeatMs: null,
    nodePools: [{ ...shape, replicas: 2, ...overrides }],
  });
  world.advance(after(world.now, millis(120_000)));
  return world;
}

function resize(world: World, replicas: number): void {
  const pool = world.get("nodepools", { name: "gpu" });
  if (pool === null) throw new Error("no NodePool");
  world.put("nodepools", { ...pool, spec: { ...pool.spec, replicas } });
}

const claims = (world: World) => world.list("nodeclaims").map(({ metadata }) => metadata.name);
const pass = (world: World, ms: number): void => world.advance(after(world.now, millis(ms)));

describe("a static NodePool of the world", () => {
  test("launches a claim, registers its node and makes it ready, each with its condition", () => {
    const world = aWorld();
    const [claim] = world.list("nodeclaims");
    expect(claim?.metadata.labels).toMatchObject({ [KARPENTER.nodePool]: "gpu" });
    expect(claim?.status?.conditions?.map(({ type }) => type)).toEqual(["Launched", "Registered"]);
    const node = world.get("nodes", { name: claim?.status?.nodeName ?? "" });
    expect(node?.spec?.providerID).toBe(claim?.status?.providerID);
    expect(node?.metadata.labels).toMatchObject({ [KARPENTER.nodePool]: "gpu" });
    expect(world.get("nodepools", { name: "gpu" })?.status).toMatchObject({ nodes: 2 });
  });

  test("lets the pods of a claim that goes end first", () => {
    const world = aWorld({ replicas: 1 });
    world.submitService({ name: "serve", replicas: 1, gpus: 8 });
    pass(world, 5_000);
    const [name = ""] = claims(world);
    world.remove("nodeclaims", { name });
    expect(world.get("nodeclaims", { name })?.metadata.deletionTimestamp).toBeDefined();
    pass(world, 10_000);
    expect(world.get("nodeclaims", { name })).toBeNull();
    const exits = world.ledger.flatMap((fact) => (fact.kind === "pod-exited" ? [fact.why] : []));
    expect(exits).toEqual(["clean"]);
  });

  test("ends empty nodes before those with pods", () => {
    const world = aWorld();
    world.submitService({ name: "serve", replicas: 1, gpus: 8 });
    pass(world, 5_000);
    const busy = world.list("pods")[0]?.spec.nodeName;
    resize(world, 1);
    pass(world, 60_000);
    expect(world.list("nodeclaims").map(({ status }) => status?.nodeName)).toEqual([busy]);
  });

  test("makes no more claims than limits.nodes allows, those that are going included", () => {
    const world = aWorld({ nodeLimit: 3 });
    resize(world, 9);
    pass(world, 60_000);
    expect(claims(world)).toHaveLength(3);
  });

  test("deletes a claim without a machine with an event, and tries again", () => {
    const world = aWorld();
    world.setCapacity("gpu", 2);
    resize(world, 3);
    pass(world, 30_000);
    expect(world.list("nodeclaims").filter(({ status }) => status?.providerID !== undefined)).toHaveLength(2);
    expect(world.ledger.filter(({ kind }) => kind === "machine-starved").length).toBeGreaterThan(1);
    world.setCapacity("gpu", null);
    pass(world, 60_000);
    expect(claims(world)).toHaveLength(3);
    expect(world.list("nodes")).toHaveLength(3);
  });

  test("replaces a node that the provider takes", () => {
    const world = aWorld();
    const [gone, stays] = world.list("nodeclaims");
    world.interrupt(gone?.status?.nodeName ?? "", world.now);
    pass(world, 120_000);
    expect(claims(world)).toHaveLength(2);
    expect(claims(world)).toContain(stays?.metadata.name);
    expect(claims(world)).not.toContain(gone?.metadata.name);
  });

  test("loses a claim at the notice where its provider's own controller hears of it, and makes the next at once", () => {
    const world = aWorld({ deletesAtNotice: true });
    const [gone] = world.list("nodeclaims");
    world.interrupt(gone?.status?.nodeName ?? "", after(world.now, millis(120_000)));
    pass(world, 60_000);
    expect(claims(world)).toHaveLength(2);
    expect(claims(world)).not.toContain(gone?.metadata.name);
    pass(world, 120_000);
    expect(world.list("nodes")).toHaveLength(2);
  });

  test("goes with its claims", () => {
    const world = aWorld();
    world.remove("nodepools", { name: "gpu" });
    pass(world, 60_000);
    expect(claims(world)).toEqual([]);
    expect(world.list("nodes")).toEqual([]);
  });

  test("does the same again with the same seed", () => {
    const ledgers = [aWorld(), aWorld()].map((world) => {
      resize(world, 4);
      world.remove("nodeclaims", { name: claims(world)[0] ?? "" });
      pass(world, 120_000);
      return JSON.stringify(world.ledger);
    });
    expect(ledgers[0]).toBe(ledgers[1]);
  });
});

test("a dynamic NodePool keeps the claims that it has, and makes none", () => {
  const { namespace: _, ...shape } = aQuickPool({ name: "gpu" });
  const world = createWorld({
    start: START,
    seed: 7,
    heartbeatMs: null,
    nodePools: [{ ...shape, claims: 2 }],
  });
  pass(world, 120_000);
  expect(claims(world)).toHaveLength(2);
  world.remove("nodeclaims", { name: claims(world)[0] ?? "" });
  pass(world, 120_000);
  expect(claims(world)).toHaveLength(1);
});
