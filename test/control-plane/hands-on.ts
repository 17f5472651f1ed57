// A cluster to try the chart on, as `npm run control-plane` gives it: a real control plane, a node without GPUs, a
// MachineDeployment without machines, room for one volume, and kubelets that start our programs for the pods of the chart.
// Whoever has its kubeconfig installs what they like; machines and clouds are stand-ins, and so are GPUs.

import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

import { ensureBundle, ENTRIES } from "../../deploy/bundle.ts";
import type { KubeObject, Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../shared/runtime/kube/resources.ts";
import { eventually } from "../build/eventually.ts";
import { startNats } from "../build/nats.ts";
import { healthyGpu } from "../nvml-double/fixture.ts";
import { obtain } from "../tools/obtain.ts";
import { createClusterApi } from "./cluster-api.ts";
import { joinNode, startCluster } from "./cluster.ts";
import { clusterApiDefinitions, install } from "./definitions.ts";
import { startKubelets } from "./kubelets.ts";
import { startPodNetwork } from "./pod-network.ts";
import { createProvider } from "./provider.ts";
import { isRunning } from "./workloads.ts";

export interface HandsOn extends AsyncDisposable {
  readonly server: URL;
  /** A file of a shell's settings: where the cluster is, and the programs to speak to it with. */
  readonly settings: string;
}

/** The group of machines. One GPU each. */
export const GROUP = { namespace: "default", name: "gpus" } as const;
const BASE = "base-1";
const NODE = { cpu: "8", memory: "32Gi", pods: "110" };

const STORAGE_CLASSES: Resource = {
  group: "storage.k8s.io",
  version: "v1",
  plural: "storageclasses",
  kind: "StorageClass",
  namespaced: false,
};
const VOLUMES: Resource<Volume> = {
  group: "",
  version: "v1",
  plural: "persistentvolumes",
  kind: "PersistentVolume",
  namespaced: false,
};
interface Volume extends KubeObject {
  readonly status?: { readonly phase?: string };
}

/**
 * Resolves when the cluster is there. What people need stands in `folder`, which goes with it.
 * @throws AppError conflict when another one uses that folder; not-found when a program cannot be had.
 */
export async function startHandsOn(
  folder: string,
  onProgress: (sentence: string) => void = () => {},
): Promise<HandsOn> {
  await using parts = new AsyncDisposableStack();
  await claim(folder);
  parts.defer(async () => await rm(folder, { recursive: true, force: true }));
  const bundle = await ensureBundle({ entries: ENTRIES });
  const [kubectl, helm] = [await obtain("kubectl", { onProgress }), await obtain("helm", { onProgress })];

  const network = parts.use(await startPodNetwork());
  const cluster = parts.use(
    await startCluster({ serverFlags: async (held) => await network.serverFlags(held) }),
  );
  const { client, url } = cluster.plane;
  await install(cluster.plane, await clusterApiDefinitions());
  const nats = parts.adopt(await startNats(), async (server) => await server.remove());
  await nats.stop();
  let nodes = 0;
  // Pods on their node's network have the node's address, and each has to be told from the others.
  const enter = async (node: Parameters<typeof joinNode>[1], by: KubeClient = client): Promise<void> => {
    // Not ready at first, so that whose pods run is ready.
    await joinNode(by, {
      ...node,
      conditions: [{ type: "Ready", status: "False", reason: "KubeletNotReady" }],
    });
    nodes += 1;
    const addresses = [{ type: "InternalIP", address: `10.1.0.${nodes}` }];
    await by.patchStatus(RESOURCE.nodes, { name: node.name }, { status: { addresses } });
  };
  const clusterApi = createClusterApi({
    plane: cluster.plane,
    namespace: GROUP.namespace,
    version: "v1beta2",
    provider: createProvider("gpu"),
    register: async (by, node) => {
      const labels = { "nvidia.com/gpu.present": "true" };
      await enter({ ...node, labels, capacity: { ...NODE, [GPU_RESOURCE]: "1" } }, by);
    },
  });
  await clusterApi.create("MachineDeployment", { name: GROUP.name, replicas: 0 });
  await enter({ name: BASE, providerID: `test:///zone-a/${BASE}`, capacity: NODE });
  await createStorage(client);

  let natsRuns = false;
  const serveNats = async (): Promise<void> => {
    const labelSelector = "app.kubernetes.io/component=nats";
    const { items } = await client.list(RESOURCE.pods, {
      namespace: SERVICE_ACCOUNT.namespace,
      labelSelector,
    });
    const wanted = items.some((pod: Pod) => isRunning(pod));
    if (wanted === natsRuns) return;
    await (wanted ? nats.restart() : nats.stop());
    natsRuns = wanted;
  };
  const kubelets = parts.use(
    startKubelets({
      cluster,
      server: url,
      nats: nats.url,
      // Names of services mean nothing outside of pods.
      env: { GPUAS_NATS_SERVERS: nats.url },
      gpu: healthyGpu,
      meanwhile: async () => {
        await clusterApi.reconcile();
        await clusterApi.provide();
        await serveNats();
        await freeVolumes(client);
      },
    }),
  );
  network.onConnect((ip) => {
    const program = kubelets.running.find((one) => one.ip === ip)?.program;
    return program === undefined ? null : new URL(program.url);
  });

  await eventually(async () => await isReady(client, BASE), { withinMs: 30_000 });
  const settings = await writeSettings(folder, {
    kubeconfig: await readFile(cluster.kubeconfig, "utf8"),
    programs: { kubectl: [kubectl], helm: [helm], gpuasctl: [process.execPath, join(bundle, "gpuasctl.js")] },
  });
  const held = parts.move();
  return { server: url, settings, [Symbol.asyncDispose]: async () => await held.disposeAsync() };
}

async function isReady(client: KubeClient, name: string): Promise<boolean> {
  const { status } = await client.get(RESOURCE.nodes, { name });
  return status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") === true;
}

/** One at a time: people would not know to whose cluster they speak. */
async function claim(folder: string): Promise<void> {
  const file = join(folder, "pid");
  const [id = "", began = ""] = (await readFile(file, "utf8").catch(() => "")).split(" ");
  const holder = Number(id);
  if (holder > 0 && holder !== process.pid && began === (await beginOf(holder)))
    throw new AppError(
      "conflict",
      `process ${holder} has a control plane in ${folder} already; use that one, or end it`,
    );
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await writeFile(file, `${process.pid} ${await beginOf(process.pid)}`);
}

/** When that process began, in the kernel's count; null: there is none. Its number may be another one's by now. */
async function beginOf(pid: number): Promise<string | null> {
  const line = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
  // The name in brackets may hold anything; the start is the 22nd field.
  return line?.slice(line.lastIndexOf(")") + 2).split(" ")[19] ?? null;
}

/** One volume for the chart's NATS, given to whoever asks first. */
async function createStorage(client: KubeClient): Promise<void> {
  const isDefault = { "storageclass.kubernetes.io/is-default-class": "true" };
  await client.create(STORAGE_CLASSES, {
    metadata: { name: "standard", annotations: isDefault },
    provisioner: "kubernetes.io/no-provisioner",
    volumeBindingMode: "WaitForFirstConsumer",
  } as KubeObject);
  await client.create(VOLUMES, {
    metadata: { name: "volume-1" },
    spec: {
      storageClassName: "standard",
      capacity: { storage: "10Gi" },
      accessModes: ["ReadWriteOnce"],
      persistentVolumeReclaimPolicy: "Retain",
      hostPath: { path: "/var/lib/volume-1" },
    },
  } as Volume);
}

/** Whose claim is gone is free again, as a provisioner would make a new one. */
async function freeVolumes(client: KubeClient): Promise<void> {
  for (const { metadata, status } of (await client.list(VOLUMES)).items) {
    if (status?.phase === "Released")
      await client.mergePatch(VOLUMES, { name: metadata.name }, { spec: { claimRef: null } });
  }
}

async function writeSettings(
  folder: string,
  {
    kubeconfig,
    programs,
  }: { readonly kubeconfig: string; readonly programs: Readonly<Record<string, readonly string[]>> },
): Promise<string> {
  const bin = join(folder, "bin");
  await mkdir(bin);
  await writeFile(join(folder, "kubeconfig"), kubeconfig, { mode: 0o600 });
  for (const [name, words] of Object.entries(programs)) {
    const file = join(bin, name);
    await writeFile(file, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(" ")} "$@"\n`);
    await chmod(file, 0o755);
  }
  const settings = join(folder, "env");
  await writeFile(
    settings,
    `export KUBECONFIG='${join(folder, "kubeconfig")}'\nexport PATH='${bin}':"$PATH"\n`,
  );
  return settings;
}
