import { describe, expect, test } from "vitest";

import type { World } from "../../../coordinator/replay/world.ts";
import { CLUSTER_API } from "../../../shared/model/names.ts";
import { aNode, aPod, aRunningWorld, aWorld, forward } from "../build.ts";
import type { Connection } from "../connection.ts";
import { servesWorlds, PODS, NODES, GROUP, POLICIES } from "../serving.ts";

const serve = servesWorlds();

describe("patches", () => {
  test("merge maps, replace lists, and remove by null", async () => {
    const world = aWorld();
    world.put(
      "nodes",
      aNode("n1", {
        metadata: { name: "n1", labels: { a: "1", b: "2" } },
        spec: { taints: [{ key: "old", effect: "NoSchedule" }] },
      }),
    );
    const { api } = await serve(world);
    const { body } = await api.merge(`${NODES}/n1`, {
      metadata: { labels: { a: null, c: "3" } },
      spec: { taints: [{ key: "new", effect: "NoSchedule" }] },
    });
    expect(body).toMatchObject({
      metadata: { labels: { b: "2", c: "3" } },
      spec: { taints: [{ key: "new" }] },
    });
    expect(body["metadata"]?.["labels"]).toEqual({ b: "2", c: "3" });
  });

  test("are refused when the version that they name is not the object's", async () => {
    const world = aWorld();
    const { resourceVersion } = world.put("nodes", aNode("n1")).metadata;
    const { api } = await serve(world);
    const cordon = (version: string | undefined): object => ({
      metadata: { resourceVersion: version },
      spec: { unschedulable: true },
    });
    expect(await api.merge(`${NODES}/n1`, cordon("1"))).toMatchObject({
      code: 409,
      body: { reason: "Conflict" },
    });
    expect((await api.merge(`${NODES}/n1`, cordon(resourceVersion))).code).toBe(200);
    expect((await api.merge(`${NODES}/n1`, cordon(resourceVersion))).code).toBe(409);
  });

  test("by operations apply in order, or not at all", async () => {
    const world = aWorld();
    world.put("nodes", aNode("n1", { metadata: { name: "n1", annotations: { "a/b": "1" } } }));
    const { api } = await serve(world);
    const test = { op: "test", path: "/metadata/annotations/a~1b", value: "1" };
    const add = { op: "add", path: "/metadata/annotations/c", value: "2" };
    expect((await api.json(`${NODES}/n1`, [test, add])).body["metadata"]?.["annotations"]).toEqual({
      "a/b": "1",
      c: "2",
    });
    expect(
      (
        await api.json(`${NODES}/n1`, [
          { op: "remove", path: "/metadata/annotations/c" },
          { ...test, value: "9" },
        ])
      ).code,
    ).toBe(422);
    expect((await api.json(`${NODES}/n1`, [{ op: "remove", path: "/spec/nothing" }])).code).toBe(422);
    expect((await api.json(`${NODES}/n1`, [{ op: "fly", path: "/spec" }])).code).toBe(400);
    expect(world.get("nodes", { name: "n1" })?.metadata.annotations).toEqual({ "a/b": "1", c: "2" });
  });

  test("that change nothing make no new version", async () => {
    const world = aWorld();
    world.put("nodes", aNode("n1"));
    const { api } = await serve(world);
    const { version } = world;
    expect((await api.merge(`${NODES}/n1`, { metadata: { name: "n1" } })).code).toBe(200);
    expect(world.version).toBe(version);
  });
});

