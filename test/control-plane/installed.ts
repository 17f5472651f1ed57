// A cluster with one GPU pool of Cluster API and the chart on it, as tests of the whole find it: a node without GPUs, no
// machine yet, and a policy under which nothing that is idle goes until a test says so.

import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { startNats } from "../build/nats.ts";
import { healthyGpu } from "../nvml-double/fixture.ts";
import { auditFlags } from "./audit.ts";
import { startBetween } from "./between.ts";
import type { Between } from "./between.ts";
import { createClusterApi } from "./cluster-api.ts";
import { joinNode, startCluster } from "./cluster.ts";
import type { Cluster } from "./cluster.ts";
import { clusterApiDefinitions, install } from "./definitions.ts";
import { createProvider } from "./provider.ts";
import type { Provider } from "./provider.ts";
import { installRelease } from "./release.ts";
import type { Release } from "./release.ts";

/** The node without GPUs. */
export const BASE = "base-1";
/** Name of the policy. */
export const TRAINING = "training";

const GROUP = { namespace: "default", name: "gpus" };
const NODE = { cpu: "8", memory: "32Gi", pods: "110" };
const MAX_NODES = 8;

/** Of the chart. */
export const VALUES = {
  image: { repository: "registry.example.com/gpu-autoscaler" },
  agent: {
    settings: {
      cloud: "none",
      sampleInterval: "500ms",
      reportInterval: "1s",
      slowInterval: "1s",
      shutdownGrace: "2s",
    },
  },
  coordinator: { settings: { cycleInterval: "500ms" } },
  policies: {
    [TRAINING]: {
      provider: "custom",
      pendingPodTimeoutSeconds: 0,
      scaleUpCooldownSeconds: 0,
      scaleDownCooldownSeconds: 0,
      scaleDownDelayAfterAddSeconds: 0,
      emptySeconds: 600,
      idleSeconds: 600,
      maxNodes: MAX_NODES,
      nodePools: [
        {
          name: "gpus",
          maxSize: MAX_NODES,
          capacityType: "on-demand",
          price: { usdPerHour: 1 },
          group: {
            scale: { apiVersion: "cluster.x-k8s.io/v1beta2", kind: "MachineDeployment", ...GROUP },
          },
          template: { allocatable: { ...NODE, [GPU_RESOURCE]: 1 } },
        },
      ],
    },
  },
};

export interface Installed extends AsyncDisposable {
  readonly cluster: Cluster;
  /** The way of our programs to the API server. */
  readonly between: Between;
  readonly release: Release;
  /** Whose machines are the nodes with GPUs. */
  readonly provider: Provider;
}

export async function startInstalled(): Promise<Installed> {
  await using parts = new AsyncDisposableStack();
  const cluster = parts.use(await startCluster({ serverFlags: auditFlags }));
  const { plane } = cluster;
  const between = parts.use(await startBetween(plane));
  const nats = parts.adopt(await startNats(), async (server) => await server.remove());
  await install(plane, await clusterApiDefinitions());
  const provider = createProvider("test");
  const clusterApi = createClusterApi({
    plane,
    namespace: GROUP.namespace,
    version: "v1beta2",
    provider,
    register: async (client, node) =>
      await joinNode(client, {
        ...node,
        labels: { "nvidia.com/gpu.present": "true" },
        capacity: { ...NODE, [GPU_RESOURCE]: "1" },
      }),
  });
  await clusterApi.create("MachineDeployment", { name: GROUP.name, replicas: 0 });
  await joinNode(plane.client, { name: BASE, providerID: `test:///zone-a/${BASE}`, capacity: NODE });
  const release = parts.use(
    await installRelease({
      cluster,
      server: between.url,
      nats: nats.url,
      values: VALUES,
      gpu: healthyGpu,
      meanwhile: async () => {
        await clusterApi.reconcile();
        await clusterApi.provide();
      },
    }),
  );
  const held = parts.move();
  return {
    cluster,
    between,
    release,
    provider,
    [Symbol.asyncDispose]: async () => await held.disposeAsync(),
  };
}
