// The stand-in for the API server and a real one, opened alike, for statements that have to hold for both.

import { policyDefinition } from "../../deploy/crd/crd.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { aWorldClient } from "../build/world-client.ts";
import { whyNoControlPlane } from "./available.ts";
import { createClusterApi } from "./cluster-api.ts";
import { clusterApiDefinitions, install } from "./definitions.ts";
import { createProvider } from "./provider.ts";
import { startControlPlane } from "./start.ts";

/** One API server with an empty MachineDeployment `spot-a` in the namespace `default`, and our policies. */
export interface ApiServer extends AsyncDisposable {
  readonly client: KubeClient;
  /** One request as it is, and its answer as it came. */
  send(
    method: "GET" | "PATCH" | "POST" | "PUT",
    path: string,
    json?: object,
    /** Of a patch that is no merge patch. */
    type?: string,
  ): Promise<{ readonly status: number; readonly text: string }>;
}

export const GROUP = { namespace: "default", name: "spot-a" };

export const BOTH: readonly {
  readonly name: string;
  readonly open: () => Promise<ApiServer>;
  /** Why it cannot be opened here, or null. */
  readonly why: string | null;
}[] = [
  { name: "the stand-in", open: openStandIn, why: null },
  { name: "a real API server", open: openReal, why: await whyNoControlPlane() },
];

async function openStandIn(): Promise<ApiServer> {
  const made = await aWorldClient(0);
  return {
    client: made.client,
    send: async (method, path, json, type = contentType(method)) => {
      const answer = await fetch(new URL(path, made.server.url), {
        method,
        headers: { authorization: "Bearer test", "content-type": type },
        ...(json === undefined ? {} : { body: JSON.stringify(json) }),
      });
      return { status: answer.status, text: await answer.text() };
    },
    [Symbol.asyncDispose]: async () => await made[Symbol.asyncDispose](),
  };
}

async function openReal(): Promise<ApiServer> {
  const plane = await startControlPlane();
  await install(plane, [...(await clusterApiDefinitions("v1beta1")), policyDefinition()]);
  const provider = createProvider("none");
  const clusterApi = createClusterApi({ plane, namespace: GROUP.namespace, version: "v1beta1", provider });
  await clusterApi.create("MachineDeployment", { name: GROUP.name, replicas: 0 });
  return {
    client: plane.client,
    send: async (method, path, json, type = contentType(method)) =>
      await plane.send({
        method,
        path,
        contentType: type,
        ...(json === undefined ? {} : { json }),
      }),
    [Symbol.asyncDispose]: async () => await plane[Symbol.asyncDispose](),
  };
}

function contentType(method: string): string {
  return method === "PATCH" ? "application/merge-patch+json" : "application/json";
}