describe("status and spec", () => {
  test("are written on their own paths only", async () => {
    const { api } = await serve(aWorld());
    const made = await api.post(POLICIES, {
      metadata: { name: "p" },
      spec: { minNodes: 1 },
      status: { phase: "forged" },
    });
    expect(made.body["status"]).toBeUndefined();
    expect(made.body["metadata"]?.["generation"]).toBe(1);
    const wrote = await api.merge(`${POLICIES}/p/status`, {
      spec: { minNodes: 9 },
      status: { observedGeneration: 1 },
    });
    expect(wrote.body).toMatchObject({
      spec: { minNodes: 1 },
      status: { observedGeneration: 1 },
      metadata: { generation: 1 },
    });
    const spec = await api.merge(`${POLICIES}/p`, {
      spec: { minNodes: 2 },
      status: { observedGeneration: 7 },
    });
    expect(spec.body).toMatchObject({
      spec: { minNodes: 2 },
      status: { observedGeneration: 1 },
      metadata: { generation: 2 },
    });
  });

  test("of a policy are compared and set by version", async () => {
    const { api } = await serve(aWorld());
    const { body } = await api.post(POLICIES, { metadata: { name: "p" }, spec: {} });
    const next = { ...body, status: { term: 1 } };
    expect((await api.put(`${POLICIES}/p/status`, next)).code).toBe(200);
    expect((await api.put(`${POLICIES}/p/status`, next)).code).toBe(409);
    expect((await api.get(`${POLICIES}/p/status`)).body["status"]).toEqual({ term: 1 });
  });
});

describe("server-side apply to a node's status", () => {
  const STATUS = `${NODES}/n1/status`;
  const times = { lastHeartbeatTime: "2026-01-05T09:00:00Z", lastTransitionTime: "2026-01-05T08:00:00Z" };
  const kubelets = { type: "Ready", status: "True", reason: "KubeletReady", ...times };
  const applied = (...conditions: readonly object[]): object => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "n1" },
    status: { conditions },
  });
  const gpus = (status: string): object => ({ type: "GpuHealthy", status, reason: "R", ...times });

  async function serving(): Promise<{ world: World; api: Connection; conditions: () => unknown }> {
    const world = aWorld();
    world.put("nodes", aNode("n1", { status: { capacity: { cpu: "8" }, conditions: [kubelets] } }));
    const { api } = await serve(world);
    return { world, api, conditions: () => world.get("nodes", { name: "n1" })?.status?.conditions };
  }

  test("merges conditions by type and leaves those of others", async () => {
    const { world, api, conditions } = await serving();
    expect((await api.apply(`${STATUS}?fieldManager=health`, applied(gpus("True")))).code).toBe(200);
    expect(conditions()).toEqual([kubelets, gpus("True")]);
    await api.merge(`${NODES}/n1`, { metadata: { labels: { a: "1" } } });
    expect((await api.apply(`${STATUS}?fieldManager=health`, applied(gpus("False")))).code).toBe(200);
    expect(conditions()).toEqual([kubelets, gpus("False")]);
    expect(world.get("nodes", { name: "n1" })?.status?.capacity).toEqual({ cpu: "8" });
  });

  test("takes away what the manager names no more, and nothing else", async () => {
    const { api, conditions } = await serving();
    await api.apply(`${STATUS}?fieldManager=health`, applied(gpus("True")));
    await api.apply(`${STATUS}?fieldManager=other`, applied({ type: "Other", status: "True" }));
    await api.apply(`${STATUS}?fieldManager=health`, applied());
    // A time that nobody gave is null.
    const untimed = { lastHeartbeatTime: null, lastTransitionTime: null };
    expect(conditions()).toEqual([kubelets, { type: "Other", status: "True", ...untimed }]);
  });

  test("is a conflict where another has set it otherwise, unless it is forced", async () => {
    const { api, conditions } = await serving();
    await api.apply(`${STATUS}?fieldManager=other`, applied(gpus("True")));
    expect(await api.apply(`${STATUS}?fieldManager=health`, applied(gpus("False")))).toMatchObject({
      code: 409,
      body: { reason: "Conflict", details: { causes: [{ reason: "FieldManagerConflict" }] } },
    });
    expect((await api.apply(`${STATUS}?fieldManager=health`, applied(gpus("True")))).code).toBe(200);
    expect((await api.apply(`${STATUS}?fieldManager=health&force=true`, applied(gpus("False")))).code).toBe(
      200,
    );
    expect(conditions()).toEqual([kubelets, gpus("False")]);
  });

  test("is refused without a manager, without a kind, for a node that is not there, and elsewhere", async () => {
    const { api, conditions } = await serving();
    expect((await api.apply(STATUS, applied(gpus("True")))).code).toBe(422);
    const { kind: _, ...kindless } = applied(gpus("True")) as { kind: string };
    expect((await api.apply(`${STATUS}?fieldManager=health`, kindless)).code).toBe(400);
    expect((await api.apply(`${STATUS}?fieldManager=health`, applied({ status: "True" }))).code).toBe(400);
    expect((await api.apply(`${NODES}/n2/status?fieldManager=health`, applied())).code).toBe(404);
    expect((await api.apply(`${NODES}/n1?fieldManager=health`, applied())).code).toBe(415);
    expect(conditions()).toEqual([kubelets]);
  });
});

