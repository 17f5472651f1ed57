// The shipped Kubernetes client, pointed at a server on loopback.

import type { Clock } from "../../shared/runtime/clock.ts";
import { createKubeClient } from "../../shared/runtime/kube/client.ts";
import type { KubeClient, KubeClientOptions } from "../../shared/runtime/kube/client.ts";
import { fixedToken } from "../../shared/runtime/kube/config.ts";
import type { KubeConfig } from "../../shared/runtime/kube/config.ts";

export function clientFor(
  url: URL,
  clock: Clock,
  options: Partial<KubeClientOptions> & { readonly token?: KubeConfig["token"] } = {},
): KubeClient {
  const { token = fixedToken(null), ...rest } = options;
  return createKubeClient({
    config: { server: url, namespace: "default", token },
    clock,
    userAgent: "test",
    ...rest,
  });
}
