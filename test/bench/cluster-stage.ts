// A whole cluster for benches: the real control plane and what makes nodes of sizes, nats-server beside it, and our policy.
// The scheduler and the controllers may ask as fast as they can, or their own limits would be what is measured. Machines
// are there at once: the stand-in for Cluster API's controllers acts whenever a group has changed.

import { policyDefinition } from "../../deploy/crd/crd.ts";
import { POLICY } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createPulse } from "../../shared/runtime/stream.ts";
import { startNats } from "../build/nats.ts";
import { whyNoCluster } from "../control-plane/available.ts";
import { createClusterApi } from "../control-plane/cluster-api.ts";
import type { ClusterApi } from "../control-plane/cluster-api.ts";
import { joinNode, startCluster } from "../control-plane/cluster.ts";
import { clusterApiDefinitions, install } from "../control-plane/definitions.ts";
import { createProvider } from "../control-plane/provider.ts";
import type { ControlPlane } from "../control-plane/start.ts";
import { change } from "../control-plane/workloads.ts";

export interface ClusterStage extends AsyncDisposable {
  readonly plane: ControlPlane;
  readonly kubeconfig: string;
  readonly nats: string;
  /** What the MachineDeployments have, by name; all of them begin at zero. */
  readonly groups: Pick<ClusterApi, "machines">;
  /** To be called when a group has changed: its machines and nodes come or go. */
  changed(): void;
  /** Sets the size of a group as somebody else would. */
  resize(group: string, replicas: number): Promise<void>;
  policy(name: string, spec: object): Promise<void>;
}

/** What one node of a group offers, as Kubernetes writes it. */
export type Offers = Readonly<Record<string, string>>;

export const NAMESPACE = "default";
export const MACHINE_DEPLOYMENTS = `/apis/cluster.x-k8s.io/v1beta1/namespaces/${NAMESPACE}/machinedeployments`;

const RATE = ["--kube-api-qps=2000", "--kube-api-burst=2000"];
const IN_FLIGHT = ["--max-requests-inflight=3000", "--max-mutating-requests-inflight=1000"];
/** Nothing of the workloads may run on it. Without any node the scheduler would wait in ever longer steps. */
const BASE = { name: "base", taint: { key: "example.test/base", effect: "NoSchedule" } };

/** @throws AppError not-found with what to install, where there are no such programs. */
export async function openClusterStage(groups: Readonly<Record<string, Offers>>): Promise<ClusterStage> {
  const why = await whyNoCluster((sentence) => console.error(sentence));
  if (why !== null) throw new AppError("not-found", `no cluster to measure on: ${why}`);
  await using parts = new AsyncDisposableStack();
  const { plane, kubeconfig } = parts.use(
    await startCluster({
      serverFlags: () => IN_FLIGHT,
      programFlags: { "kube-scheduler": RATE, "kube-controller-manager": RATE },
    }),
  );
  const { client, send } = plane;
  const nats = parts.adopt(await startNats(), async (server) => await server.remove());
  await install(plane, [...(await clusterApiDefinitions("v1beta1")), policyDefinition()]);
  const api = createClusterApi({
    plane,
    namespace: NAMESPACE,
    version: "v1beta1",
    provider: createProvider("bench"),
    register: async (_, node) => {
      const machine = node.annotations?.["cluster.x-k8s.io/machine"] ?? "";
      const group = machine.slice(0, machine.lastIndexOf("-"));
      const labels = { "example.test/group": group };
      return await joinNode(client, { ...node, labels, capacity: groups[group] ?? {} });
    },
  });
  for (const name of Object.keys(groups)) await api.create("MachineDeployment", { name, replicas: 0 });
  const capacity = { cpu: "4", memory: "16Gi", pods: "110" };
  await joinNode(client, { name: BASE.name, providerID: `test:///zone-a/${BASE.name}`, capacity });
  await change(send, "PATCH", `/api/v1/nodes/${BASE.name}`, { spec: { taints: [BASE.taint] } });

  const over = new AbortController();
  const pulse = createPulse(systemClock);
  const controllers = (async () => {
    const wait = { minGapMs: millis(10), maxWaitMs: millis(2_000), signal: over.signal };
    for (;;) {
      await pulse.next(wait);
      await api.reconcile();
      await api.provide();
    }
  })();
  controllers.catch((error: unknown) => {
    if (!over.signal.aborted) console.error("cluster: the stand-in for Cluster API has ended", error);
  });
  parts.defer(async () => {
    over.abort();
    await controllers.catch(() => {});
  });
  const held = parts.move();
  return {
    plane,
    kubeconfig,
    nats: nats.url,
    groups: api,
    changed: () => pulse.trigger(),
    resize: async (group, replicas) => {
      await change(send, "PATCH", `${MACHINE_DEPLOYMENTS}/${group}`, { spec: { replicas } });
      pulse.trigger();
    },
    policy: async (name, spec) => {
      const { apiVersion, kind, plural } = POLICY;
      await change(send, "POST", `/apis/${apiVersion}/${plural}`, {
        apiVersion,
        kind,
        metadata: { name },
        spec,
      });
    },
    [Symbol.asyncDispose]: async () => await held.disposeAsync(),
  };
}
