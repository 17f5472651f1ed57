// The contract on Cluster API's objects as Cluster API defines them, in a real API server, with stand-ins for its
// controllers that act after every write before the writer hears of it.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { CLUSTER_API } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { createClusterApi, nodeOf } from "../control-plane/cluster-api.ts";
import type { ClusterApi, ClusterApiVersion } from "../control-plane/cluster-api.ts";
import { clusterApiDefinitions, install } from "../control-plane/definitions.ts";
import { dropNode, ifThere } from "../control-plane/nodes.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";
import { DEFAULT_SETUP } from "./cases/case.ts";
import { cloudGroupContract } from "./cloud-group.ts";
import { calling } from "./harness.ts";
import type { HarnessSetup } from "./harness.ts";
import { openRealBench } from "./real.ts";
import { MACHINE_POOL } from "./scale-cases.ts";
import { scaleHarness } from "./scale-harness.ts";
import type { ScaleStage } from "./scale-harness.ts";

const missing = await whyNoControlPlane();

type Kind = "MachineDeployment" | "MachinePool";

interface RealStage extends ScaleStage {
  readonly api: ClusterApi;
  readonly namespace: string;
}

/** Groups with all their machines up, and controllers that act on every write of the back end. */
async function realStage(
  plane: ControlPlane,
  kind: Kind,
  version: ClusterApiVersion,
  setup: HarnessSetup,
): Promise<RealStage> {
  const bench = await openRealBench(plane);
  const { namespace, provider } = bench;
  const api = createClusterApi({ plane, namespace, version, provider });
  const names = Array.from({ length: setup.groups }, (_, at) => `group-${at}`);
  const [first = ""] = names;
  // Of the two kinds, MachinePool has all the fields that are looked at here.
  const resource = { ...RESOURCE.machinePools, version, kind, plural: `${kind.toLowerCase()}s` };
  const get = async (at: number) =>
    await ifThere(plane.client.get(resource, { namespace, name: names[at] ?? "" }));
  const advance = async (): Promise<void> => {
    await api.reconcile();
    await api.provide();
    await api.reconcile();
  };

  const { size: replicas, min, max } = setup;
  for (const name of names) await api.create(kind, { name, replicas, min, max });
  await advance();
  bench.between.afterWrite(api.reconcile);

  return {
    ...bench.hands,
    get deadlineMs() {
      return bench.hands.deadlineMs;
    },
    api,
    namespace,
    targets: names.map((name) => ({ apiVersion: `${CLUSTER_API.group}/${version}`, kind, namespace, name })),
    instances: async (at = 0) => {
      if (kind === "MachinePool") return ((await get(at))?.spec?.providerIDList ?? []).map(nodeOf);
      const machines = await api.machines(names[at] ?? "");
      return machines.flatMap(({ metadata, spec }) =>
        metadata.deletionTimestamp === undefined && spec?.providerID !== undefined ? [metadata.name] : [],
      );
    },
    size: async (at = 0) => (await get(at))?.spec?.replicas ?? null,
    advance,
    resizeByOther: async (to) => {
      await plane.client.mergePatch(resource, { namespace, name: first }, { spec: { replicas: to } });
      await api.reconcile();
    },
    deleteGroup: async () => {
      await plane.client.delete(resource, { namespace, name: first });
      await api.reconcile();
    },
    interrupt: async (id) => {
      const ref = { namespace, name: id };
      const machine = await ifThere(plane.client.get(api.machineResource, ref));
      const { providerID } = machine?.spec ?? {};
      if (providerID === undefined) return;
      provider.end(providerID);
      await dropNode(plane.client, nodeOf(providerID));
      await plane.client.patchStatus(api.machineResource, ref, { status: { phase: "Failed" } });
    },
    [Symbol.asyncDispose]: async () => await bench[Symbol.asyncDispose](),
  };
}

describe.skipIf(missing !== null).each(["v1beta2", "v1beta1"] as const)("Cluster API %s", (version) => {
  let plane: ControlPlane;
  beforeAll(async () => {
    plane = await startControlPlane();
    await install(plane, await clusterApiDefinitions(version));
  });
  afterAll(async () => await plane[Symbol.asyncDispose]());

  cloudGroupContract(`MachineDeployment ${version} (real API server)`, async (setup) =>
    scaleHarness(await realStage(plane, "MachineDeployment", version, setup)),
  );
  // What differs between the versions is the Machine, of which a MachinePool has none.
  if (version === "v1beta2") {
    cloudGroupContract(
      `MachinePool ${version} (real API server)`,
      async (setup) => scaleHarness(await realStage(plane, "MachinePool", version, setup)),
      MACHINE_POOL,
    );
  }

  test("loses the wrong machine when its number falls before one is marked", async () => {
    const stage = await realStage(plane, "MachineDeployment", version, { ...DEFAULT_SETUP, size: 3 });
    await using harness = scaleHarness(stage);
    const there = await harness.instances();
    const chosen = there[2] ?? "";

    // 1. As somebody would who thinks that a mark can follow: the controller has chosen by then.
    await harness.resizeByOther(2);
    const left = await harness.instances();
    expect(left).toHaveLength(2);
    expect(left).toContain(chosen);

    // 2. As the back end does it: the one that was meant, and no other.
    const group = harness.group();
    await group.removeInstance(chosen, await group.read(calling(harness)), calling(harness));
    await harness.advance();
    expect(await harness.instances()).toEqual(left.filter((id) => id !== chosen));
  });
});
