import { describe, expect, test } from "vitest";

import { CAPACITY_ANNOTATION, CLUSTER_API } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { after, millis, ratio } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock, settle } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { aQuickPool } from "../../test/build/scene.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import type { NodeGroup } from "../cloud/group.ts";
import { createScaleGroup } from "../cloud/scale/create.ts";
import { createScaleGroups } from "./scale-groups.ts";
import type { ScaleGroupsOptions } from "./scale-groups.ts";

const FLEET = { apiVersion: "fleets.example/v1", kind: "Fleet", name: "gpu" };
const DEPLOYMENT = {
  apiVersion: "cluster.x-k8s.io/v1beta1",
  kind: "MachineDeployment",
  name: "spot-a",
  namespace: "default",
};

function setup({ client }: WorldClient, overrides: Partial<ScaleGroupsOptions> = {}) {
  const clock = createFakeClock();
  const stop = new AbortController();
  const running: Promise<void>[] = [];
  const state = { changes: 0, size: 2 as number | AppError };
  const group: NodeGroup = {
    ...createScaleGroup({
      client,
      discover: createDiscovery(client),
      target: FLEET,
      defaultNamespace: "default",
      clock,
    }),
    read: async () => {
      if (state.size instanceof AppError) throw state.size;
      return { size: state.size, version: "1" };
    },
  };
  const groups = createScaleGroups({
    watch: { client, clock, random: seededRandom(1), log: createLogSink().log, onTrouble: () => {} },
    clock,
    discover: createDiscovery(client),
    defaultNamespace: "default",
    groupOf: () => group,
    isNodeReady: () => true,
    providerIdOf: () => undefined,
    onChange: () => void state.changes++,
    spawn: (_, task) => void running.push(task(stop.signal).catch(() => {})),
    ...overrides,
  });
  const end = async (): Promise<void> => {
    stop.abort();
    await Promise.all(running);
  };
  return { groups, clock, state, end };
}

describe("a target that is polled", () => {
  test("is unknown until it was read, and removes nothing by name", async () => {
    await using made = await aWorldClient();
    const { groups, state, end } = setup(made);
    expect(groups.reading(FLEET).group).toMatchObject({ kind: "unknown" });
    await settle();
    expect(groups.reading(FLEET)).toEqual({
      group: { kind: "known", size: 2, chosenRemoval: false },
      instances: [],
    });
    expect(state.changes).toBe(1);
    await end();
  });

  test("is read again after ten seconds, and at once when we have written", async () => {
    await using made = await aWorldClient();
    const { groups, clock, state, end } = setup(made);
    groups.reading(FLEET);
    await settle();
    state.size = 3;
    await clock.advance(9_999);
    expect(groups.reading(FLEET).group).toMatchObject({ size: 2 });
    await clock.advance(1);
    expect(groups.reading(FLEET).group).toMatchObject({ size: 3 });
    state.size = 4;
    groups.touched(FLEET);
    await settle();
    expect(groups.reading(FLEET).group).toMatchObject({ size: 4 });
    await end();
  });

  test("becomes unknown when it cannot be read for half a minute, not before", async () => {
    await using made = await aWorldClient();
    const { groups, clock, state, end } = setup(made);
    groups.reading(FLEET);
    await settle();
    state.size = new AppError("unavailable", "503");
    await clock.advance(30_000);
    expect(groups.reading(FLEET).group).toMatchObject({ kind: "known", size: 2 });
    await clock.advance(1_000);
    expect(groups.reading(FLEET).group).toEqual({
      kind: "unknown",
      detail: "its size was last read 31 s ago",
    });
    await end();
  });

  test("is missing when the server does not have it", async () => {
    await using made = await aWorldClient();
    const { groups, state, end } = setup(made);
    state.size = new AppError("not-found", "there is no Fleet gpu");
    groups.reading(FLEET);
    await settle();
    expect(groups.reading(FLEET).group).toEqual({
      kind: "missing",
      detail: "there is no Fleet gpu",
    });
    await end();
  });
});

