// `gpuasctl doctor` and `gpuasctl uninstall` as people run them, on a real API server with what helm installs there: what
// kubelets, controllers and our programs would write, the test writes. A healthy cluster, one that is broken in many ways,
// a person with few rights, and a cluster that is clean afterwards.

import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { KIND } from "../../coordinator/ctl/doctor/kinds.ts";
import type { Workload } from "../../coordinator/ctl/doctor/kinds.ts";
import type { KubeObject, Node, NodePool, Pod } from "../../shared/model/kube.ts";
import {
  API_GROUP,
  GPU_RESOURCE,
  LEASE_NAME,
  NODE_ANNOTATION,
  NODE_CONDITION,
  NODE_LEASE_NAMESPACE,
  POD_ANNOTATION,
  POD_SECURITY_LABEL,
  SERVICE_ACCOUNT,
} from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../shared/runtime/kube/resources.ts";
import { gpuasctl, startGpuasctl } from "../build/coordinator.ts";
import { policy } from "../build/doctor-facts.ts";
import { eventually } from "../build/eventually.ts";
import { comparable, LOWERED, markedByAgent, NOTES, retired } from "../build/marks.ts";
import { patchNode } from "../control-plane/admission.ts";
import { whyNoControlPlane } from "../control-plane/available.ts";
import { install, karpenterDefinitions } from "../control-plane/definitions.ts";
import { CHART, example, helm, RELEASE, whyNoHelm } from "../control-plane/helm.ts";
import { inventory } from "../control-plane/inventory.ts";
import { createAccount } from "../control-plane/rights.ts";
import { startControlPlane } from "../control-plane/start.ts";
import type { ControlPlane } from "../control-plane/start.ts";

const missing = (await whyNoControlPlane()) ?? (await whyNoHelm());
const { namespace } = SERVICE_ACCOUNT;
const NODES = ["gpu-1", "gpu-2"];

interface Report {
  readonly verdict: string;
  readonly checks: readonly {
    readonly check: string;
    readonly verdict: string;
    readonly evidence: string;
    readonly way: string | null;
  }[];
}

