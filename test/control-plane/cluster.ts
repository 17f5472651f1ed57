// A real control plane with all that makes a cluster of it: the scheduler and the controllers of Kubernetes, and kwok, which
// plays the kubelets of nodes that are only objects (stages/ says how). Machines, clouds and our programs are the test's.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Condition, Node } from "../../shared/model/kube.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { eventually } from "../build/eventually.ts";
import { obtain } from "../tools/obtain.ts";
import { CLUSTER_PROGRAMS } from "./available.ts";
import { startChild } from "./child.ts";
import type { Child } from "./child.ts";
import { startControlPlane } from "./start.ts";
import type { ControlPlane, ControlPlaneOptions } from "./start.ts";

export interface Cluster extends AsyncDisposable {
  readonly plane: ControlPlane;
  /** Path of the administrator's kubeconfig. */
  readonly kubeconfig: string;
  /** A folder that goes with the cluster. */
  readonly folder: string;
}

export interface ClusterOptions {
  /** More flags of the API server, with the folder above for files that it writes or reads. */
  readonly serverFlags?: (folder: string) => readonly string[] | Promise<readonly string[]>;
  /** More flags of the programs beside it, such as the rates at which they may ask the server. */
  readonly programFlags?: Readonly<Partial<Record<ClusterProgram, readonly string[]>>>;
}

type ClusterProgram = (typeof CLUSTER_PROGRAMS)[number];

const STAGES = ["node", "pod"].map((name) => new URL(`stages/${name}.yaml`, import.meta.url).pathname);
const WITHIN_MS = 60_000;

/** What needs a cloud, or gives nodes addresses that nobody routes. */
const CONTROLLERS_LEFT_OUT = [
  "node-ipam-controller",
  "node-route-controller",
  "service-lb-controller",
  "cloud-node-lifecycle-controller",
];

/** Resolves when the controllers work. @throws Error with the programs' own words. */
export async function startCluster({
  serverFlags = () => [],
  programFlags = {},
}: ClusterOptions = {}): Promise<Cluster> {
  await using parts = new AsyncDisposableStack();
  const folder = parts.adopt(await mkdtemp(join(tmpdir(), "cluster-")), async (path) => {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  });
  const options: ControlPlaneOptions = { serverFlags: await serverFlags(folder) };
  const plane = parts.use(await startControlPlane(options));
  const kubeconfig = join(folder, "admin");
  await writeFile(kubeconfig, plane.kubeconfig(), { mode: 0o600 });
  const children: Child[] = [];
  for (const name of CLUSTER_PROGRAMS) {
    const flags = [...flagsOf(name, kubeconfig, plane), ...(programFlags[name] ?? [])];
    const child = startChild(await obtain(name), flags);
    children.push(parts.adopt(child, async (one) => await one.end()));
  }
  const up = eventually(async () => await hasDefaultAccount(plane), { withinMs: WITHIN_MS });
  await Promise.race([up, ...children.map(({ failed }) => failed)]);
  const held = parts.move();
  return { plane, kubeconfig, folder, [Symbol.asyncDispose]: async () => await held.disposeAsync() };
}

/** A node as a kubelet registers it, before it is ready: kwok makes it so. Capacity as Kubernetes writes it. */
export async function joinNode(
  client: KubeClient,
  node: Pick<Node["metadata"], "name" | "labels" | "annotations"> & {
    readonly providerID: string;
    readonly capacity: Readonly<Record<string, string>>;
    /** As a kubelet says them at first. Without any, pods may be placed before it is ready. */
    readonly conditions?: readonly Condition[];
  },
): Promise<Node> {
  const { name, labels = {}, annotations = {}, providerID, capacity, conditions = [] } = node;
  const known = {
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
    "topology.kubernetes.io/zone": "zone-a",
  };
  return await client.create(RESOURCE.nodes, {
    metadata: { name, labels: { ...known, ...labels }, annotations },
    spec: { providerID },
    status: { capacity, allocatable: capacity, conditions },
  });
}

function flagsOf(name: ClusterProgram, kubeconfig: string, { files }: ControlPlane): readonly string[] {
  // No port: nobody asks them for anything, and two clusters at once get along.
  const common = [`--kubeconfig=${kubeconfig}`, "--leader-elect=false", "--secure-port=0"];
  switch (name) {
    case "kube-scheduler":
      return common;
    case "kube-controller-manager":
      return [
        ...common,
        `--service-account-private-key-file=${files.accountKey}`,
        `--root-ca-file=${files.ca}`,
        `--controllers=*,${CONTROLLERS_LEFT_OUT.map((one) => `-${one}`).join(",")}`,
      ];
    case "kwok":
      return [
        `--kubeconfig=${kubeconfig}`,
        "--manage-all-nodes=true",
        "--node-lease-duration-seconds=40",
        ...STAGES.map((file) => `--config=${file}`),
      ];
  }
}

/** A controller gives it to every namespace. */
async function hasDefaultAccount({ send }: Pick<ControlPlane, "send">): Promise<boolean> {
  const path = "/api/v1/namespaces/default/serviceaccounts/default";
  return (await send({ method: "GET", path })).status === 200;
}
