import { describe, expect, test } from "vitest";

import type { Scale } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { createScaleGroup, hasMachines } from "./scale.ts";

const TARGET = {
  apiVersion: "cluster.x-k8s.io/v1beta1",
  kind: "MachineDeployment",
  name: "spot-a",
  namespace: "default",
};
const options = () => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) });

function groupOf({ client }: WorldClient, target: Parameters<typeof createScaleGroup>[0]["target"] = TARGET) {
  return createScaleGroup({ client, discover: createDiscovery(client), target, defaultNamespace: "default" });
}

describe("createScaleGroup()", () => {
  test("reads a size and writes another only over what it read", async () => {
    await using made = await aWorldClient(1);
    const group = groupOf(made);
    const seen = await group.read(options());
    expect(seen.size).toBe(1);
    await group.resize(3, seen, options());
    expect((await group.read(options())).size).toBe(3);
    await expect(group.resize(5, seen, options())).rejects.toMatchObject({ kind: "conflict" });
    expect((await group.read(options())).size).toBe(3);
  });

  test("takes a scale without a number for zero, which is how a server writes it", async () => {
    await using made = await aWorldClient(0);
    const group = groupOf(made);
    const seen = await group.read(options());
    expect(seen.size).toBe(0);
    await group.resize(1, seen, options());
    expect((await group.read(options())).size).toBe(1);
  });

  test.each([
    ["no spec", {}],
    ["a size that is none", { spec: { replicas: -1 } }],
    ["a size that is no number", { spec: { replicas: "2" } }],
  ])("takes an answer with %s for no answer", async (_, part) => {
    await using made = await aWorldClient();
    const answer = { metadata: { name: "spot-a", resourceVersion: "7" }, status: { replicas: 2 }, ...part };
    const client = { ...made.client, getScale: async () => await Promise.resolve(answer as Scale) };
    await expect(groupOf({ ...made, client }).read(options())).rejects.toMatchObject({ kind: "malformed" });
  });

  test("never lowers a number without naming a member", async () => {
    await using made = await aWorldClient(2);
    const group = groupOf(made);
    await expect(group.resize(1, await group.read(options()), options())).rejects.toMatchObject({
      kind: "bug",
    });
    expect((await group.read(options())).size).toBe(2);
  });

  test("says that the object is missing, and that its kind is", async () => {
    await using made = await aWorldClient();
    await expect(groupOf(made, { ...TARGET, name: "other" }).read(options())).rejects.toMatchObject({
      kind: "not-found",
    });
    await expect(
      groupOf(made, { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: "x" }).read(options()),
    ).rejects.toMatchObject({ kind: "not-found" });
  });

  test("refuses a kind without a scale", async () => {
    await using made = await aWorldClient();
    await expect(
      groupOf(made, { apiVersion: "v1", kind: "Node", name: "n" }).read(options()),
    ).rejects.toMatchObject({ kind: "refused" });
  });

  test("tells a member that stays from one that is gone", async () => {
    await using made = await aWorldClient(1);
    const group = groupOf(made);
    expect(await group.contains(made.world.list("machines")[0]?.metadata.name ?? "", options())).toBe(true);
    expect(await group.contains("nobody", options())).toBe(false);
  });

  test("takes a mark back, once or more often, also from a machine that is gone", async () => {
    await using made = await aWorldClient(1);
    const group = groupOf(made);
    const id = made.world.list("machines")[0]?.metadata.name ?? "";
    made.server.faults.set({ kind: "status", code: 403, match: { method: "PATCH", pathIncludes: "/scale" } });
    await expect(group.removeInstance(id, await group.read(options()), options())).rejects.toMatchObject({
      kind: "denied",
    });
    await group.keepInstance(id, options());
    await group.keepInstance("nobody", options());
    expect(made.world.list("machines")[0]?.metadata.annotations ?? {}).toEqual({});
  });

  test("removes a chosen member only where machines can be seen", () => {
    expect(hasMachines(TARGET)).toBe(true);
    expect(hasMachines({ apiVersion: "cluster.x-k8s.io/v1beta1", kind: "MachinePool" })).toBe(false);
    expect(hasMachines({ apiVersion: "karpenter.sh/v1", kind: "NodePool" })).toBe(false);
  });
});
