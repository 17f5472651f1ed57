// A world served on loopback for one test, and the paths that the tests use.

import { afterEach } from "vitest";

import type { World } from "../../coordinator/replay/world.ts";
import { CLUSTER_API, POLICY } from "../../shared/model/names.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { connect } from "./connection.ts";
import type { Connection, Json, WatchLine } from "./connection.ts";
import { startWorldServer } from "./server.ts";
import type { WorldServer, WorldServerOptions } from "./server.ts";

export const TOKEN = "secret-of-the-test";
export const PODS = "/api/v1/namespaces/default/pods";
export const NODES = "/api/v1/nodes";
export const GROUP = `/apis/${CLUSTER_API.group}/v1beta1/namespaces/default/machinedeployments/spot-a`;
export const POLICIES = `/apis/${POLICY.apiVersion}/${POLICY.plural}`;
export const LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

export type Serve = (
  world: World,
  options?: Partial<WorldServerOptions>,
) => Promise<{ server: WorldServer; api: Connection }>;

/** Starts servers whose time stands still unless the test says otherwise, and stops them after each test. */
export function servesWorlds(): Serve {
  const running: WorldServer[] = [];
  afterEach(async () => {
    for (const server of running.splice(0)) await server.close();
  });
  return async (world, options = {}) => {
    const server = await startWorldServer({
      world,
      clock: systemClock,
      token: TOKEN,
      speed: "manual",
      ...options,
    });
    running.push(server);
    return { server, api: connect(server.url, TOKEN) };
  };
}

export function podBody(name: string, extra: object = {}): object {
  return {
    metadata: { name, ...extra },
    spec: { containers: [{ name: "main", resources: { requests: { cpu: "1" } } }] },
  };
}

/** The text at a path; empty where there is none. */
export function textAt(json: Json | undefined, ...path: readonly string[]): string {
  let at: Json | undefined = json;
  for (const key of path) at = at?.[key];
  return typeof at === "string" ? at : "";
}

export function kinds(lines: readonly WatchLine[]): readonly string[] {
  return lines.map(({ type, object }) => `${type} ${textAt(object, "metadata", "name")}`);
}
