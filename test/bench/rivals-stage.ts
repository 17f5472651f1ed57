// The eleven that may size a group beside us, each on a pool of its own, as something that begins and ends when it is told
// to: through the stand-ins of three clouds, the objects of the cluster, and a second coordinator. It measures nothing.

import { CLUSTER_AUTOSCALER, KARPENTER } from "../../shared/model/names.ts";
import type { RivalKind } from "../../shared/model/rival.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { aQuickPool, poolSpec } from "../build/scene.ts";
import type { Scene } from "../build/scene.ts";
import { startAwsCloud } from "../world/cloud/aws.ts";
import { startAzureCloud } from "../world/cloud/azure.ts";
import type { AzureCloud } from "../world/cloud/azure.ts";
import { startGcpCloud } from "../world/cloud/gcp.ts";

export interface BenchRival {
  readonly kind: RivalKind;
  /** The pool whose group it sizes. */
  readonly pool: string;
  readonly begin: () => void | Promise<void>;
  /** Null: it does not end by what we do, but by time. */
  readonly end: (() => void | Promise<void>) | null;
}

export interface RivalStage {
  readonly env: Readonly<Record<string, string>>;
  readonly pools: readonly Readonly<Record<string, unknown>>[];
  readonly rivals: readonly BenchRival[];
}

const REGION = "us-west-2";
const ZONE = "us-central1-a";
const ON_GKE = {
  metadata: {
    items: [
      { key: "cluster-name", value: "prod" },
      { key: "cluster-location", value: "us-central1" },
      { key: "kube-labels", value: "cloud.google.com/gke-nodepool=spot-pool" },
    ],
  },
};

type CloudName = "aws" | "gcp" | "azure";

function addGroup(scene: Scene, cloud: CloudName, name: string, zones: readonly string[]): void {
  const { instanceType, ...shape } = aQuickPool({ name, zones: [...zones] });
  scene.server.change((world) =>
    world.clouds.addGroup({ ...shape, cloud, instanceTypes: [instanceType], desired: 0 }),
  );
}

const byAks = (cloud: AzureCloud, pool: string, on: boolean): void =>
  cloud.configure(pool, { pool: on ? { enableAutoScaling: true, minCount: 0, maxCount: 3 } : {} });

/** AKS is one Azure of its own: the other one's groups are scale sets. */
export async function aksStage(scene: Scene): Promise<RivalStage> {
  const cloud = await startAzureCloud({ change: scene.server.change, clock: systemClock, aks: true });
  scene.also(async () => await cloud.close());
  addGroup(scene, "azure", "aks", ["zone-a"]);
  return {
    env: cloud.env,
    pools: [poolSpec("aks", { group: { azure: cloud.target("aks") } })],
    rivals: [
      {
        kind: "aks-autoscaler",
        pool: "aks",
        begin: () => byAks(cloud, "aks", true),
        end: () => byAks(cloud, "aks", false),
      },
    ],
  };
}

