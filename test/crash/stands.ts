// The back ends under the crash matrix, each over the world: groups that are objects of the cluster through its API
// server, groups of a cloud through that cloud's face.

import type { CloudGroupShape } from "../../coordinator/replay/world-cloud.ts";
import { KARPENTER } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { aQuickPool, machineDeployment } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { startAwsCloud } from "../world/cloud/aws.ts";
import { startAzureCloud } from "../world/cloud/azure.ts";
import type { Face } from "../world/cloud/face.ts";
import { startGcpCloud } from "../world/cloud/gcp.ts";
import { startSimulatedCloud } from "../world/cloud/simulated.ts";
import type { OpenStand, Stand } from "./stand.ts";

const REGION = "us-west-2";
const GCP_ZONE = "us-central1-a";
/** Longer than a call of the coordinator may take here. */
const LATE_MS = millis(1_500);

export const clusterApiStand: OpenStand = async (scene) => {
  const write = { method: "PATCH", pathIncludes: "/scale", userAgentIncludes: "coordinator" } as const;
  return await Promise.resolve({
    name: "cluster-api",
    env: {},
    groupOf: machineDeployment,
    addGroup: (pool, { desired, capacityType }) => {
      scene.server.change((world) =>
        world.addPool(aQuickPool({ name: pool, capacityType, replicas: desired })),
      );
    },
    desired: (pool) => scene.size(pool),
    made: (pool) => machinesMade(scene, pool),
    // A Machine is always its MachineDeployment's.
    forgotten: () => [],
    onWrite: (hook) =>
      scene.server.onRequest(async ({ when, method, path, userAgent }) => {
        const pool = /\/machinedeployments\/([^/]+)\/scale$/.exec(path)?.[1];
        if (pool === undefined || method !== "PATCH" || !userAgent.includes("coordinator")) return;
        await hook({ when, pool });
      }),
    trouble: (kind) => {
      if (kind === "lost") scene.server.faults.set({ kind: "cut", when: "after", times: 1, match: write });
      else scene.server.faults.set({ kind: "slow", ms: LATE_MS, times: 1, match: write });
    },
  });
};

/** A static NodePool. Its controller may make a claim between two of our calls and take it back: only machines count. */
export const karpenterStand: OpenStand = async (scene) => {
  const write = { pathIncludes: "/karpenter.sh/", userAgentIncludes: "coordinator" } as const;
  return await Promise.resolve({
    name: "karpenter",
    env: {},
    groupOf: (pool) => ({ scale: { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: pool } }),
    addGroup: (pool, { desired, capacityType }) => {
      const shape = aQuickPool({ name: pool, capacityType, replicas: desired });
      scene.server.change((world) => world.addNodePool(shape));
    },
    desired: (pool) => scene.world.get("nodepools", { name: pool })?.spec?.replicas ?? -1,
    made: (pool) =>
      scene.world.ledger.filter((fact) => fact.kind === "machine-joined" && fact.pool === pool).length,
    // Between our two calls a claim is gone and the number still stands, so Karpenter may buy another one.
    spare: ({ deed, point }) => (deed !== "grow" && point.at === "call" ? 1 : 0),
    // A NodeClaim is always its NodePool's.
    forgotten: () => [],
    onWrite: (hook) =>
      scene.server.onRequest(async ({ when, method, path, userAgent, body }) => {
        if (!userAgent.includes("coordinator")) return;
        const pool = /\/nodepools\/([^/]+)/.exec(path)?.[1];
        if (pool !== undefined && method === "PATCH" && body.includes("replicas")) await hook({ when, pool });
        const claim = /\/nodeclaims\/([^/]+)$/.exec(path)?.[1];
        if (claim === undefined || method !== "DELETE") return;
        const labels = scene.world.get("nodeclaims", { name: claim })?.metadata.labels;
        await hook({ when, pool: labels?.[KARPENTER.nodePool] ?? "" });
      }),
    trouble: (kind) => {
      if (kind === "lost")
        scene.server.faults.set({
          kind: "cut",
          when: "after",
          times: 1,
          match: { ...write, method: "PATCH" },
        });
      else
        scene.server.faults.set({
          kind: "slow",
          ms: LATE_MS,
          times: 1,
          match: { ...write, method: "PATCH" },
        });
    },
  });
};

