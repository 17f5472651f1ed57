import { describe, expect, test } from "vitest";

import type { Scale } from "../../../shared/model/kube.ts";
import { millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { createDiscovery } from "../../../shared/runtime/kube/resources.ts";
import { aQuickPool } from "../../../test/build/scene.ts";
import { aWorldClient } from "../../../test/build/world-client.ts";
import type { WorldClient } from "../../../test/build/world-client.ts";
import { createScaleGroup } from "./create.ts";
import { scaleKindOf } from "./kinds.ts";
import { createPlainGroup } from "./scaled.ts";

/** Any object with a scale does: here one whose kind we take for unknown. */
const TARGET = {
  apiVersion: "cluster.x-k8s.io/v1beta1",
  kind: "MachineDeployment",
  name: "spot-a",
  namespace: "default",
};
const options = () => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) });

function plain({ client }: WorldClient, target = TARGET) {
  return createPlainGroup({
    client,
    discover: createDiscovery(client),
    target,
    defaultNamespace: "default",
    clock: systemClock,
  });
}

describe("a group of which only the scale is known", () => {
  test("is read, and raised over what was read", async () => {
    await using made = await aWorldClient(1);
    const group = plain(made);
    const seen = await group.read(options());
    expect(seen.size).toBe(1);
    await group.resize(3, seen, options());
    await expect(group.resize(5, seen, options())).rejects.toMatchObject({ kind: "conflict" });
    expect((await group.read(options())).size).toBe(3);
  });

  test("takes a scale without a number for zero, which is how a server writes it", async () => {
    await using made = await aWorldClient(0);
    expect((await plain(made).read(options())).size).toBe(0);
  });

  test.each([
    ["no spec", {}],
    ["a size that is none", { spec: { replicas: -1 } }],
    ["a size that is no number", { spec: { replicas: "2" } }],
  ])("takes an answer with %s for no answer", async (_, part) => {
    await using made = await aWorldClient();
    const answer = { metadata: { name: "spot-a", resourceVersion: "7" }, status: { replicas: 2 }, ...part };
    const client = { ...made.client, getScale: async () => await Promise.resolve(answer as Scale) };
    await expect(plain({ ...made, client }).read(options())).rejects.toMatchObject({ kind: "malformed" });
  });

  test("removes, releases and cancels nothing, and says why", async () => {
    await using made = await aWorldClient(2);
    const group = plain(made);
    const seen = await group.read(options());
    for (const call of [
      group.removeInstance("m-1", seen, options()),
      group.releaseInstance("m-1", seen, options()),
      group.cancelUnfilled(1, seen, options()),
    ])
      await expect(call).rejects.toMatchObject({
        kind: "refused",
        message: expect.stringContaining("picks its own victim") as string,
      });
    await group.keepInstance("m-1", options());
    expect(await group.contains("m-1", options())).toBe(true);
    expect(made.server.audit.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("that is gone contains nobody", async () => {
    await using made = await aWorldClient(1);
    expect(await plain(made, { ...TARGET, name: "other" }).contains("m-1", options())).toBe(false);
  });

  test("says that its kind has no scale, or is not there", async () => {
    await using made = await aWorldClient();
    const of = async (apiVersion: string, kind: string) =>
      await plain(made, { ...TARGET, apiVersion, kind, name: "n" }).read(options());
    await expect(of("v1", "Node")).rejects.toMatchObject({ kind: "refused" });
    await expect(of("apps.example/v1", "Fleet")).rejects.toMatchObject({ kind: "not-found" });
  });
});

test.each([
  ["cluster.x-k8s.io/v1beta2", "MachineDeployment", "machine-deployment"],
  ["cluster.x-k8s.io/v1beta1", "MachinePool", "machine-pool"],
  ["karpenter.sh/v1", "NodePool", "node-pool"],
  ["cluster.x-k8s.io/v1beta1", "MachineSet", "other"],
  ["karpenter.sh.example/v1", "NodePool", "other"],
  ["apps/v1", "NodePool", "other"],
] as const)("%s %s: %s", (apiVersion, kind, expected) => {
  expect(scaleKindOf({ apiVersion, kind })).toBe(expected);
});

test("the group behind a MachinePool removes nothing, one behind a NodePool and a MachineDeployment does", async () => {
  const shape = aQuickPool({ replicas: 1 });
  await using made = await aWorldClient(1, { machinePools: [shape] });
  const chosenRemoval = (apiVersion: string, kind: string) =>
    createScaleGroup({
      client: made.client,
      discover: createDiscovery(made.client),
      target: { apiVersion, kind, name: "spot-a" },
      defaultNamespace: "default",
      clock: systemClock,
    }).chosenRemoval;
  expect(chosenRemoval("cluster.x-k8s.io/v1beta1", "MachinePool")).toBe(false);
  expect(chosenRemoval("cluster.x-k8s.io/v1beta1", "MachineDeployment")).toBe(true);
  expect(chosenRemoval("karpenter.sh/v1", "NodePool")).toBe(true);
  expect(chosenRemoval("apps/v1", "Deployment")).toBe(false);
});

test("finding out where a kind is served is part of the call, and ends with it", async () => {
  await using made = await aWorldClient(1);
  // Longer than a test may take.
  made.server.faults.set({ kind: "slow", ms: millis(60_000) });
  const call = { ...options(), deadlineMs: millis(100) };
  await expect(plain(made).read(call)).rejects.toMatchObject({ kind: "timeout" });
});
