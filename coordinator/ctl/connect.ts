// The Kubernetes API as the person who types has it: the kubeconfig that is named, else that of the environment,
// else the one in the home directory, as other tools look for it.

import { homedir } from "node:os";
import { join } from "node:path";

import { systemClock as clock } from "../../shared/runtime/clock.ts";
import { createKubeClient } from "../../shared/runtime/kube/client.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { readKubeconfig } from "../../shared/runtime/kube/kubeconfig.ts";
import { readEnvironment } from "../../shared/runtime/settings.ts";
import type { Common } from "./arguments.ts";

/** Where it is looked for, whether or not it is there. */
export function kubeconfigOf({ kubeconfig }: Pick<Common, "kubeconfig">): string {
  const environment = readEnvironment();
  return (
    kubeconfig ??
    environment["GPUAS_KUBECONFIG"] ??
    environment["KUBECONFIG"] ??
    join(homedir(), ".kube", "config")
  );
}

export async function withCluster<T>(
  { kubeconfig, context }: Common,
  use: (client: KubeClient) => Promise<T>,
): Promise<T> {
  const config = await readKubeconfig(kubeconfigOf({ kubeconfig }), { context, clock });
  const client = createKubeClient({ config, clock, userAgent: "gpuasctl" });
  try {
    return await use(client);
  } finally {
    client.close();
  }
}
