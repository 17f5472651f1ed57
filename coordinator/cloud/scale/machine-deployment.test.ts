import { describe, expect, test } from "vitest";

import { CLUSTER_API } from "../../../shared/model/names.ts";
import { millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { createDiscovery } from "../../../shared/runtime/kube/resources.ts";
import { aQuickPool } from "../../../test/build/scene.ts";
import { aWorldClient } from "../../../test/build/world-client.ts";
import type { WorldClient } from "../../../test/build/world-client.ts";
import { createScaleGroup } from "./create.ts";

const TARGET = {
  apiVersion: "cluster.x-k8s.io/v1beta1",
  kind: "MachineDeployment",
  name: "spot-a",
  namespace: "default",
};
const options = () => ({ signal: new AbortController().signal, deadlineMs: millis(2_000) });

function groupOf({ client }: WorldClient) {
  return createScaleGroup({
    client,
    discover: createDiscovery(client),
    target: TARGET,
    defaultNamespace: "default",
    clock: systemClock,
  });
}

function machines({ world }: WorldClient): readonly string[] {
  return world
    .list("machines")
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map(({ metadata }) => metadata.name);
}

function marks({ world }: WorldClient): readonly string[] {
  return world
    .list("machines")
    .filter(({ metadata }) => metadata.annotations?.[CLUSTER_API.deleteMachine] !== undefined)
    .map(({ metadata }) => metadata.name);
}

function edit({ server }: WorldClient, annotations: Readonly<Record<string, string>>, spec: object = {}) {
  server.change((world) => {
    const object = world.get("machinedeployments", { namespace: "default", name: "spot-a" });
    if (object === null) throw new Error("no MachineDeployment");
    const metadata = { ...object.metadata, annotations };
    world.put("machinedeployments", { ...object, metadata, spec: { ...object.spec, ...spec } });
  });
}

describe("a MachineDeployment", () => {
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

  test("never lowers a number without naming a member", async () => {
    await using made = await aWorldClient(2);
    const group = groupOf(made);
    await expect(group.resize(1, await group.read(options()), options())).rejects.toMatchObject({
      kind: "bug",
    });
    expect((await group.read(options())).size).toBe(2);
  });

  test.each([[undefined], [-1], ["2"], [1.5]])("has no size where it says %s", async (replicas) => {
    await using made = await aWorldClient(2);
    const client = {
      ...made.client,
      get: async (...call: Parameters<typeof made.client.get>) => {
        const object = await made.client.get(...call);
        return { ...object, spec: { replicas } };
      },
    };
    const group = groupOf({ ...made, client: client as typeof made.client });
    await expect(group.read(options())).rejects.toMatchObject({ kind: "malformed" });
  });

  test("has the bounds of its annotations; what is no number is none", async () => {
    await using made = await aWorldClient(2);
    const group = groupOf(made);
    edit(made, { [CLUSTER_API.minSize]: "1", [CLUSTER_API.maxSize]: "3" });
    const seen = await group.read(options());
    expect(seen).toMatchObject({ min: 1, max: 3 });
    await expect(group.resize(4, seen, options())).rejects.toMatchObject({ kind: "refused" });
    edit(made, { [CLUSTER_API.minSize]: "one", [CLUSTER_API.maxSize]: "" });
    expect(Object.keys(await group.read(options()))).toEqual(["size", "version"]);
  });

  test("says that it is missing", async () => {
    await using made = await aWorldClient(0, { pools: [aQuickPool({ name: "other" })] });
    await expect(groupOf(made).read(options())).rejects.toMatchObject({ kind: "not-found" });
  });
});

describe("removal of a chosen Machine", () => {
  test("takes the mark back when the number may not be written", async () => {
    await using made = await aWorldClient(1);
    const group = groupOf(made);
    const [id = ""] = machines(made);
    made.server.faults.set({ kind: "status", code: 403, match: { method: "PATCH", pathIncludes: "/scale" } });
    await expect(group.removeInstance(id, await group.read(options()), options())).rejects.toMatchObject({
      kind: "denied",
    });
    expect(marks(made)).toEqual([]);
  });

  test("leaves no mark, and no doubt, when the number had changed before", async () => {
    await using made = await aWorldClient(3);
    const group = groupOf(made);
    const [id = ""] = machines(made);
    const seen = await group.read(options());
    edit(made, {}, { replicas: 4 });
    await expect(group.removeInstance(id, seen, options())).rejects.toMatchObject({ kind: "conflict" });
    expect(marks(made)).toEqual([]);
    expect(made.server.audit.filter(({ method }) => method !== "GET")).toEqual([]);
  });

  test("is done when another hand lowers the number after the mark, and the controller takes the marked one", async () => {
    await using made = await aWorldClient(3);
    const group = groupOf(made);
    const [id = "", ...others] = machines(made);
    const hold = made.server.onRequest(({ when, path }) => {
      if (when === "before" && path.endsWith("/scale")) edit(made, {}, { replicas: 2 });
    });
    await group.removeInstance(id, await group.read(options()), options());
    hold();
    expect(await group.contains(id, options())).toBe(false);
    expect((await group.read(options())).size).toBe(2);
    expect(machines(made)).toEqual(others);
  });

  test("is not known to be done while that controller has not answered", async () => {
    await using made = await aWorldClient(3);
    const group = groupOf(made);
    const [id = ""] = machines(made);
    const hold = made.server.onRequest(({ when, path }) => {
      if (when === "before" && path.endsWith("/scale"))
        edit(made, { [CLUSTER_API.paused]: "" }, { replicas: 2 });
    });
    await expect(group.removeInstance(id, await group.read(options()), options())).rejects.toMatchObject({
      kind: "timeout",
    });
    hold();
    expect(await group.contains(id, options())).toBe(true);
    await group.keepInstance(id, options());
    expect(marks(made)).toEqual([]);
  });

  test("is refused, as every other write is, where the group is paused, and says how that ends", async () => {
    await using made = await aWorldClient(3);
    const group = groupOf(made);
    const [id = ""] = machines(made);
    edit(made, { [CLUSTER_API.paused]: "" });
    const seen = await group.read(options());
    expect(seen.size).toBe(3);
    const refused = {
      kind: "refused",
      message: `MachineDeployment spot-a is paused, so a new size would not be carried out: take its annotation ${CLUSTER_API.paused} away`,
    };
    await expect(group.resize(4, seen, options())).rejects.toMatchObject(refused);
    await expect(group.removeInstance(id, seen, options())).rejects.toMatchObject(refused);
    await expect(group.releaseInstance(id, seen, options())).rejects.toMatchObject(refused);
    await expect(group.cancelUnfilled(1, seen, options())).rejects.toMatchObject(refused);
    expect(marks(made)).toEqual([]);
  });

  test("is refused where it was paused after it was read", async () => {
    await using made = await aWorldClient(3);
    const group = groupOf(made);
    const seen = await group.read(options());
    edit(made, { [CLUSTER_API.paused]: "" });
    await expect(group.resize(4, seen, options())).rejects.toMatchObject({ kind: "conflict" });
    await expect(group.removeInstance(machines(made)[0] ?? "", seen, options())).rejects.toMatchObject({
      kind: "conflict",
    });
    expect(marks(made)).toEqual([]);
  });

  test("takes a mark back, once or more often, also from a machine that is gone", async () => {
    await using made = await aWorldClient(1);
    const group = groupOf(made);
    const [id = ""] = machines(made);
    made.server.faults.set({ kind: "silence", match: { method: "PATCH", pathIncludes: "/scale" } });
    const short = { ...options(), deadlineMs: millis(100) };
    await expect(group.removeInstance(id, await group.read(options()), short)).rejects.toMatchObject({
      kind: "timeout",
    });
    expect(marks(made)).toEqual([id]);
    await group.keepInstance(id, options());
    await group.keepInstance(id, options());
    await group.keepInstance("nobody", options());
    expect(marks(made)).toEqual([]);
  });

  test("takes no Machine of another group", async () => {
    await using made = await aWorldClient(1, {
      pools: [aQuickPool({ replicas: 1 }), aQuickPool({ name: "other", replicas: 1 })],
    });
    const group = groupOf(made);
    const other = machines(made).find((name) => name.startsWith("other")) ?? "";
    await expect(group.removeInstance(other, await group.read(options()), options())).rejects.toMatchObject({
      kind: "not-found",
    });
    expect(await group.contains(other, options())).toBe(false);
    expect(marks(made)).toEqual([]);
  });
});

test("places without an instance are given back by their Machines, all of them or none", async () => {
  await using made = await aWorldClient(2);
  const group = groupOf(made);
  const there = machines(made);
  made.world.setCapacity("spot-a", 2);
  await group.resize(4, await group.read(options()), options());
  await expect(group.cancelUnfilled(3, await group.read(options()), options())).rejects.toMatchObject({
    kind: "conflict",
    message: "MachineDeployment spot-a has 2 unfilled places, fewer than 3",
  });
  expect(marks(made)).toEqual([]);
  await group.cancelUnfilled(2, await group.read(options()), options());
  expect(machines(made)).toEqual(there);
});
