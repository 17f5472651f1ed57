import { describe, expect, test } from "vitest";

import { after, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { anActContext } from "../../test/build/act-context.ts";
import { aNodeGroup } from "../../test/build/node-group.ts";
import { policy, pool } from "../../test/build/policy.ts";
import { snapshot } from "../../test/build/snapshot.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import type { NodeGroup } from "../cloud/group.ts";
import { createScaleGroup } from "../cloud/scale/create.ts";
import { createBudgets } from "./budget.ts";
import { retirementOf } from "./retire.ts";
import { removeEmpty, takeInstance } from "./shrink.ts";

const TARGET = {
  apiVersion: "cluster.x-k8s.io/v1beta1",
  kind: "MachineDeployment",
  name: "spot-a",
  namespace: "default",
};
const inTurn = async <T>(run: (waited: boolean) => Promise<T>): Promise<T> => await run(false);
const yes = { inTurn, take: () => true, giveBack: () => {} };
const no = { inTurn, take: () => false, giveBack: () => {} };

function parts({ client, world }: WorldClient) {
  const context = anActContext({ client, clock: systemClock });
  const group = createScaleGroup({
    client,
    discover: createDiscovery(client),
    target: TARGET,
    defaultNamespace: "default",
    clock: systemClock,
  });
  const machine = world.list("machines")[0];
  const node = machine?.status?.nodeRef?.name ?? "";
  return {
    context,
    group,
    removal: { key: `p/spot-a/shrink/${node}`, node, instance: machine?.metadata.name ?? "" },
  };
}

function sizeOf({ world }: WorldClient): number | undefined {
  return world.get("machinedeployments", { namespace: "default", name: "spot-a" })?.spec.replicas;
}

function machineNames({ world }: WorldClient): readonly string[] {
  return world.list("machines").map(({ metadata }) => metadata.name);
}

function marksOf({ world }: WorldClient, name: string) {
  const node = world.get("nodes", { name });
  return {
    unschedulable: node?.spec?.unschedulable === true,
    taints: (node?.spec?.taints ?? []).map(({ key }) => key),
  };
}

const CLEAN = { unschedulable: false, taints: [] };

describe("removeEmpty()", () => {
  test("closes the node, marks its machine and lowers the group by that one", async () => {
    await using made = await aWorldClient(3);
    const { context, group, removal } = parts(made);
    expect(await removeEmpty(removal, group, yes, context)).toEqual({ kind: "applied", from: 3, to: 2 });
    expect(sizeOf(made)).toBe(2);
    const [closing, ...rest] = made.server.audit.filter(({ method }) => method === "PATCH");
    expect(closing).toMatchObject({
      resource: "nodes",
      body: {
        spec: {
          unschedulable: true,
          taints: [{ key: "gpu-autoscaler.io/scale-down", effect: "NoSchedule" }],
        },
      },
    });
    expect(rest.map(({ resource }) => resource)).toEqual(["machines", "machinedeployments"]);
    made.server.step(after(made.world.now, millis(1_000)));
    expect(machineNames(made)).toHaveLength(2);
    expect(machineNames(made)).not.toContain(removal.instance);
  });

  test("undoes everything when a pod stands on the node", async () => {
    await using made = await aWorldClient(1);
    const { context, group, removal } = parts(made);
    made.server.change((world) => world.submitJob({ id: "late", gpus: 1, durationMs: millis(60_000) }));
    const outcome = await removeEmpty(removal, group, yes, context);
    expect(outcome).toMatchObject({ kind: "failed" });
    expect(outcome.kind === "failed" && outcome.detail).toMatch(/^pod default\/late.* is on the node now$/);
    expect(marksOf(made, removal.node)).toEqual(CLEAN);
    expect(sizeOf(made)).toBe(1);
  });

  test("does not count pods of the node itself", async () => {
    await using made = await aWorldClient(1);
    const { context, group, removal } = parts(made);
    made.server.change((world) => world.addDaemonSet({ name: "agent" }));
    expect(await removeEmpty(removal, group, yes, context)).toMatchObject({ kind: "applied" });
  });

  test("undoes everything when a minimum stands against it at the call", async () => {
    await using made = await aWorldClient(1);
    const { context, group, removal } = parts(made);
    expect(await removeEmpty(removal, group, no, context)).toMatchObject({
      kind: "failed",
      detail: expect.stringContaining("minimum") as string,
    });
    expect(marksOf(made, removal.node)).toEqual(CLEAN);
    expect(made.world.list("machines")[0]?.metadata.annotations ?? {}).toEqual({});
  });

  test("undoes mark and cordon when the group refuses the lower number", async () => {
    await using made = await aWorldClient(1);
    const { context, group, removal } = parts(made);
    made.server.faults.set({ kind: "status", code: 403, match: { method: "PATCH", pathIncludes: "/scale" } });
    expect(await removeEmpty(removal, group, yes, context)).toMatchObject({
      kind: "failed",
      detail: expect.stringContaining("403") as string,
    });
    expect(marksOf(made, removal.node)).toEqual(CLEAN);
    expect(made.world.list("machines")[0]?.metadata.annotations ?? {}).toEqual({});
    expect(sizeOf(made)).toBe(1);
  });

  test("leaves a cordon that somebody else had set", async () => {
    await using made = await aWorldClient(1);
    const { context, group, removal } = parts(made);
    await made.client.mergePatch(
      { group: "", version: "v1", plural: "nodes", kind: "Node", namespaced: false },
      { name: removal.node },
      { spec: { unschedulable: true } },
    );
    await removeEmpty(removal, group, no, context);
    expect(marksOf(made, removal.node).unschedulable).toBe(true);
    expect(retirementOf(made.world.get("nodes", { name: removal.node })?.spec?.taints)).toBeNull();
  });

  test("reads again after a conflict and still takes the chosen machine", async () => {
    await using made = await aWorldClient(3);
    const { context, group, removal } = parts(made);
    made.server.faults.set({
      kind: "status",
      code: 409,
      match: { method: "PATCH", pathIncludes: "/scale" },
      times: 1,
    });
    expect(await removeEmpty(removal, group, yes, context)).toEqual({ kind: "applied", from: 3, to: 2 });
    made.server.step(after(made.world.now, millis(1_000)));
    expect(machineNames(made)).not.toContain(removal.instance);
  });

  test("is not kept from it by a controller that writes the object for each member that goes", async () => {
    await using made = await aWorldClient(3);
    const { context, group, removal } = parts(made);
    made.server.faults.set({
      kind: "status",
      code: 409,
      match: { method: "PATCH", pathIncludes: "/scale" },
      times: 8,
    });
    expect(await removeEmpty(removal, group, yes, context)).toEqual({ kind: "applied", from: 3, to: 2 });
  });

  test("gives up where somebody else sizes the group at each attempt", async () => {
    await using made = await aWorldClient(3);
    const { context, group, removal } = parts(made);
    let size = 3;
    const rival: NodeGroup = {
      ...group,
      read: async () => ({ size: size++, version: "1" }),
      removeInstance: async () => {
        throw new AppError("conflict", "somebody else has written it");
      },
    };
    expect(await removeEmpty(removal, rival, yes, context)).toMatchObject({ kind: "failed" });
    expect(size).toBe(7);
    expect(marksOf(made, removal.node)).toEqual(CLEAN);
  });

  test("finds a removal whose answer was lost", async () => {
    await using made = await aWorldClient(3);
    const { context, group, removal } = parts(made);
    made.server.faults.set({
      kind: "cut",
      when: "after",
      match: { method: "PATCH", pathIncludes: "/scale" },
      times: 2,
    });
    expect(await removeEmpty(removal, group, yes, context)).toEqual({ kind: "applied", from: 3, to: 2 });
    expect(sizeOf(made)).toBe(2);
  });

  test("leaves mark and cordon while nobody knows whether the number has fallen", async () => {
    await using made = await aWorldClient(2);
    const { context, group, removal } = parts(made);
    made.server.faults.set({ kind: "silence", match: { method: "PATCH", pathIncludes: "/scale" } });
    expect(await removeEmpty(removal, group, yes, context)).toMatchObject({ kind: "unsettled" });
    expect(marksOf(made, removal.node).unschedulable).toBe(true);
    const marked = made.world
      .list("machines")
      .filter(({ metadata }) => metadata.annotations?.["cluster.x-k8s.io/delete-machine"] !== undefined);
    expect(marked.map(({ metadata }) => metadata.name)).toEqual([removal.instance]);
  });
});

describe("several of one group in one cycle", () => {
  test.each([
    ["acts only when all are called", 0],
    ["acts between the calls", 500],
  ])("go by their names, and no others, while the controller %s", async (_when, stepMs) => {
    await using made = await aWorldClient(5);
    const { context, group } = parts(made);
    const machines = made.world.list("machines");
    const removals = machines.slice(1, 4).map(({ metadata, status }) => {
      const node = status?.nodeRef?.name ?? "";
      return { key: `p/spot-a/shrink/${node}`, node, instance: metadata.name };
    });
    const stepping: NodeGroup = {
      ...group,
      removeInstance: async (id, seen, options) => {
        await group.removeInstance(id, seen, options);
        if (stepMs > 0) made.server.step(after(made.world.now, millis(stepMs)));
      },
    };
    const input = policy({ name: "p", pools: [pool("spot-a", { size: 5, instances: [] })] });
    const budget = createBudgets(snapshot({ policies: [input] }), {
      allowedGrowth: () => 0,
      removalRefused: () => null,
    }).removal(input, "spot-a");
    const outcomes = await Promise.all(
      removals.map(async (removal) => await removeEmpty(removal, stepping, budget, context)),
    );
    expect(outcomes.map((outcome) => outcome.kind === "applied" && outcome.to)).toEqual([4, 3, 2]);
    made.server.step(after(made.world.now, millis(5_000)));
    const kept = [machines[0], machines[4]].map((machine) => machine?.metadata.name);
    expect(new Set(machineNames(made))).toEqual(new Set(kept));
  });
});

describe("takeInstance()", () => {
  test("finds that the instance is going already and lowers nothing more", async () => {
    await using made = await aWorldClient(3);
    const { context, group, removal } = parts(made);
    await takeInstance(removal, group, yes, context);
    expect(await takeInstance(removal, group, yes, context)).toEqual({ kind: "reached", size: 2 });
    expect(sizeOf(made)).toBe(2);
  });
});

describe("a machine of a group that answers slowly", () => {
  const removal = { key: "p/a/release/n", node: "n", instance: "i-1" };

  async function taken(how: "release" | "remove", more: Partial<NodeGroup> = {}): Promise<readonly string[]> {
    await using made = await aWorldClient(0);
    const asked: string[] = [];
    const both = Promise.withResolvers<void>();
    const look = async (what: string): Promise<void> => {
      asked.push(what);
      if (asked.includes("size") && asked.includes("member")) both.resolve();
      await both.promise;
    };
    const take = async (): Promise<void> => await Promise.resolve(void asked.push("take"));
    const group = aNodeGroup({
      read: async () => {
        await look("size");
        return { size: 3, version: null };
      },
      contains: async () => {
        await look("member");
        return true;
      },
      removeInstance: take,
      releaseInstance: take,
      ...more,
    });
    const outcome = await takeInstance(removal, group, yes, parts(made).context, how);
    expect(outcome).toEqual({ kind: "applied", from: 3, to: 2 });
    return asked;
  }

  test.each(["release", "remove"] as const)(
    "is looked for beside its group's size, once, and then taken: %s",
    async (how) => {
      expect((await taken(how)).toSorted()).toEqual(["member", "size", "take"]);
    },
  );

  test("also where the group makes anew what another hand ends, as long as it is there", async () => {
    const releaseLeaving = async (): Promise<never> => await Promise.reject(new Error("not asked for"));
    expect((await taken("release", { releaseLeaving })).toSorted()).toEqual(["member", "size", "take"]);
  });
});

describe("the release of a member that another hand is ending", () => {
  const removal = { key: "p/a/release/n", node: "n", instance: "i-1" };
  const seen = { size: 3, version: "1" };

  async function released(
    leaving: () => Promise<boolean>,
    budget = yes,
    how: "release" | "remove" = "release",
  ) {
    await using made = await aWorldClient(1);
    const given: number[] = [];
    const group = aNodeGroup({
      read: async () => await Promise.resolve(seen),
      contains: async () => await Promise.resolve(false),
      releaseLeaving: leaving,
    });
    const counted = { ...budget, giveBack: () => void given.push(1) };
    const outcome = await takeInstance(removal, group, counted, parts(made).context, how);
    return { outcome, given: given.length };
  }

  test("lowers the number by it where its group would make it anew", async () => {
    expect(await released(async () => await Promise.resolve(true))).toEqual({
      outcome: { kind: "applied", from: 3, to: 2 },
      given: 0,
    });
  });

  test("has nothing to do where it is too late, or where it is a removal of ours", async () => {
    const reached = { kind: "reached", size: 3 };
    expect(await released(async () => await Promise.resolve(false))).toEqual({ outcome: reached, given: 1 });
    const never = async (): Promise<never> => await Promise.reject(new Error("not asked for"));
    expect(await released(never, yes, "remove")).toEqual({ outcome: reached, given: 0 });
    expect((await released(never, no)).outcome).toEqual(reached);
  });

  test.each([
    ["timeout", "unsettled", 0],
    ["conflict", "failed", 1],
  ] as const)("after %s is %s", async (kind, outcome, given) => {
    const failing = async (): Promise<never> => await Promise.reject(new AppError(kind, "no"));
    expect(await released(failing)).toMatchObject({ outcome: { kind: outcome }, given });
  });
});