/** The simulated cloud in our own protocol. */
export const simulatedStand: OpenStand = async (scene) => {
  const cloud = await startSimulatedCloud({ change: scene.server.change, clock: systemClock });
  scene.also(async () => await cloud.close());
  return {
    ...cloudStand(scene, cloud, "simulated"),
    env: {},
    groupOf: (pool) => ({ simulated: { url: cloud.url, name: pool } }),
  };
};

/** The same cloud as AWS's API shows it, through AWS's own SDK. */
export const awsStand: OpenStand = async (scene) => {
  const cloud = await startAwsCloud({ change: scene.server.change, clock: systemClock, region: REGION });
  scene.also(async () => await cloud.close());
  return {
    ...cloudStand(scene, cloud, "aws"),
    env: {
      AWS_ENDPOINT_URL: cloud.url,
      AWS_ACCESS_KEY_ID: "test",
      AWS_SECRET_ACCESS_KEY: "test",
    },
    groupOf: (pool) => ({ aws: { region: REGION, autoScalingGroup: pool } }),
  };
};

/** A managed instance group, through the requests that we send to Google. */
export const gcpStand: OpenStand = async (scene) => {
  const cloud = await startGcpCloud({ change: scene.server.change, clock: systemClock });
  scene.also(async () => await cloud.close());
  return {
    ...cloudStand(scene, cloud, "gcp", [GCP_ZONE]),
    env: cloud.env,
    groupOf: (pool) => ({
      gcp: { project: cloud.project, location: GCP_ZONE, instanceGroupManager: pool },
    }),
  };
};

/** Scale sets, through the requests that we send to Azure. */
export const azureStand: OpenStand = async (scene) => {
  const cloud = await startAzureCloud({ change: scene.server.change, clock: systemClock });
  scene.also(async () => await cloud.close());
  return {
    ...cloudStand(scene, cloud, "azure"),
    env: cloud.env,
    groupOf: (pool) => ({ azure: cloud.target(pool) }),
  };
};

function cloudStand(
  scene: Scene,
  cloud: Pick<Face<unknown>, "onRequest" | "trouble">,
  name: CloudGroupShape["cloud"],
  zones?: readonly string[],
): Omit<Stand, "env" | "groupOf"> {
  return {
    name,
    addGroup: (pool, { desired, capacityType }) => {
      const own = zones === undefined ? {} : { zones };
      const { instanceType, ...shape } = aQuickPool({ name: pool, capacityType, ...own });
      scene.server.change((world) =>
        world.clouds.addGroup({ ...shape, cloud: name, instanceTypes: [instanceType], desired, max: 5 }),
      );
    },
    desired: (pool) => scene.world.clouds.group(pool)?.desired ?? -1,
    made: (pool) => machinesMade(scene, pool),
    forgotten: () =>
      scene.world
        .list("nodes")
        .flatMap(({ spec }) => scene.world.clouds.instance(spec?.providerID?.split("/").at(-1) ?? "") ?? [])
        .filter(({ group, state }) => group === null && state === "running")
        .map(({ id }) => id),
    onWrite: (hook) =>
      cloud.onRequest(async ({ phase, groups, write }) => {
        if (!write) return;
        for (const pool of groups) await hook({ when: phase === "arrived" ? "before" : "after", pool });
      }),
    trouble: (kind) => {
      const match = { write: true };
      if (kind === "lost") cloud.trouble.set({ kind: "lost", when: "after", times: 1, match });
      else cloud.trouble.set({ kind: "slow", ms: LATE_MS, times: 1, match });
    },
  };
}

function machinesMade(scene: Scene, pool: string): number {
  return scene.world.ledger.filter((fact) => fact.kind === "machine-created" && fact.pool === pool).length;
}

export const STANDS = {
  simulated: simulatedStand,
  aws: awsStand,
  "cluster-api": clusterApiStand,
  karpenter: karpenterStand,
  gcp: gcpStand,
  azure: azureStand,
} as const satisfies Readonly<Record<string, OpenStand>>;
