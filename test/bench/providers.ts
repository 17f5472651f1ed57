// What sizes pools, for benches that ask how much of it is done and how soon: groups of the simulated cloud in our own
// protocol, the same as AWS's API shows them, and objects of the cluster. Each says what was called, and takes its time
// over it where it is told to.

import type { PoolShape } from "../../coordinator/replay/world-options.ts";
import { millis } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { aQuickPool, machineDeployment } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { startAwsCloud } from "../world/cloud/aws.ts";
import { startAzureCloud } from "../world/cloud/azure.ts";
import type { Face } from "../world/cloud/face.ts";
import { startGcpCloud } from "../world/cloud/gcp.ts";
import { startSimulatedCloud } from "../world/cloud/simulated.ts";

export const PROVIDERS = ["simulated", "aws", "gcp", "azure", "scale"] as const;
export type ProviderName = (typeof PROVIDERS)[number];

/** One call that was understood and carried out. */
export interface ProviderCall {
  readonly at: number;
  readonly action: string;
  readonly write: boolean;
  readonly pools: readonly string[];
}

export interface Provider {
  readonly name: ProviderName;
  /** Settings of the coordinator, by environment name. */
  readonly env: Readonly<Record<string, string>>;
  /** The value of nodePools[].group of a policy. */
  groupOf(pool: string): Readonly<Record<string, unknown>>;
  addGroup(pool: string, shape: GroupShape): void;
  size(pool: string): number;
  /** In the order in which they took effect. */
  calls(): readonly ProviderCall[];
}

export interface GroupShape {
  readonly desired: number;
  readonly capacityType: "spot" | "on-demand";
  readonly max: number;
}

type OwnShape = (capacityType: GroupShape["capacityType"]) => Partial<PoolShape>;

const REGION = "us-west-2";
const GCP_ZONE = "us-central1-a";
/** A spot machine that is lost is made anew under its name, and as at Google it is no node for long after. */
const GCP_SHAPE: OwnShape = (capacityType) => ({
  zones: [GCP_ZONE],
  ...(capacityType === "spot" ? { bootMs: millis(25_000) } : {}),
});

/** `answersAfterMs`: what every call takes. */
export async function openProvider(
  name: ProviderName,
  scene: Scene,
  { answersAfterMs }: { readonly answersAfterMs: number },
): Promise<Provider> {
  const options = { change: scene.server.change, clock: systemClock };
  const slow = { kind: "slow", ms: millis(answersAfterMs) } as const;
  switch (name) {
    case "simulated": {
      const cloud = await startSimulatedCloud(options);
      if (answersAfterMs > 0) cloud.trouble.set(slow);
      return {
        ...ofCloud(scene, cloud, name),
        env: {},
        groupOf: (pool) => ({ simulated: { url: cloud.url, name: pool } }),
      };
    }
    case "aws": {
      const cloud = await startAwsCloud({ ...options, region: REGION });
      if (answersAfterMs > 0) cloud.trouble.set(slow);
      return {
        ...ofCloud(scene, cloud, name),
        env: { AWS_ENDPOINT_URL: cloud.url, AWS_ACCESS_KEY_ID: "bench", AWS_SECRET_ACCESS_KEY: "bench" },
        groupOf: (pool) => ({ aws: { region: REGION, autoScalingGroup: pool } }),
      };
    }
    case "gcp": {
      const cloud = await startGcpCloud(options);
      if (answersAfterMs > 0) cloud.trouble.set(slow);
      return {
        ...ofCloud(scene, cloud, name, GCP_SHAPE),
        env: cloud.env,
        groupOf: (pool) => ({
          gcp: { project: cloud.project, location: GCP_ZONE, instanceGroupManager: pool },
        }),
      };
    }
    case "azure": {
      const cloud = await startAzureCloud(options);
      if (answersAfterMs > 0) cloud.trouble.set(slow);
      return {
        ...ofCloud(scene, cloud, name),
        env: cloud.env,
        groupOf: (pool) => ({ azure: cloud.target(pool) }),
      };
    }
    case "scale":
      if (answersAfterMs > 0)
        scene.server.faults.set({
          ...slow,
          match: { pathIncludes: "/scale", userAgentIncludes: "coordinator" },
        });
      return ofCluster(scene);
    default:
      return name satisfies never;
  }
}

function ofCloud(
  scene: Scene,
  cloud: Face<unknown>,
  name: "simulated" | "aws" | "gcp" | "azure",
  own: OwnShape = () => ({}),
): Omit<Provider, "env" | "groupOf"> {
  scene.also(async () => await cloud.close());
  return {
    name,
    addGroup: (pool, { desired, capacityType, max }) => {
      const { instanceType, ...shape } = aQuickPool({ name: pool, capacityType, ...own(capacityType) });
      scene.server.change((world) =>
        world.clouds.addGroup({ ...shape, cloud: name, instanceTypes: [instanceType], desired, max }),
      );
    },
    size: (pool) => scene.world.clouds.group(pool)?.desired ?? -1,
    calls: () =>
      cloud.calls
        .filter(({ effect }) => effect === "done")
        .map(({ at, action, write, groups }) => ({ at, action, write, pools: groups })),
  };
}

function ofCluster(scene: Scene): Provider {
  return {
    name: "scale",
    env: {},
    groupOf: machineDeployment,
    addGroup: (pool, { desired, capacityType }) => {
      scene.server.change((world) =>
        world.addPool(aQuickPool({ name: pool, capacityType, replicas: desired })),
      );
    },
    size: (pool) => scene.size(pool),
    calls: () =>
      scene.server.audit
        .filter(
          ({ subresource, userAgent, status }) =>
            subresource === "scale" && userAgent.includes("coordinator") && status === 200,
        )
        .map(({ at, method, name }) => ({
          at,
          action: method,
          write: method !== "GET",
          pools: name === null ? [] : [name],
        })),
  };
}