describe("a MachineDeployment", () => {
  test("shows its size and each machine with its node", async () => {
    await using made = await aWorldClient(1);
    const { groups, end } = setup(made);
    groups.reading(DEPLOYMENT);
    const reading = await eventually(() =>
      groups.reading(DEPLOYMENT).group.kind === "known" ? groups.reading(DEPLOYMENT) : null,
    );
    const machine = made.world.list("machines")[0];
    expect(reading).toEqual({
      group: { kind: "known", size: 1, chosenRemoval: true },
      instances: [
        {
          id: machine?.metadata.name,
          node: machine?.status?.nodeRef?.name,
          state: "ready",
          createdAt: Date.parse(machine?.metadata.creationTimestamp ?? ""),
          zone: "zone-a",
        },
      ],
    });
    await end();
  });

  test.each([
    ["booting", { bootMs: millis(3_600_000), readyMs: millis(0) }],
    ["failed", { bootMs: millis(0), readyMs: millis(0), bootFailureRate: ratio(1) }],
  ] as const)("says that a machine is %s", async (state, shape) => {
    await using made = await aWorldClient(1, { pools: [aQuickPool({ replicas: 1, ...shape })] });
    const { groups, end } = setup(made);
    groups.reading(DEPLOYMENT);
    const instances = await eventually(() =>
      groups.reading(DEPLOYMENT).instances.length === 1 ? groups.reading(DEPLOYMENT).instances : null,
    );
    expect(instances).toMatchObject([{ node: null, state }]);
    await end();
  });

  test("is no news by what its controllers note of it in each round", async () => {
    await using made = await aWorldClient(1);
    const { groups, state, end } = setup(made);
    groups.reading(DEPLOYMENT);
    await eventually(() => groups.reading(DEPLOYMENT).group.kind === "known");
    await settle();
    const before = state.changes;
    const [machine] = made.world.list("machines");
    if (machine === undefined) throw new Error("no machine");
    const note = (annotations: Record<string, string>, phase?: string): void => {
      const metadata = { ...machine.metadata, annotations };
      const status = { ...machine.status, ...(phase === undefined ? {} : { phase }) };
      made.server.change((world) => world.put("machines", { ...machine, metadata, status }));
    };
    note({ "infrastructure/last-seen": "12:00" });
    note({ "infrastructure/last-seen": "12:01" });
    note({ "infrastructure/last-seen": "12:02" }, "Failed");
    await eventually(() => groups.reading(DEPLOYMENT).instances[0]?.state === "failed");
    expect(state.changes).toBe(before + 1);
    await end();
  });

  test("says that a machine is leaving while its pods still go", async () => {
    await using made = await aWorldClient(1);
    const { groups, end } = setup(made);
    made.server.change((world) => world.submitJob({ id: "train", gpus: 8, durationMs: millis(600_000) }));
    made.server.step(after(made.world.now, millis(5_000)));
    made.server.change((world) => world.scale({ namespace: "default", name: "spot-a" }, 0));
    const leaving = await eventually(() =>
      groups.reading(DEPLOYMENT).instances.find(({ state }) => state === "leaving"),
    );
    expect(leaving.node).not.toBeNull();
    await end();
  });

  test("that is paused has no size to decide on", async () => {
    await using made = await aWorldClient(1);
    const { groups, end } = setup(made);
    made.server.change((world) => {
      const deployment = world.get("machinedeployments", { namespace: "default", name: "spot-a" });
      if (deployment === null) throw new Error("no deployment");
      world.put("machinedeployments", {
        ...deployment,
        metadata: { ...deployment.metadata, annotations: { "cluster.x-k8s.io/paused": "" } },
      });
    });
    const paused = await eventually(() => {
      const { group } = groups.reading(DEPLOYMENT);
      return group.kind === "unknown" && group.detail.includes("paused") ? group : null;
    });
    expect(paused.detail).toContain("MachineDeployment spot-a is paused");
    await end();
  });

  test("shows bounds and template of its annotations, and says that Cluster Autoscaler may size it too", async () => {
    await using made = await aWorldClient(1);
    const { groups, end } = setup(made);
    made.server.change((world) => {
      const deployment = world.get("machinedeployments", { namespace: "default", name: "spot-a" });
      if (deployment === null) throw new Error("no deployment");
      const annotations = {
        [CLUSTER_API.minSize]: "0",
        [CLUSTER_API.maxSize]: "9",
        [CAPACITY_ANNOTATION.labels]: "tier=spot",
      };
      world.put("machinedeployments", { ...deployment, metadata: { ...deployment.metadata, annotations } });
    });
    groups.reading(DEPLOYMENT);
    const reading = await eventually(() => {
      const now = groups.reading(DEPLOYMENT);
      return now.template === undefined ? null : now;
    });
    expect(reading).toMatchObject({
      group: { kind: "known", size: 1, min: 0, max: 9 },
      template: { labels: { tier: "spot" } },
      mismatches: [expect.stringContaining("Cluster Autoscaler") as string],
    });
    await end();
  });

  test("does not take a node for its own whose providerID is another one, and says so", async () => {
    await using made = await aWorldClient(1);
    const machine = made.world.list("machines")[0];
    const node = machine?.status?.nodeRef?.name ?? "";
    const actual = new Map([[node, "sim://spot-a/somebody-else"]]);
    const { groups, end } = setup(made, { providerIdOf: (name) => actual.get(name) });
    groups.reading(DEPLOYMENT);
    const reading = await eventually(() => {
      const now = groups.reading(DEPLOYMENT);
      return now.group.kind === "known" ? now : null;
    });
    expect(reading.instances).toMatchObject([{ node: null, state: "booting" }]);
    expect(reading.mismatches).toEqual([
      `Machine ${machine?.metadata.name} is ${machine?.spec?.providerID}, but its node ${node} is sim://spot-a/somebody-else: delete the one of the two that is left over`,
    ]);
    actual.set(node, machine?.spec?.providerID ?? "");
    expect(groups.reading(DEPLOYMENT).instances).toMatchObject([{ node, state: "ready" }]);
    expect(groups.reading(DEPLOYMENT).mismatches).toBeUndefined();
    await end();
  });

  test("of another name is missing", async () => {
    await using made = await aWorldClient(1);
    const { groups, end } = setup(made);
    const other = { ...DEPLOYMENT, name: "other" };
    expect(
      (
        await eventually(() =>
          groups.reading(other).group.kind === "missing" ? groups.reading(other) : null,
        )
      ).group,
    ).toEqual({
      kind: "missing",
      detail: "there is no MachineDeployment default/other: create it, or correct nodePools[].group",
    });
    await end();
  });
});
