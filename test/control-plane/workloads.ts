// Workloads of users on a real cluster: Deployments and their budgets, whose pods and counts the real controllers keep. What
// is asked here is read from the API at that moment.

import type { Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { ControlPlane, RawRequest } from "./start.ts";

const DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments";
const BUDGETS = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";

/** A pod that takes one GPU. */
export const WITH_GPU = {
  containers: [{ name: "main", image: "example.test/train", resources: { limits: { [GPU_RESOURCE]: "1" } } }],
};

/** A pod that goes where GPUs are if it may, and else where there is room. */
export const NEAR_GPUS = {
  containers: [{ name: "main", image: "example.test/web", resources: { requests: { cpu: "1" } } }],
  affinity: {
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution: [
        {
          weight: 100,
          preference: { matchExpressions: [{ key: "nvidia.com/gpu.present", operator: "Exists" }] },
        },
      ],
    },
  },
};

export interface BudgetCount {
  readonly disruptionsAllowed: number;
  readonly currentHealthy: number;
}

export interface Workloads {
  /** `annotations` are of its pods. */
  deploy(
    app: string,
    replicas: number,
    spec: object,
    annotations?: Readonly<Record<string, string>>,
  ): Promise<void>;
  scale(app: string, replicas: number): Promise<void>;
  remove(app: string): Promise<void>;
  /** All of its pods, those that end included. */
  pods(app: string): Promise<readonly Pod[]>;
  running(app: string): Promise<readonly Pod[]>;
  /** Makes it, or changes the one that is there. */
  budget(app: string, minAvailable: number): Promise<void>;
  /** @throws Error as long as the controller has not counted for the budget as it is. */
  budgetOf(app: string): Promise<BudgetCount>;
}

export function createWorkloads({ client, send }: Pick<ControlPlane, "client" | "send">): Workloads {
  const pods = async (app: string): Promise<readonly Pod[]> =>
    (await client.list(RESOURCE.pods, { namespace: "default", labelSelector: `app=${app}` })).items;
  return {
    deploy: async (app, replicas, spec, annotations = {}) => {
      const template = { metadata: { labels: { app }, annotations }, spec };
      await change(send, "POST", DEPLOYMENTS, {
        metadata: { name: app },
        spec: { replicas, selector: { matchLabels: { app } }, template },
      });
    },
    scale: async (app, replicas) =>
      await change(send, "PATCH", `${DEPLOYMENTS}/${app}`, { spec: { replicas } }),
    remove: async (app) => await change(send, "DELETE", `${DEPLOYMENTS}/${app}`, {}),
    pods,
    running: async (app) => (await pods(app)).filter(isRunning),
    budget: async (app, minAvailable) => {
      const { status } = await send({ method: "GET", path: `${BUDGETS}/${app}` });
      if (status === 200) await change(send, "PATCH", `${BUDGETS}/${app}`, { spec: { minAvailable } });
      else {
        const spec = { minAvailable, selector: { matchLabels: { app } } };
        await change(send, "POST", BUDGETS, { metadata: { name: app }, spec });
      }
    },
    budgetOf: async (app) => {
      const { text } = await send({ method: "GET", path: `${BUDGETS}/${app}` });
      const { metadata, status } = JSON.parse(text) as {
        readonly metadata: { readonly generation: number };
        readonly status: BudgetCount & { readonly observedGeneration: number };
      };
      if (status.observedGeneration !== metadata.generation) throw new Error(`nobody has counted for ${app}`);
      return status;
    },
  };
}

export function isRunning({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase === "Running";
}

/** @throws Error with what the server says, when it refuses. */
export async function change(
  send: ControlPlane["send"],
  method: RawRequest["method"],
  path: string,
  json: object,
): Promise<void> {
  const contentType = method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const { status, text } = await send({ method, path, json, contentType });
  if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
}
