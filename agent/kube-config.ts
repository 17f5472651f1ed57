// How this agent reaches the API server: as its pod, or by a kubeconfig outside of a cluster. Reads the settings and
// connects to nothing.

import type { Clock } from "../shared/runtime/clock.ts";
import { inClusterConfig } from "../shared/runtime/kube/config.ts";
import type { KubeConfig } from "../shared/runtime/kube/config.ts";
import type { SettingValues } from "../shared/runtime/settings.ts";
import type { AGENT_SETTINGS } from "./settings.ts";

type Settings = Pick<
  SettingValues<typeof AGENT_SETTINGS>,
  "kubeconfig" | "kubernetesHost" | "kubernetesPort"
>;

/** @throws AppError settings when a value is missing or a file cannot be read. */
export async function agentKubeConfig(values: Settings, clock: Clock): Promise<KubeConfig> {
  if (values.kubeconfig === null) {
    const { kubernetesHost, kubernetesPort } = values;
    return await inClusterConfig({
      host: kubernetesHost ?? undefined,
      port: kubernetesPort ?? undefined,
      clock,
    });
  }
  // Loaded only outside a cluster: the YAML parser costs every agent memory that it would never use.
  const { readKubeconfig } = await import("../shared/runtime/kube/kubeconfig.ts");
  return await readKubeconfig(values.kubeconfig, { clock });
}
