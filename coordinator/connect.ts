// The two sides that the coordinator talks to, made from its settings: the Kubernetes API and NATS.

import { readFileSync } from "node:fs";

import { FIELD_MANAGER } from "../shared/model/names.ts";
import type { Random } from "../shared/model/random.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { createKubeClient } from "../shared/runtime/kube/client.ts";
import type { KubeClient } from "../shared/runtime/kube/client.ts";
import { inClusterConfig } from "../shared/runtime/kube/config.ts";
import type { KubeConfig } from "../shared/runtime/kube/config.ts";
import { readKubeconfig } from "../shared/runtime/kube/kubeconfig.ts";
import type { Log } from "../shared/runtime/log.ts";
import { connectNats } from "../shared/runtime/nats.ts";
import type { Nats } from "../shared/runtime/nats.ts";
import type { SettingValues } from "../shared/runtime/settings.ts";
import type { COORDINATOR_SETTINGS } from "./settings.ts";

export type CoordinatorSettings = SettingValues<typeof COORDINATOR_SETTINGS>;

const NAME = FIELD_MANAGER.coordinator;

/** @throws AppError settings when neither a kubeconfig nor a service account can be read. */
export async function connectKubernetes(values: CoordinatorSettings, clock: Clock): Promise<KubeClient> {
  return createKubeClient({
    config: await kubeConfig(values, clock),
    clock,
    userAgent: NAME,
    fieldManager: NAME,
  });
}

async function kubeConfig(values: CoordinatorSettings, clock: Clock): Promise<KubeConfig> {
  const { kubeconfig, kubeContext, kubernetesHost, kubernetesPort } = values;
  if (kubeconfig !== null)
    return await readKubeconfig(kubeconfig, { context: kubeContext ?? undefined, clock });
  return await inClusterConfig({ host: kubernetesHost ?? undefined, port: String(kubernetesPort), clock });
}

/** Returns at once; the connection is made in the background. */
export function connectToNats(
  values: CoordinatorSettings,
  parts: { readonly log: Log; readonly clock: Clock; readonly random: Random },
): Nats {
  const { natsServers: servers, natsTokenFile: path } = values;
  const auth =
    path === null ? {} : { auth: { kind: "token", read: () => readFileSync(path, "utf8").trim() } as const };
  return connectNats({ servers, name: NAME, ...auth, ...parts });
}