describe("server-side apply to a pod's status", () => {
  test("adds its condition beside the others, and only to the pod that is meant", async () => {
    const world = aWorld();
    const times = { lastProbeTime: null, lastTransitionTime: "2026-01-05T09:00:00Z" };
    const ready = { type: "Ready", status: "True", ...times };
    const { uid } = world.put("pods", {
      ...aPod("p"),
      status: { conditions: [ready] },
    }).metadata;
    const { api } = await serve(world);
    const target = { type: "DisruptionTarget", status: "True", reason: "R", ...times };
    const applied = (of: string | undefined): object => ({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "default", uid: of },
      status: { conditions: [target] },
    });
    const status = `${PODS}/p/status?fieldManager=agent&force=true`;
    expect(await api.apply(status, applied("another"))).toMatchObject({
      code: 409,
      body: { reason: "Conflict" },
    });
    expect((await api.apply(status, applied(uid))).code).toBe(200);
    const { conditions } = world.get("pods", { namespace: "default", name: "p" })?.status ?? {};
    expect(conditions).toEqual(expect.arrayContaining([ready, target]));
  });
});

describe("scale", () => {
  test("shows and sets the size, with compare-and-set", async () => {
    const world = aWorld();
    const { api } = await serve(world);
    const scale = await api.get(`${GROUP}/scale`);
    expect(scale.body).toMatchObject({
      kind: "Scale",
      apiVersion: "autoscaling/v1",
      status: { replicas: 0 },
    });
    // A real server leaves a size of zero out.
    expect(scale.body["spec"]).toEqual({});
    const { resourceVersion } = scale.body["metadata"] ?? {};
    expect(
      (await api.merge(`${GROUP}/scale`, { metadata: { resourceVersion }, spec: { replicas: 2 } })).body[
        "spec"
      ],
    ).toEqual({ replicas: 2 });
    expect(
      (await api.merge(`${GROUP}/scale`, { metadata: { resourceVersion }, spec: { replicas: 3 } })).code,
    ).toBe(409);
    expect((await api.merge(`${GROUP}/scale`, { spec: { replicas: -1 } })).code).toBe(422);
    expect((await api.merge(`${GROUP}/scale`, { spec: { replicas: 1.5 } })).code).toBe(422);
    const current = await api.get(`${GROUP}/scale`);
    expect((await api.put(`${GROUP}/scale`, { ...current.body, spec: { replicas: 1 } })).code).toBe(200);
    expect(
      world.list("machines").filter(({ metadata }) => metadata.deletionTimestamp === undefined),
    ).toHaveLength(1);
    expect((await api.get(`${GROUP}/scale`)).body["status"]).toMatchObject({
      replicas: 1,
      selector: `${CLUSTER_API.deploymentName}=spot-a`,
    });
    expect((await api.get(`${NODES}/n1/scale`)).code).toBe(404);
  });

  test("by a marked machine and one less takes that machine", async () => {
    const world = aRunningWorld(3);
    const { api } = await serve(world);
    const chosen = world.list("machines")[1]?.metadata.name ?? "";
    const machine = `/apis/cluster.x-k8s.io/v1beta1/namespaces/default/machines/${chosen}`;
    await api.merge(machine, { metadata: { annotations: { [CLUSTER_API.deleteMachine]: "true" } } });
    await api.merge(`${GROUP}/scale`, { spec: { replicas: 2 } });
    expect((await api.get(machine)).code).toBe(404);
  });
});

