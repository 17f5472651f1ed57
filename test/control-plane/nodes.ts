// Nodes as a kubelet would register them, for controllers that stand in where no kubelet runs, and what is on them.

import type { Node, Pod } from "../../shared/model/kube.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";

export async function registerNode(
  client: KubeClient,
  node: {
    readonly name: string;
    readonly providerID: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  },
): Promise<Node> {
  const { name, providerID, labels = {}, annotations = {} } = node;
  return await client.create(RESOURCE.nodes, {
    metadata: { name, labels, annotations },
    spec: { providerID },
    status: {
      capacity: { cpu: "16", memory: "64Gi", pods: "110" },
      allocatable: { cpu: "16", memory: "64Gi", pods: "110" },
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "ready" }],
    },
  });
}

/** Nothing when it is gone already. */
export async function dropNode(client: KubeClient, name: string): Promise<void> {
  await ifThere(client.delete(RESOURCE.nodes, { name }));
}

/** A pod that runs on the node, as the scheduler and a kubelet would have left it. */
export async function putPod(client: KubeClient, name: string, node: string): Promise<void> {
  const metadata = { namespace: "default", name };
  const spec = { nodeName: node, containers: [{ name: "main", image: "example.test/main" }] };
  // The types are of what we read; the server completes the rest.
  await client.create(RESOURCE.pods, { metadata, spec } as Pod);
  await client.patchStatus(RESOURCE.pods, metadata, { status: { phase: "Running" } });
}

export async function podsOn(client: KubeClient, node: string): Promise<readonly Pod[]> {
  const { items } = await client.list(RESOURCE.pods, { fieldSelector: `spec.nodeName=${node}` });
  return items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** Null when there is no such object (any more). */
export async function ifThere<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (kindOf(error) === "not-found") return null;
    throw error;
  }
}