export async function cloudStage(scene: Scene): Promise<RivalStage> {
  const options = { change: scene.server.change, clock: systemClock };
  const aws = await startAwsCloud({ ...options, region: REGION });
  const gcp = await startGcpCloud(options);
  const azure = await startAzureCloud(options);
  for (const cloud of [aws, gcp, azure]) scene.also(async () => await cloud.close());
  for (const name of ["policies", "refresh", "hand"]) addGroup(scene, "aws", name, [`${REGION}a`]);
  addGroup(scene, "aws", "zones", [`${REGION}a`, `${REGION}b`]);
  for (const name of ["mig", "gke"]) addGroup(scene, "gcp", name, [ZONE]);
  addGroup(scene, "azure", "set", ["zone-a"]);

  const quiet = { suspended: ["AZRebalance"] };
  aws.configure("zones", quiet);
  const mode = (name: string) => ({ autoscaler: { autoscalingPolicy: { mode: name, maxNumReplicas: 3 } } });
  gcp.configure("mig", mode("OFF"));
  const byGke = (enabled: boolean): void =>
    gcp.configure("gke", {
      template: ON_GKE,
      nodePool: { name: "spot-pool", autoscaling: { enabled, minNodeCount: 0, maxNodeCount: 3 } },
    });
  byGke(false);
  const set = azure.target("set");
  const targetResourceUri = `/subscriptions/${set["subscriptionID"] ?? ""}/resourceGroups/${set["resourceGroup"] ?? ""}/providers/Microsoft.Compute/virtualMachineScaleSets/${set["vmScaleSet"] ?? ""}`;
  const ofAws = (name: string) => ({ aws: { region: REGION, autoScalingGroup: name } });
  const ofGcp = (name: string) => ({
    gcp: { project: gcp.project, location: ZONE, instanceGroupManager: name },
  });
  return {
    env: {
      ...gcp.env,
      ...azure.env,
      AWS_ENDPOINT_URL: aws.url,
      AWS_ACCESS_KEY_ID: "bench",
      AWS_SECRET_ACCESS_KEY: "bench",
    },
    pools: [
      ...["policies", "refresh", "hand", "zones"].map((name) => poolSpec(name, { group: ofAws(name) })),
      ...["mig", "gke"].map((name) => poolSpec(name, { group: ofGcp(name) })),
      poolSpec("set", { group: { azure: set } }),
    ],
    rivals: [
      {
        kind: "scaling-policy",
        pool: "policies",
        begin: () => aws.configure("policies", { scalingPolicies: ["cpu-50"] }),
        end: () => aws.configure("policies", { scalingPolicies: [] }),
      },
      {
        kind: "az-rebalance",
        pool: "zones",
        begin: () => aws.configure("zones", { suspended: [] }),
        end: () => aws.configure("zones", quiet),
      },
      {
        kind: "instance-refresh",
        pool: "refresh",
        begin: () => aws.configure("refresh", { refresh: "InProgress" }),
        end: () => aws.configure("refresh", { refresh: "Successful" }),
      },
      {
        kind: "mig-autoscaler",
        pool: "mig",
        begin: () => gcp.configure("mig", mode("ON")),
        end: () => gcp.configure("mig", mode("OFF")),
      },
      { kind: "gke-autoscaler", pool: "gke", begin: () => byGke(true), end: () => byGke(false) },
      {
        kind: "vmss-autoscale",
        pool: "set",
        begin: () => azure.autoscale([{ name: "cpu", properties: { enabled: true, targetResourceUri } }]),
        end: () => azure.autoscale([]),
      },
      {
        kind: "resized-by-hand",
        pool: "hand",
        begin: () =>
          scene.server.change((world) =>
            world.clouds.setDesired("hand", (world.clouds.group("hand")?.desired ?? 0) + 1),
          ),
        end: null,
      },
    ],
  };
}

/** Pools of the cluster are the scene's own: `listed` has no node, `claimed` one. */
export function clusterRivals(scene: Scene): readonly BenchRival[] {
  const status = { namespace: CLUSTER_AUTOSCALER.namespace, name: CLUSTER_AUTOSCALER.status };
  const claim = (nodePool: string | null): void =>
    scene.server.change((world) => {
      for (const node of world.list("nodes")) {
        const { [KARPENTER.nodePool]: _was, ...labels } = node.metadata.labels ?? {};
        if (Object.values(labels).includes("claimed"))
          world.put("nodes", {
            ...node,
            metadata: {
              ...node.metadata,
              labels: nodePool === null ? labels : { ...labels, [KARPENTER.nodePool]: nodePool },
            },
          });
      }
    });
  return [
    {
      kind: "cluster-autoscaler",
      pool: "listed",
      begin: () =>
        scene.server.change((world) => {
          const data = { status: "nodeGroups:\n- name: MachineDeployment/default/listed\n" };
          world.put("configmaps", { metadata: status, data });
        }),
      end: () => void scene.server.change((world) => world.remove("configmaps", status)),
    },
    { kind: "karpenter", pool: "claimed", begin: () => claim("theirs"), end: () => claim(null) },
  ];
}

/** It takes every policy of the cluster, so that it comes alone. */
export function secondCoordinator(scene: Scene, env: Readonly<Record<string, string>>): BenchRival {
  return {
    kind: "second-coordinator",
    pool: "listed",
    begin: async () => {
      const other = await startCoordinator({
        kubeconfig: scene.kubeconfig,
        nats: scene.nats.url,
        env: { ...env, POD_NAMESPACE: "kube-system" },
      });
      scene.also(async () => await other.kill());
    },
    end: null,
  };
}