describe("eviction", () => {
  const evict = (name: string, deleteOptions: object = {}): object => ({
    apiVersion: "policy/v1",
    kind: "Eviction",
    metadata: { name, namespace: "default" },
    deleteOptions,
  });

  async function serving(
    budgets: readonly number[],
  ): Promise<{ world: World; api: Connection; pod: string; uid: string }> {
    const world = aRunningWorld(1);
    world.submitService({ name: "serve", replicas: 2, gpus: 1 });
    forward(world, 2_000);
    const { api } = await serve(world);
    for (const [at, minAvailable] of budgets.entries()) {
      const spec = { minAvailable, selector: { matchLabels: { app: "serve" } } };
      await api.post("/apis/policy/v1/namespaces/default/poddisruptionbudgets", {
        metadata: { name: `b${at}` },
        spec,
      });
    }
    const { name = "", uid = "" } = world.list("pods")[0]?.metadata ?? {};
    return { world, api, pod: name, uid };
  }

  test("is accepted with the grace that it names", async () => {
    const { world, api, pod, uid } = await serving([1]);
    const done = await api.post(
      `${PODS}/${pod}/eviction`,
      evict(pod, { gracePeriodSeconds: 9, preconditions: { uid } }),
    );
    expect(done).toMatchObject({ code: 201, body: { kind: "Status", status: "Success" } });
    expect(world.get("pods", { namespace: "default", name: pod })?.metadata.deletionGracePeriodSeconds).toBe(
      9,
    );
  });

  test("is refused by a budget with 429, its cause, and no Retry-After", async () => {
    const { api, pod } = await serving([2]);
    const refused = await api.post(`${PODS}/${pod}/eviction`, evict(pod));
    expect(refused).toMatchObject({ code: 429, retryAfter: null, body: { reason: "TooManyRequests" } });
    expect(refused.body["details"]?.["causes"]).toEqual([
      {
        reason: "DisruptionBudget",
        message: "The disruption budget b0 needs 2 healthy pods and has 2 currently",
      },
    ]);
  });

  test("answers 500 under several budgets, 404 and 409 for another pod, 400 for another name", async () => {
    const { api, pod } = await serving([1, 1]);
    const refused = await api.post(`${PODS}/${pod}/eviction`, evict(pod));
    expect(refused.body["reason"]).toBeUndefined();
    expect(refused.body).toMatchObject({
      code: 500,
      message: expect.stringContaining("more than one PodDisruptionBudget") as string,
    });
    expect((await api.post(`${PODS}/gone/eviction`, evict("gone"))).code).toBe(404);
    expect(
      (await api.post(`${PODS}/${pod}/eviction`, evict(pod, { preconditions: { uid: "other" } }))).code,
    ).toBe(409);
    expect((await api.post(`${PODS}/${pod}/eviction`, evict("other"))).code).toBe(400);
    expect(
      (await api.post(`${PODS}/${pod}/eviction`, { ...evict(pod), apiVersion: "policy/v1beta1" })).code,
    ).toBe(400);
  });

  test("in a dry run shows the answer and leaves the pod", async () => {
    const { world, api, pod } = await serving([1]);
    expect((await api.post(`${PODS}/${pod}/eviction`, evict(pod, { dryRun: ["All"] }))).code).toBe(201);
    expect(
      world.get("pods", { namespace: "default", name: pod })?.metadata.deletionTimestamp,
    ).toBeUndefined();
  });

  test("is forbidden in a namespace that is going away", async () => {
    const { world, api, pod } = await serving([]);
    world.put("namespaces", { metadata: { name: "default" }, status: { phase: "Terminating" } });
    expect((await api.post(`${PODS}/${pod}/eviction`, evict(pod))).body).toMatchObject({
      code: 403,
      details: { causes: [{ reason: "NamespaceTerminating" }] },
    });
  });

  test("and deletion know a pod by its uid, and a graceful deletion leaves it terminating", async () => {
    const { api, pod, uid } = await serving([]);
    expect((await api.delete(`${PODS}/${pod}`, { preconditions: { uid: "other" } })).code).toBe(409);
    const { body } = await api.delete(`${PODS}/${pod}?gracePeriodSeconds=20`, { preconditions: { uid } });
    expect(body["metadata"]).toMatchObject({ deletionGracePeriodSeconds: 20 });
    expect((await api.delete(`${PODS}/${pod}`, { gracePeriodSeconds: 0 })).code).toBe(200);
    expect((await api.get(`${PODS}/${pod}`)).code).toBe(404);
  });
});
