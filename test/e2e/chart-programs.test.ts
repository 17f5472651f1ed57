// The shipped coordinator as the chart would run it on a real API server: with the environment that is rendered, as the
// service account and with the rights that helm made. What it needs and has no right to would be refused here.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { subjectFor } from "../../shared/contract/subjects.ts";
import type { Pod } from "../../shared/model/kube.ts";
import { GPU_RESOURCE, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { startCoordinator } from "../build/coordinator.ts";
import { eventually } from "../build/eventually.ts";
import { startCalloutNats } from "../build/nats-callout.ts";
import { startNats } from "../build/nats.ts";
import type { NatsServer } from "../build/nats.ts";
import { environmentOf, templateOf } from "../build/workload.ts";
import { AGENT, agentOn } from "../control-plane/agent-rights.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { createClusterApi } from "../control-plane/cluster-api.ts";
import { clusterApiDefinitions, install } from "../control-plane/definitions.ts";
import { CHART, example, helm, one, RELEASE, render, whyNoHelm } from "../control-plane/helm.ts";
import { createProvider } from "../control-plane/provider.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const missing = (await whyNoControlPlane()) ?? (await whyNoHelm());
const { namespace, coordinator: COORDINATOR } = SERVICE_ACCOUNT;
const GROUP = "gpus";

const VALUES = {
  coordinator: { settings: { cycleInterval: "500ms" } },
  policies: {
    training: {
      provider: "custom",
      pendingPodTimeoutSeconds: 0,
      maxNodes: 3,
      nodePools: [
        {
          name: "gpus",
          maxSize: 3,
          capacityType: "on-demand",
          price: { usdPerHour: 1 },
          group: {
            scale: {
              apiVersion: "cluster.x-k8s.io/v1beta2",
              kind: "MachineDeployment",
              namespace: "default",
              name: GROUP,
            },
          },
          template: { allocatable: { cpu: 8, memory: "32Gi", pods: 110, [GPU_RESOURCE]: 1 } },
        },
      ],
    },
  },
};

describe.skipIf(missing !== null)("the shipped coordinator, as the chart runs it", () => {
  let plane: ControlPlane;
  let nats: NatsServer;
  let folder: string;
  beforeAll(async () => {
    plane = await startControlPlane();
    nats = await startNats();
    folder = await mkdtemp(join(tmpdir(), "chart-programs-"));
    await install(plane, await clusterApiDefinitions());
  });
  afterAll(async () => {
    await nats.remove();
    await plane[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  test("leads, buys a node for a pod that waits, and writes down why, with the rights of its account", async () => {
    const admin = join(folder, "admin");
    await writeFile(admin, plane.kubeconfig());
    const provider = createProvider("test");
    const clusterApi = createClusterApi({ plane, namespace: "default", version: "v1beta2", provider });
    await clusterApi.create("MachineDeployment", { name: GROUP, replicas: 0 });
    await helm(
      [
        "install",
        RELEASE.name,
        CHART,
        "--namespace",
        namespace,
        "--create-namespace",
        "--values",
        example("minimal"),
      ],
      { kubeconfig: admin, values: VALUES },
    );

    const account = join(folder, "account");
    await writeFile(account, plane.kubeconfig(await plane.createToken({ namespace, name: COORDINATOR })));
    const rendered = environmentOf(
      one(await render([example("minimal")], VALUES), "Deployment", COORDINATOR),
    );
    // The test's own: where the servers are, a port that is free, and the pod's real namespace.
    const { GPUAS_NATS_SERVERS: _servers, GPUAS_METRICS_PORT: _port, ...env } = rendered;
    const coordinator = await startCoordinator({
      kubeconfig: account,
      nats: nats.url,
      env: { ...env, POD_NAMESPACE: namespace },
      waitFor: "leading",
    });
    try {
      await plane.client.create(RESOURCE.pods, waiting("train-0"));
      await plane.client.patchStatus(
        RESOURCE.pods,
        { namespace: "default", name: "train-0" },
        {
          status: {
            conditions: [
              {
                type: "PodScheduled",
                status: "False",
                reason: "Unschedulable",
                lastTransitionTime: new Date().toISOString(),
              },
            ],
          },
        },
      );
      await eventually(
        async () => {
          const path = `/apis/cluster.x-k8s.io/v1beta2/namespaces/default/machinedeployments/${GROUP}`;
          const { text } = await plane.send({ method: "GET", path });
          return (JSON.parse(text) as { readonly spec: { readonly replicas?: number } }).spec.replicas === 1;
        },
        { withinMs: 60_000, describe: () => JSON.stringify(coordinator.logs.slice(-20)) },
      );
      await eventually(async () => {
        const { status } = await plane.client.get(RESOURCE.policies, { name: "training" });
        return (
          JSON.stringify(status ?? {}).includes("train-0") ||
          (status as { readonly pendingPods?: number } | undefined)?.pendingPods === 1
        );
      });
      const ready = await fetch(new URL("/readyz", coordinator.url));
      expect(ready.status).toBe(200);
      const refused = coordinator.logs.filter((line) =>
        /forbidden|denied|cannot (list|watch|get|patch|create|update)/.test(JSON.stringify(line)),
      );
      expect(refused).toEqual([]);
    } finally {
      await coordinator.stop();
    }
  });

  test("answers the chart's NATS, which lets an agent in for its own node by the token that its pod would have", async () => {
    const admin = join(folder, "admin");
    await writeFile(admin, plane.kubeconfig());
    const values = { nats: { auth: { method: "callout" } } };
    await helm(
      [
        "upgrade",
        RELEASE.name,
        CHART,
        "--install",
        `--namespace=${namespace}`,
        "--create-namespace",
        `--values=${example("minimal")}`,
      ],
      { kubeconfig: admin, values },
    );
    const objects = await render([example("minimal")], values);
    const { data } = one(objects, "ConfigMap", "gpu-autoscaler-nats");
    const config = (data as Readonly<Record<string, string>>)["nats.conf"] ?? "";
    await using callout = await startCalloutNats({
      // What the pod brings: its name and addresses.
      config: () => config.replace("$POD_NAME", "nats-0").replaceAll(/"0\.0\.0\.0:\d+"/g, '"127.0.0.1:-1"'),
    });

    const account = join(folder, "account");
    await writeFile(account, plane.kubeconfig(await plane.createToken({ namespace, name: COORDINATOR })));
    const {
      GPUAS_NATS_SERVERS: _servers,
      GPUAS_METRICS_PORT: _port,
      ...rendered
    } = environmentOf(one(objects, "Deployment", COORDINATOR));
    expect(Object.keys(rendered)).toEqual(expect.arrayContaining(Object.keys(callout.coordinatorEnv)));
    const coordinator = await startCoordinator({
      kubeconfig: account,
      nats: callout.server.url,
      // The secret's files lie elsewhere here.
      env: { ...rendered, ...callout.coordinatorEnv, POD_NAMESPACE: namespace },
      waitFor: "leading",
    });
    try {
      const { spec } = templateOf(one(objects, "DaemonSet", AGENT.name));
      const [audience = ""] = (spec.volumes ?? []).flatMap(({ projected }) =>
        (projected?.sources ?? []).flatMap((source) => source.serviceAccountToken?.audience ?? []),
      );
      const { pod } = await agentOn(plane, "gpu-1");
      const { metadata } = await plane.client.get(RESOURCE.pods, { namespace, name: pod });
      const bound = { name: pod, uid: metadata.uid ?? "" };
      const token = await plane.createToken(AGENT, bound, { audiences: [audience] });
      const agent = callout.asAgent("gpu-1", () => token);
      await agent.whenConnected(AbortSignal.timeout(20_000));
      const say = async (node: string): Promise<unknown> =>
        await agent.publishEvent(subjectFor("notice", node), new TextEncoder().encode("{}"), node);
      expect(await eventually(async () => await say("gpu-1"))).toMatchObject({ duplicate: false });
      await expect(say("gpu-2")).rejects.toMatchObject({ kind: "denied" });
    } finally {
      await coordinator.stop();
    }
  });
});

function waiting(name: string): Pod {
  const spec = {
    // Without a scheduler nobody gives it a node.
    containers: [
      {
        name: "main",
        image: "example.test/train",
        resources: { limits: { [GPU_RESOURCE]: "1" }, requests: { cpu: "1" } },
      },
    ],
  };
  // The types are of what we read; the server completes the rest.
  return { metadata: { namespace: "default", name }, spec } as unknown as Pod;
}
