// The two sides that the coordinator talks to, made from its settings: the Kubernetes API and NATS.

import { readFileSync } from "node:fs";

import { FIELD_MANAGER } from "../shared/model/names.ts";
import type { Random } from "../shared/model/random.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import { AppError } from "../shared/runtime/errors.ts";
import { createKubeClient } from "../shared/runtime/kube/client.ts";
import type { KubeClient } from "../shared/runtime/kube/client.ts";
import { inClusterConfig } from "../shared/runtime/kube/config.ts";
import type { KubeConfig } from "../shared/runtime/kube/config.ts";
import { readKubeconfig } from "../shared/runtime/kube/kubeconfig.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { NatsOptions } from "../shared/runtime/nats-link.ts";
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

/**
 * Returns at once; the connection is made in the background.
 * @throws AppError settings when two credentials are named.
 */
export function connectToNats(
  values: CoordinatorSettings,
  parts: { readonly log: Log; readonly clock: Clock; readonly random: Random },
): Nats {
  const { natsServers: servers, natsCaFile: caFile } = values;
  const tls = caFile === null ? {} : { caFile };
  return connectNats({ servers, name: NAME, ...natsAuth(values), ...tls, ...parts });
}

function natsAuth({
  natsTokenFile: token,
  natsNkeyFile: nkey,
}: CoordinatorSettings): Pick<NatsOptions, "auth"> {
  if (token !== null && nkey !== null)
    throw new AppError(
      "settings",
      "GPUAS_NATS_TOKEN_FILE and GPUAS_NATS_NKEY_FILE are both set; NATS knows the coordinator by one of them",
    );
  if (token !== null) return { auth: { kind: "token", read: () => readFileSync(token, "utf8").trim() } };
  if (nkey === null) return {};
  return { auth: { kind: "nkey", read: () => new TextEncoder().encode(readFileSync(nkey, "utf8").trim()) } };
}
