// What a coordinator does that a value has to grant, or that happens seldom, with the shipped coordinator, the roles that the
// chart renders and a real API server: groups of every kind that the cluster has, a node without an agent, gangs, writes
// that lose. That each of these rights is used is read in the server's audit log. Controllers are stand-ins.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { policyDefinition } from "../../deploy/crd/crd.ts";
import type { KubeObject, Pod } from "../../shared/model/kube.ts";
import { GANG_KIND, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { seconds } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { startCoordinator } from "../build/coordinator.ts";
import type { CoordinatorProcess } from "../build/coordinator.ts";
import { eventually } from "../build/eventually.ts";
import { startNats } from "../build/nats.ts";
import { lastLines } from "../build/program.ts";
import { auditFlags, EVERYTHING_GRANTED, readAudit, SHOWN_IN } from "../control-plane/audit.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { startBetween } from "../control-plane/between.ts";
import type { Between } from "../control-plane/between.ts";
import { createClusterApi } from "../control-plane/cluster-api.ts";
import type { ClusterApi } from "../control-plane/cluster-api.ts";
import {
  bareDefinition,
  clusterApiDefinitions,
  install,
  karpenterDefinitions,
} from "../control-plane/definitions.ts";
import { example, render, whyNoHelm } from "../control-plane/helm.ts";
import { createKarpenter } from "../control-plane/karpenter.ts";
import type { Karpenter } from "../control-plane/karpenter.ts";
import { registerNode } from "../control-plane/nodes.ts";
import { createProvider } from "../control-plane/provider.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const missing = (await whyNoControlPlane()) ?? (await whyNoHelm());

const { namespace, coordinator: name } = SERVICE_ACCOUNT;
const RBAC = "/apis/rbac.authorization.k8s.io/v1";
const RACKS = "/apis/machines.example.com/v1/namespaces/default/racks";
const NODE = { cpu: "16", memory: "64Gi", pods: "110" };
const POLICY = "all";

/** A pool of one node at least, which the object of its own name sizes. */
const poolOf = (pool: string, apiVersion: string, kind: string, more: object = {}): object => ({
  name: pool,
  maxSize: 3,
  minSize: 1,
  capacityType: "on-demand",
  price: { usdPerHour: 1 },
  group: { scale: { apiVersion, kind, name: pool, namespace: "default" } },
  template: { allocatable: NODE },
  ...more,
});
const CLAIMED = "claimed";
const specWith = (claimed: object): object => ({
  provider: "custom",
  maxNodes: 10,
  scaleUpCooldownSeconds: 0,
  scaleDownCooldownSeconds: 0,
  scaleDownDelayAfterAddSeconds: 0,
  emptySeconds: 1,
  nodePools: [
    poolOf("members", "cluster.x-k8s.io/v1beta2", "MachinePool"),
    poolOf("racks", "machines.example.com/v1", "Rack"),
    {
      ...poolOf(CLAIMED, "karpenter.sh/v1", "NodePool", claimed),
      group: { scale: { apiVersion: "karpenter.sh/v1", kind: "NodePool", name: CLAIMED } },
    },
  ],
});

const REMOVAL = /^DELETE .*nodeclaims/;

interface Spoilt {
  readonly write: RegExp;
  /** Of the answer in the server's place; absent: there is none, and the server never hears of it. */
  readonly status?: number;
}

describe.skipIf(missing !== null)("a coordinator with everything granted", () => {
  const over = new AsyncDisposableStack();
  let plane: ControlPlane;
  let between: Between;
  let clusterApi: ClusterApi;
  let karpenter: Karpenter;
  let coordinator: CoordinatorProcess;
  let dir: string;

  beforeAll(async () => {
    dir = over.adopt(await mkdtemp(join(tmpdir(), "coordinator-opt-ins-")), (path) =>
      rm(path, { recursive: true, force: true }),
    );
    plane = over.use(await startControlPlane({ serverFlags: await auditFlags(dir) }));
    await install(plane, [
      policyDefinition(),
      ...(await clusterApiDefinitions()),
      ...(await karpenterDefinitions()),
      bareDefinition({ apiVersion: "machines.example.com/v1", kind: "Rack", plural: "racks", sized: true }),
      ...Object.values(GANG_KIND).map((kind) => bareDefinition(kind)),
    ]);
    const provider = createProvider("test");
    clusterApi = createClusterApi({ plane, namespace: "default", version: "v1beta2", provider });
    karpenter = createKarpenter({ plane, provider, owns: (pool) => pool === CLAIMED });
    await clusterApi.create("MachinePool", { name: "members", replicas: 0 });
    await karpenter.create({ name: CLAIMED, replicas: 0 });
    await make(RACKS, {
      apiVersion: "machines.example.com/v1",
      kind: "Rack",
      metadata: { name: "racks" },
      spec: { replicas: 0 },
    });
    await registerNode(plane.client, { name: "base", providerID: "test:///base" });

    await plane.client.create(RESOURCE.namespaces, { metadata: { name: namespace } });
    await make(`/api/v1/namespaces/${namespace}/serviceaccounts`, { metadata: { name } });
    await grant();
    between = over.use(await startBetween(plane));
    const nats = over.adopt(await startNats(), async (server) => await server.remove());
    const kubeconfig = join(dir, "kubeconfig");
    await writeFile(kubeconfig, plane.kubeconfig(await plane.createToken({ namespace, name }), between.url));
    coordinator = over.adopt(
      await startCoordinator({
        kubeconfig,
        nats: nats.url,
        env: {
          POD_NAMESPACE: namespace,
          POD_NAME: "one",
          GPUAS_CYCLE_INTERVAL: "500ms",
          GPUAS_CALL_DEADLINE: "1s",
        },
      }),
      async (one) => {
        await one.kill();
      },
    );
  }, 120_000);
  afterAll(async () => {
    await over.disposeAsync();
  });

  const make = async (path: string, json: object): Promise<void> => {
    const { status, text } = await plane.send({ method: "POST", path, json });
    if (status !== 201) throw new Error(`POST ${path}: ${status} ${text}`);
  };
  /** The coordinator's roles and bindings, as the chart renders them for all that it knows. */
  const grant = async (): Promise<void> => {
    const objects = await render([example("minimal")], EVERYTHING_GRANTED);
    for (const object of objects) {
      if (!/^(Cluster)?Role(Binding)?$/.test(object.kind) || !object.metadata.name.startsWith(name)) continue;
      const within = object.kind.startsWith("Cluster") ? "" : `/namespaces/${object.metadata.namespace}`;
      await make(`${RBAC}${within}/${object.kind.toLowerCase()}s`, object);
    }
  };
  /** As the node lifecycle controller does: the server itself taints every node that comes. */
  const untaint = async (): Promise<void> => {
    for (const { metadata, spec } of (await plane.client.list(RESOURCE.nodes)).items)
      if (spec?.taints?.some(({ key }) => key === "node.kubernetes.io/not-ready") === true)
        await plane.client.mergePatch(RESOURCE.nodes, metadata, {
          spec: { taints: spec.taints.filter(({ key }) => key !== "node.kubernetes.io/not-ready") },
        });
  };
  /** Waits, while the controllers of others work. */
  const until = async (look: () => Promise<unknown>): Promise<void> => {
    await eventually(
      async () => {
        await clusterApi.reconcile();
        await clusterApi.provide();
        await karpenter.launch();
        await karpenter.reconcile();
        await untaint();
        return Boolean(await look());
      },
      { withinMs: 60_000, describe: () => lastLines(coordinator.logs, 20) },
    ).catch(async (error: unknown) => {
      const page = await fetch(new URL("/explain", coordinator.url));
      throw new Error(await page.text(), { cause: error });
    });
  };
  const sizeOf = async (path: string): Promise<number> => {
    const { text } = await plane.send({ method: "GET", path });
    return (JSON.parse(text) as { readonly spec: { readonly replicas?: number } }).spec.replicas ?? 0;
  };
  const claims = async (): Promise<readonly string[]> =>
    (await karpenter.claims(CLAIMED)).map(({ status }) => status?.nodeName ?? "");
  /** A running pod that somebody would make again, and that has room elsewhere. */
  const runWeb = async (node: string): Promise<void> => {
    const uid = "00000000-0000-0000-0000-000000000001";
    const owner = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid, controller: true };
    const metadata = { namespace: "default", name: "web", ownerReferences: [owner] };
    const spec = { nodeName: node, containers: [{ name: "main", image: "example.test/web" }] };
    // The types are of what we read; the server completes the rest.
    await plane.client.create(RESOURCE.pods, { metadata, spec } as Pod);
    const status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
    await plane.client.patchStatus(RESOURCE.pods, metadata, { status });
  };
  const change = async (spec: object): Promise<void> => {
    await plane.client.mergePatch(RESOURCE.policies, { name: POLICY }, { spec });
  };
  /** The next writes of these kinds fare like that, in this order. Gives those that did. */
  const spoilWrites = (spoilt: readonly Spoilt[]): readonly Spoilt[] => {
    const done: Spoilt[] = [];
    between.onRequest(({ method, path }) => {
      const found = spoilt.find((one) => !done.includes(one) && one.write.test(`${method} ${path}`));
      if (found === undefined) return null;
      done.push(found);
      const { status } = found;
      if (status === undefined) return { kind: "lose-request" };
      const body = JSON.stringify({ kind: "Status", status: "Failure", code: status });
      return { kind: "answer", status, body };
    });
    return done;
  };

  test("sizes groups of every kind that is an object of the cluster", async () => {
    await plane.client.create(RESOURCE.policies, {
      metadata: { name: POLICY },
      spec: specWith({}),
    } as KubeObject);
    await until(async () => {
      const pool = await sizeOf("/apis/cluster.x-k8s.io/v1beta2/namespaces/default/machinepools/members");
      return (
        pool === 1 && (await sizeOf(`${RACKS}/racks`)) === 1 && (await claims()).some((node) => node !== "")
      );
    });
  });

  test("empties a node without an agent, reading anew where a write has lost", async () => {
    const [node = ""] = await claims();
    await runWeb(node);
    const spoilt = spoilWrites([
      // Somebody else's came first.
      { write: /^PUT .*autoscalingpolicies/, status: 409 },
      { write: /^PATCH .*v1\/nodes/, status: 409 },
      // Refused, and tried again: the same event comes twice.
      { write: REMOVAL, status: 422 },
      { write: REMOVAL, status: 422 },
      // Nobody knows whether it was done, at the second attempt of the client either: it is called off, and begun anew.
      { write: REMOVAL },
      { write: REMOVAL },
    ]);
    await change({
      ...specWith({ minSize: 0, price: { usdPerHour: 30 } }),
      consolidation: { enabled: true, afterSeconds: 0 },
    });
    const web = async (): Promise<Pod | undefined> =>
      (await plane.client.list(RESOURCE.pods, { namespace: "default" })).items.find(
        ({ metadata }) => metadata.name === "web",
      );
    await until(async () => (await web())?.metadata.deletionTimestamp !== undefined);
    await plane.client.delete(
      RESOURCE.pods,
      { namespace: "default", name: "web" },
      { graceSeconds: seconds(0) },
    );
    await until(async () => (await claims()).length === 0);
    expect(spoilt).toHaveLength(6);
  });

  test("counts an event that comes again, and has used every right for all that", async () => {
    // Watches are in the log once they have ended.
    between.cut();
    const shown = SHOWN_IN["coordinator-opt-ins"];
    const inLog = async (): Promise<boolean> => {
      const { used } = await readAudit(dir);
      return shown.every((right) => used.includes(right));
    };
    // What is missing is said below.
    await until(inLog).catch(() => {});
    const { used, refused } = await readAudit(dir);
    expect(used).toEqual(expect.arrayContaining([...shown]));
    expect(refused).toEqual([]);
  });
});