describe.skipIf(missing !== null)("gpuasctl on a real API server", () => {
  let plane: ControlPlane;
  let folder: string;
  let kubeconfig: string;
  beforeAll(async () => {
    plane = await startControlPlane();
    folder = await mkdtemp(join(tmpdir(), "doctor-"));
    kubeconfig = join(folder, "kubeconfig");
    await writeFile(kubeconfig, plane.kubeconfig());
    await install(plane, await karpenterDefinitions());
  });
  afterAll(async () => {
    await plane[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  const ctl = async (...words: readonly string[]) => await gpuasctl([...words, "--kubeconfig", kubeconfig]);
  const doctor = async (...words: readonly string[]) => {
    const { code, out, err } = await gpuasctl(["doctor", "-o", "json", "--kubeconfig", kubeconfig, ...words]);
    if (out === "") throw new Error(err);
    const report = JSON.parse(out) as Report;
    const of = (check: string) => report.checks.find((each) => each.check === check);
    return {
      code,
      ...report,
      of,
      not: (verdict: string) => report.checks.filter((each) => each.verdict !== verdict),
    };
  };
  const status = async <T extends KubeObject>(
    kind: Resource<T>,
    ref: { readonly namespace?: string; readonly name: string },
    body: object,
  ) => await plane.client.patchStatus(kind, ref, { status: body });
  const put = async (node: Node): Promise<void> => {
    const { name } = node.metadata;
    const { metadata, spec } = node;
    await plane.client.mergePatch(
      RESOURCE.nodes,
      { name },
      { metadata: { labels: metadata.labels, annotations: metadata.annotations }, spec },
    );
  };
  const now = (): string => new Date().toISOString().replace("Z", "000Z");

  /** What kubelets, controllers and our programs write. */
  async function furnish(): Promise<void> {
    const { client } = plane;
    const account = async (name: string): Promise<void> => {
      await eventually(
        async () =>
          await client.get(
            { ...KIND.secrets, plural: "serviceaccounts", kind: "ServiceAccount" },
            { namespace, name },
          ),
      );
    };
    await account(SERVICE_ACCOUNT.agent);
    await account(SERVICE_ACCOUNT.coordinator);
    await client.create(RESOURCE.namespaces, { metadata: { name: NODE_LEASE_NAMESPACE } }).catch(() => null);
    const daemonSet: Workload = await client.get(KIND.daemonSets, { namespace, name: SERVICE_ACCOUNT.agent });
    for (const name of NODES) {
      const gpus = { [GPU_RESOURCE]: "8", cpu: "16", pods: "110" };
      await client.create(RESOURCE.nodes, {
        metadata: { name, labels: { team: "a" } },
        spec: { taints: [{ key: "gpu", value: "true", effect: "NoSchedule" }] },
      });
      await status(
        RESOURCE.nodes,
        { name },
        {
          capacity: gpus,
          allocatable: gpus,
          conditions: [
            {
              type: "Ready",
              status: "True",
              reason: "KubeletReady",
              message: "ready",
              lastHeartbeatTime: null,
              lastTransitionTime: null,
            },
            wellCondition(now()),
          ],
        },
      );
      await client.create(RESOURCE.leases, {
        metadata: { namespace: NODE_LEASE_NAMESPACE, name },
        spec: { holderIdentity: name, renewTime: now() },
      });
    }
    const running = async (name: string, node: string, owner?: Workload): Promise<void> => {
      const reference = {
        apiVersion: "apps/v1",
        kind: "DaemonSet",
        name: owner?.metadata.name ?? "",
        uid: owner?.metadata.uid ?? "",
        controller: true,
      };
      await client.create(RESOURCE.pods, {
        metadata: { namespace, name, ...(owner === undefined ? {} : { ownerReferences: [reference] }) },
        spec: { nodeName: node, containers: [{ name: "main", image: "registry.example/agent:0.1.0" }] },
      } as unknown as Pod);
      await status(RESOURCE.pods, { namespace, name }, { phase: "Running" });
    };
    for (const name of NODES) await running(`agent-${name}`, name, daemonSet);
    await running("coordinator-1", "gpu-1");
    await status(KIND.daemonSets, daemonSet.metadata as { name: string }, {
      desiredNumberScheduled: 2,
      currentNumberScheduled: 2,
      numberMisscheduled: 0,
      numberReady: 2,
    });
    await status(
      KIND.deployments,
      { namespace, name: SERVICE_ACCOUNT.coordinator },
      { replicas: 2, readyReplicas: 2, availableReplicas: 2, updatedReplicas: 2 },
    );
    await client.create(RESOURCE.leases, {
      metadata: { namespace, name: LEASE_NAME },
      spec: { holderIdentity: "coordinator-1_x", leaseDurationSeconds: 3600, renewTime: now() },
    });
    const { metadata, spec, status: written } = policy();
    const made = await client.create(RESOURCE.policies, { metadata: { name: metadata.name }, spec });
    await status(
      RESOURCE.policies,
      { name: made.metadata.name },
      { ...(written as object), observedGeneration: made.metadata.generation },
    );
  }

  test("doctor finds nothing but no installation in an empty cluster", async () => {
    const { code, of } = await doctor();
    expect(code).toBe(1);
    for (const check of ["definition", "pod-security", "coordinator", "leader", "agents"])
      expect(of(check)).toMatchObject({ check, verdict: "fail" });
    expect(of("api-version")).toMatchObject({ verdict: "ok" });
    expect(of("admission")).toMatchObject({ verdict: "warn" });
  });

  test("doctor finds all well that the chart installed, and names what no test can start here", async () => {
    await helm(["install", ...INSTALL], { kubeconfig });
    await furnish();
    const report = await doctor();
    // No kubelet: the API server has no way to a pod.
    const wrong = report.not("ok").map(({ check }) => check);
    expect(wrong).toEqual(["leader-page", "nats", "coordinator-metrics", "agent-metrics"]);
    const { out } = await ctl("doctor");
    // A word that is longer than its place stays whole.
    expect(out.split("\n").filter((line) => line.length > 100)).toEqual([]);
    expect(out).toMatch(/\n32 checks: 28 ok, 1 fail, 3 unknown\n$/);
  });

  test("doctor names each of many broken things", async () => {
    const { client } = plane;
    await client.mergePatch(
      RESOURCE.namespaces,
      { name: namespace },
      { metadata: { labels: { [POD_SECURITY_LABEL]: "restricted" } } },
    );
    await client.delete(KIND.admissionBindings, { name: "gpu-autoscaler-agent-nodes" });
    await client.mergePatch(
      RESOURCE.leases,
      { namespace, name: LEASE_NAME },
      { spec: { leaseDurationSeconds: 10, renewTime: "2026-01-01T00:00:00.000000Z" } },
    );
    await client.mergePatch(
      RESOURCE.leases,
      { namespace: NODE_LEASE_NAMESPACE, name: "gpu-1" },
      { spec: { renewTime: "2099-01-01T00:00:00.000000Z" } },
    );
    await client.delete(ROLE_BINDINGS, { name: SERVICE_ACCOUNT.agent });
    await status(KIND.daemonSets, { namespace, name: SERVICE_ACCOUNT.agent }, { numberReady: 1 });
    await client.create(RESOURCE.podDisruptionBudgets, {
      metadata: { namespace: "default", name: "hold" },
      spec: { maxUnavailable: 0, selector: { matchLabels: { app: "train" } } },
    });
    await client.create(RESOURCE.pods, {
      metadata: { namespace: "default", name: "train-0", labels: { app: "train" } },
      spec: {
        nodeName: "gpu-2",
        containers: [{ name: "c", image: "x", resources: { limits: { [GPU_RESOURCE]: "1" } } }],
      },
    } as unknown as Pod);
    await status(
      RESOURCE.nodes,
      { name: "gpu-2" },
      {
        conditions: [
          {
            type: NODE_CONDITION.gpuHealthy,
            status: "False",
            reason: "FellOffBus",
            message: "GPU-0 fell off the bus",
            lastHeartbeatTime: now(),
          },
        ],
      },
    );
    await put(retired(await client.get(RESOURCE.nodes, { name: "gpu-2" })));
    const report = await eventually(
      async () => {
        const seen = await doctor();
        // The server goes by a role that has changed a moment later.
        return seen.of("agent-rights")?.verdict === "fail" ? seen : null;
      },
      { withinMs: 20_000 },
    );
    expect(report.code).toBe(1);
    const told = Object.fromEntries(report.not("ok").map(({ check, verdict }) => [check, verdict]));
    expect(told).toMatchObject({
      "pod-security": "fail",
      admission: "warn",
      leader: "fail",
      clocks: "warn",
      "agent-rights": "fail",
      agents: "warn",
      budgets: "warn",
      gpus: "fail",
      cordons: "warn",
    });
    expect(report.not("ok").filter(({ way }) => way === null)).toEqual([]);
  });

  test("doctor goes on for a person with few rights, and says which are missing", async () => {
    const person = { namespace: "default", name: "person" };
    await createAccount(plane, person, [{ apiGroups: [""], resources: ["nodes"], verbs: ["list"] }]);
    const file = join(folder, "person");
    await writeFile(file, plane.kubeconfig(await plane.createToken(person)));
    const report = await eventually(
      async () => {
        const seen = await doctor("--kubeconfig", file);
        return seen.of("gpus")?.verdict === "fail" ? seen : null;
      },
      { withinMs: 20_000 },
    );
    expect(report.of("agents")).toMatchObject({
      verdict: "unknown",
      way: expect.stringContaining("get daemonsets") as string,
    });
    expect(report.of("policies")).toMatchObject({
      verdict: "unknown",
      way: expect.stringContaining("list autoscalingpolicies") as string,
    });
    expect(report.of("agent-rights")).toMatchObject({ verdict: "unknown" });
  });

  test("uninstall leaves every object as it was, and helm the rest of nothing", async () => {
    const { client } = plane;
    const objects = async (): Promise<readonly unknown[]> => {
      const lists = await Promise.all([
        client.list(RESOURCE.nodes),
        client.list(RESOURCE.pods, { namespace: "default" }),
        client.list(RESOURCE.nodePools),
        client.list(RESOURCE.nodeClaims),
      ]);
      return lists.flatMap(({ items }) => items as readonly KubeObject[]).map(comparable);
    };
    // 1. As it was before us.
    await put({
      ...(await client.get(RESOURCE.nodes, { name: "gpu-2" })),
      spec: { unschedulable: false, taints: [{ key: "gpu", value: "true", effect: "NoSchedule" }] },
    });
    const conditions = [
      {
        type: "Ready",
        status: "True",
        reason: "KubeletReady",
        message: "ready",
        lastHeartbeatTime: null,
        lastTransitionTime: null,
      },
    ];
    for (const name of NODES) await client.patchStatus(RESOURCE.nodes, { name }, { status: { conditions } });
    await client.mergePatch(
      RESOURCE.pods,
      { namespace: "default", name: "train-0" },
      { metadata: { annotations: { [POD_ANNOTATION.evictionPriority]: "high" } } },
    );
    await client.create(RESOURCE.nodePools, nodePool());
    await client.create(RESOURCE.nodeClaims, {
      metadata: { name: "nc" },
      spec: { nodeClassRef: NODE_CLASS, requirements: [] },
    } as KubeObject);
    const before = await objects();

    // 2. In the middle of our work. Its rule keeps an administrator from writing marks, so it is away for a moment.
    await client.delete(KIND.admissionPolicies, { name: MARKS_RULE });
    const one = await client.get(RESOURCE.nodes, { name: "gpu-1" });
    await eventually(
      async () => {
        try {
          await put(markedByAgent(one));
          return true;
        } catch {
          return false;
        }
      },
      { withinMs: 20_000 },
    );
    await put(retired(await client.get(RESOURCE.nodes, { name: "gpu-2" })));
    for (const name of NODES)
      await client.apply(
        RESOURCE.nodes,
        { name },
        { status: { conditions: [wellCondition(now())] } },
        { fieldManager: "gpu-autoscaler-agent-health", subresource: "status", force: true },
      );
    await client.mergePatch(
      RESOURCE.pods,
      { namespace: "default", name: "train-0" },
      { metadata: { annotations: NOTES.pods } },
    );
    await client.mergePatch(
      RESOURCE.nodeClaims,
      { name: "nc" },
      { metadata: { annotations: NOTES.nodeclaims } },
    );
    await client.mergePatch(
      RESOURCE.nodePools,
      { name: "np" },
      { metadata: { annotations: LOWERED.annotations }, spec: { limits: LOWERED.limits } },
    );
    expect(await objects()).not.toEqual(before);
    await helm(["upgrade", ...INSTALL], { kubeconfig });
    await client.get(KIND.admissionPolicies, { name: MARKS_RULE });

    // 3. Whoever may change nodes and no marks learns which right is missing, and loses nothing by it.
    const person = { namespace: "default", name: "operator" };
    await createAccount(plane, person, [
      { apiGroups: [""], resources: ["nodes", "nodes/status"], verbs: ["get", "list", "patch"] },
    ]);
    const file = join(folder, "operator");
    await writeFile(file, plane.kubeconfig(await plane.createToken(person)));
    const token = await plane.createToken(person);
    const take = patchNode("gpu-1", { metadata: { annotations: { [NODE_ANNOTATION.drainState]: null } } });
    // The server takes a moment until it goes by a rule.
    await eventually(async () => (await plane.send({ ...take, token })).status === 422, { withinMs: 20_000 });
    const refused = await gpuasctl(["uninstall", "--yes", "--kubeconfig", file]);
    expect(refused.out).toContain("denied request");
    expect(refused).toMatchObject({ code: 1 });
    expect(refused.out).toContain(`you need the right to delete drills.${API_GROUP}`);
    expect(refused.out).toContain("Could not be read");
    expect((await client.get(RESOURCE.nodes, { name: "gpu-1" })).metadata.annotations).toEqual(
      markedByAgent(one).metadata.annotations,
    );

    // 4. Without a terminal it asks for --yes, and changes nothing until it has it.
    expect(await ctl("uninstall")).toMatchObject({
      code: 64,
      err: expect.stringContaining("give --yes") as string,
    });
    const dry = await ctl("uninstall", "--dry-run");
    expect(dry.code).toBe(0);
    expect(dry.out.split("\n").filter((line) => line.length > 100)).toEqual([]);
    const going = await startGpuasctl(["uninstall", "--yes", "--policies", "--kubeconfig", kubeconfig]);
    const closed = once(going, "close");
    let said = "";
    going.stdout.on("data", (part: Buffer) => (said += part.toString()));
    await eventually(() => said.includes("waiting until 2 pods of ours have ended"), {
      withinMs: 20_000,
      describe: () => said,
    });
    // The agents still run, so their marks still stand.
    expect((await client.get(RESOURCE.nodes, { name: "gpu-1" })).spec?.unschedulable).toBe(true);
    // What a garbage collector would do with the pods of what is deleted.
    for (const { metadata } of (await client.list(RESOURCE.pods, { namespace })).items)
      await plane.send({
        method: "DELETE",
        path: `/api/v1/namespaces/${namespace}/pods/${metadata.name}?gracePeriodSeconds=0`,
      });
    expect(await closed).toEqual([0, null]);
    expect(said).toContain("objects taken back, 0 not.");
    expect(await objects()).toEqual(before);
    const again = await ctl("uninstall", "--yes", "--policies");
    expect(again).toMatchObject({
      code: 0,
      out: expect.stringContaining("Nothing of ours stands") as string,
    });

    // 5. The rest is helm's.
    await helm(["uninstall", RELEASE.name, "--namespace", namespace], { kubeconfig });
    const left = [...(await inventory(plane))].filter(
      (name) => name.includes(API_GROUP) || name.includes("gpu-autoscaler"),
    );
    // The namespace is the person's who made it.
    expect(left).toEqual([`namespaces ${namespace}`]);
  });
});

const ROLE_BINDINGS = {
  ...KIND.definitions,
  plural: "clusterrolebindings",
  group: "rbac.authorization.k8s.io",
};
const MARKS_RULE = "gpu-autoscaler-node-marks";
const INSTALL = [
  RELEASE.name,
  CHART,
  `--namespace=${namespace}`,
  "--create-namespace",
  `--values=${example("minimal")}`,
];

function wellCondition(heard: string) {
  return {
    type: NODE_CONDITION.gpuHealthy,
    status: "True",
    reason: "GpusHealthy",
    message: "well",
    lastHeartbeatTime: `${heard.slice(0, 19)}Z`,
  };
}

const NODE_CLASS = { group: "karpenter.test", kind: "NodeClass", name: "default" };

function nodePool(): NodePool {
  return {
    metadata: { name: "np" },
    spec: {
      limits: LOWERED.before,
      template: { spec: { nodeClassRef: NODE_CLASS, requirements: [] } },
    },
  } as NodePool;
}
