import { describe, expect, test } from "vitest";

import type { PoolGroup } from "../../shared/contract/policy/pool.ts";
import { CLUSTER_AUTOSCALER } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs } from "../../shared/model/units.ts";
import { createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "../../test/build/clock.ts";
import { eventually } from "../../test/build/eventually.ts";
import { aWorldClient } from "../../test/build/world-client.ts";
import type { WorldClient } from "../../test/build/world-client.ts";
import { groupsIn, instantOf, namesGroup, watchClusterAutoscaler } from "./rivals-cluster-autoscaler.ts";

const START = Date.UTC(2026, 10, 26, 12);

const NEW_FORM = `time: 2026-11-26 12:00:00.123 +0000 UTC
autoscalerStatus: Running
clusterWide:
  health:
    status: Healthy
nodeGroups:
- name: gpu-spot
  health:
    status: Healthy
    cloudProviderTarget: 2
- name: "MachineDeployment/machines/gpu"
  scaleUp:
    status: NoActivity
`;

const OLD_FORM = `Cluster-autoscaler status at 2026-11-26 12:00:00.123 +0000 UTC:
Cluster-wide:
  Health:      Healthy (ready=3 unready=0)
NodeGroups:
  Name:        gpu-spot
  Health:      Healthy (ready=1 cloudProviderTarget=1 (minSize=0, maxSize=5))

  Name:        https://www.googleapis.com/compute/v1/projects/p-gpu/zones/us-central1-a/instanceGroups/gpu-mig
`;

const AWS: PoolGroup = { aws: { autoScalingGroup: "gpu-spot", region: "us-west-2" } };
const SCALE: PoolGroup = {
  scale: {
    apiVersion: "cluster.x-k8s.io/v1beta1",
    kind: "MachineDeployment",
    name: "gpu",
    namespace: "machines",
  },
};

describe("what it writes", () => {
  test("names its groups in both forms", () => {
    expect(groupsIn(NEW_FORM)).toEqual(["gpu-spot", "MachineDeployment/machines/gpu"]);
    expect(groupsIn(OLD_FORM)).toEqual([
      "gpu-spot",
      "https://www.googleapis.com/compute/v1/projects/p-gpu/zones/us-central1-a/instanceGroups/gpu-mig",
    ]);
    expect(groupsIn("")).toEqual([]);
  });

  test.each([
    ["2026-11-26 12:00:00.123456789 +0000 UTC", START],
    ["2026-11-26 14:00:00 +0200 CEST", START],
    ["2026-11-26T12:00:00Z", START],
    ["yesterday", null],
    ["", null],
  ])("is dated %j", (text, at) => {
    expect(instantOf(text)).toBe(at === null ? null : epochMs(at));
  });

  const GCP: PoolGroup = {
    gcp: { project: "p-gpu", location: "us-central1-a", instanceGroupManager: "gpu-mig" },
  };
  const set = { subscriptionID: "00000000-0000-0000-0000-000000000000", resourceGroup: "rg" };
  const URL_OF = (zone: string, name: string) =>
    `https://www.googleapis.com/compute/v1/projects/p-gpu/zones/${zone}/instanceGroups/${name}`;
  test.each<[string, PoolGroup, boolean]>([
    ["gpu-spot", AWS, true],
    ["gpu-spot-2", AWS, false],
    [URL_OF("us-central1-a", "gpu-mig"), GCP, true],
    [URL_OF("us-central1-b", "gpu-mig"), GCP, false],
    [URL_OF("us-central1-a", "other-gpu-mig"), GCP, false],
    ["GPU-set", { azure: { ...set, vmScaleSet: "gpu-SET" } }, true],
    ["aks-gpu-12345678-vmss", { azure: { ...set, managedCluster: "c", agentPool: "gpu" } }, true],
    ["aks-gpu2-12345678-vmss", { azure: { ...set, managedCluster: "c", agentPool: "gpu" } }, false],
    ["MachineDeployment/machines/gpu", SCALE, true],
    ["MachineDeployment/other/gpu", SCALE, false],
    ["gpu", { simulated: { url: "http://x", name: "gpu" } }, false],
  ])("%s is the group of %o: %s", (name, group, is) => {
    expect(namesGroup(name, group, "default")).toBe(is);
  });
});

function setup({ client }: WorldClient) {
  const clock = createFakeClock(START);
  const stop = new AbortController();
  const sink = createLogSink();
  const state = { changes: 0, trouble: [] as string[] };
  const autoscaler = watchClusterAutoscaler({
    watch: {
      client,
      clock,
      random: seededRandom(1),
      log: sink.log,
      onTrouble: (kind) => void state.trouble.push(kind),
    },
    discover: createDiscovery(client),
    defaultNamespace: "default",
    onChange: () => void state.changes++,
  });
  const running = autoscaler.watch.run(stop.signal);
  const end = async (): Promise<void> => {
    stop.abort();
    await running;
  };
  return { autoscaler, clock, sink, state, end };
}

function write(
  { server }: WorldClient,
  status: string,
  { namespace = CLUSTER_AUTOSCALER.namespace as string, at = "2026-11-26 12:00:00 +0000 UTC" } = {},
): void {
  server.change((world) =>
    world.put("configmaps", {
      metadata: {
        namespace,
        name: CLUSTER_AUTOSCALER.status,
        annotations: { [CLUSTER_AUTOSCALER.lastUpdated]: at },
      },
      data: { status },
    }),
  );
}

const SEEN = [
  {
    rival: "cluster-autoscaler",
    detail: "it lists gpu-spot in ConfigMap kube-system/cluster-autoscaler-status",
  },
];

describe("watchClusterAutoscaler()", () => {
  test("sees it on the groups that it lists, and on no others, and that it has gone", async () => {
    await using made = await aWorldClient();
    const { autoscaler, state, end } = setup(made);
    expect(autoscaler.of(AWS)).toEqual([]);
    write(made, NEW_FORM);
    await eventually(() => autoscaler.of(AWS).length > 0);
    expect(autoscaler.of(AWS)).toEqual(SEEN);
    expect(autoscaler.of(SCALE)).toHaveLength(1);
    expect(autoscaler.of({ aws: { autoScalingGroup: "other", region: "us-west-2" } })).toEqual([]);
    expect(autoscaler.of(undefined)).toEqual([]);

    const before = state.changes;
    made.server.change((world) =>
      world.remove("configmaps", { namespace: "kube-system", name: CLUSTER_AUTOSCALER.status }),
    );
    await eventually(() => autoscaler.of(AWS).length === 0);
    expect(state.changes).toBeGreaterThan(before);
    await end();
  });

  test("counts only while it is written", async () => {
    await using made = await aWorldClient();
    write(made, NEW_FORM);
    const { autoscaler, clock, end } = setup(made);
    await eventually(() => autoscaler.of(AWS).length > 0);
    await clock.advance(119_000);
    expect(autoscaler.of(AWS)).toEqual(SEEN);
    write(made, NEW_FORM, { at: "2026-11-26 12:01:59 +0000 UTC" });
    await clock.advance(0);
    await eventually(async () => {
      await clock.advance(0);
      return made.server.audit.length > 0;
    });
    await clock.advance(121_000);
    await eventually(() => autoscaler.of(AWS).length === 0);
    await end();
  });

  test("that was left behind long ago is none, until it is written again", async () => {
    await using made = await aWorldClient();
    write(made, NEW_FORM, { at: "2026-11-26 11:49:00 +0000 UTC" });
    const { autoscaler, state, end } = setup(made);
    await eventually(() => state.changes > 0);
    expect(autoscaler.of(AWS)).toEqual([]);
    write(made, NEW_FORM, { at: "2026-11-26 12:00:01 +0000 UTC" });
    await eventually(() => autoscaler.of(AWS).length > 0);
    await end();
  });

  test("is not believed in another namespace, where anybody may write", async () => {
    await using made = await aWorldClient();
    write(made, NEW_FORM, { namespace: "team" });
    const { autoscaler, state, end } = setup(made);
    await eventually(() => state.changes > 0);
    expect(autoscaler.of(AWS)).toEqual([]);
    await end();
  });

  test("cannot be seen without the right, and that is no trouble", async () => {
    await using made = await aWorldClient();
    write(made, NEW_FORM);
    made.server.faults.set({ kind: "status", code: 403, match: { pathIncludes: "/configmaps" } });
    const { autoscaler, clock, sink, state, end } = setup(made);
    await clock.nextSleep();
    expect(autoscaler.of(AWS)).toEqual([]);
    expect(state.trouble).toEqual([]);
    expect(sink.lines.filter(({ level }) => level === "warn")).toEqual([]);
    await end();
  });
});
