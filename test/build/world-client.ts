// The Kubernetes client on a world's API server, for tests of code that talks to the API: real requests over
// loopback, with the world at rest unless the test steps it.

import type { WorldOptions } from "../../coordinator/replay/world-options.ts";
import { createWorld } from "../../coordinator/replay/world.ts";
import type { World } from "../../coordinator/replay/world.ts";
import { after, millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createKubeClient } from "../../shared/runtime/kube/client.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { parseKubeconfig } from "../../shared/runtime/kube/kubeconfig.ts";
import { startWorldServer } from "../world/server.ts";
import type { WorldServer } from "../world/server.ts";
import { aQuickPool } from "./scene.ts";

export interface WorldClient extends AsyncDisposable {
  readonly world: World;
  readonly server: WorldServer;
  readonly client: KubeClient;
}

/** One pool of `replicas` nodes that are up, unless the options say otherwise. */
export async function aWorldClient(replicas = 1, options: Partial<WorldOptions> = {}): Promise<WorldClient> {
  const world = createWorld({
    start: systemClock.now(),
    seed: 1,
    pools: [aQuickPool({ replicas, bootMs: millis(0), readyMs: millis(0) })],
    heartbeatMs: null,
    ...options,
  });
  world.advance(after(world.now, millis(1)));
  const server = await startWorldServer({ world, clock: systemClock, token: "test", speed: "manual" });
  const config = await parseKubeconfig(server.kubeconfig(), { clock: systemClock, path: "kubeconfig" });
  const client = createKubeClient({
    config,
    clock: systemClock,
    userAgent: "gpu-autoscaler-coordinator",
    defaultDeadlineMs: millis(2_000),
  });
  return {
    world,
    server,
    client,
    [Symbol.asyncDispose]: async () => {
      client.close();
      await server.close();
    },
  };
}
