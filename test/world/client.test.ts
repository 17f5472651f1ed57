// The product's own Kubernetes client against the world: both sides read the API in the same way.

import { afterEach, describe, expect, test } from "vitest";

import type { World } from "../../coordinator/replay/world.ts";
import type { Node, PodDisruptionBudget } from "../../shared/model/kube.ts";
import { EVENT, LEASE_NAME, TAINT } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { millis, seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import { createKubeClient } from "../../shared/runtime/kube/client.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { createEventRecorder } from "../../shared/runtime/kube/events.ts";
import { parseKubeconfig } from "../../shared/runtime/kube/kubeconfig.ts";
import { createLeaderElection } from "../../shared/runtime/kube/lease.ts";
import { updateNode, withTaint } from "../../shared/runtime/kube/node-marks.ts";
import { RESOURCE, createDiscovery } from "../../shared/runtime/kube/resources.ts";
import { watch } from "../../shared/runtime/kube/watch.ts";
import type { WatchEvent } from "../../shared/runtime/kube/watch.ts";
import { aNode, aRunningWorld, aWorld, forward } from "./build.ts";
import type { WorldServer } from "./server.ts";
import { servesWorlds } from "./serving.ts";

const serve = servesWorlds();
const open: KubeClient[] = [];
const random = seededRandom(1);
const silent = { info: () => {}, warn: () => {} };

afterEach(() => {
  for (const client of open.splice(0)) client.close();
});

async function clientFor(world: World): Promise<{ client: KubeClient; server: WorldServer }> {
  const { server } = await serve(world);
  const config = await parseKubeconfig(server.kubeconfig(), { clock: systemClock, path: "kubeconfig" });
  const client = createKubeClient({ config, clock: systemClock, userAgent: "compatibility/1" });
  open.push(client);
  return { client, server };
}

describe("our client and the world", () => {
  test("find a kind by discovery and scale it by compare-and-set", async () => {
    const world = aWorld();
    const { client } = await clientFor(world);
    const kind = { apiVersion: "cluster.x-k8s.io/v1beta1", kind: "MachineDeployment" };
    const found = await createDiscovery(client)(kind);
    expect(found).toMatchObject({ plural: "machinedeployments", namespaced: true, scalable: true });
    const ref = { namespace: "default", name: "spot-a" };
    const { metadata } = await client.getScale(found, ref);
    const change = { replicas: 2, resourceVersion: metadata.resourceVersion ?? "" };
    expect((await client.patchScale(found, ref, change)).spec).toEqual({ replicas: 2 });
    expect(world.list("machines")).toHaveLength(2);
    await expect(client.patchScale(found, ref, change)).rejects.toMatchObject({ kind: "conflict" });
  });

  test("agree on evictions", async () => {
    const world = aRunningWorld(1);
    world.submitService({ name: "serve", replicas: 2, gpus: 1, exitAfterMs: millis(60_000) });
    forward(world, 2_000);
    const { client } = await clientFor(world);
    const [one, two] = world
      .list("pods")
      .map(({ metadata }) => ({ namespace: "default", name: metadata.name, uid: metadata.uid ?? "" }));
    if (one === undefined || two === undefined) throw new Error("two pods were expected");
    const budget = (name: string): PodDisruptionBudget => ({
      metadata: { name, namespace: "default" },
      spec: { minAvailable: 1, selector: { matchLabels: { app: "serve" } } },
    });
    world.put("poddisruptionbudgets", budget("b1"));
    expect(await client.evict({ ...one, uid: "another" })).toEqual({ kind: "replaced" });
    expect(await client.evict({ ...one, dryRun: true })).toEqual({ kind: "accepted" });
    expect(await client.evict({ ...one, graceSeconds: seconds(30) })).toEqual({ kind: "accepted" });
    expect(await client.evict(two)).toMatchObject({ kind: "budget-blocked", retryAfterMs: null });
    world.put("poddisruptionbudgets", budget("b2"));
    expect(await client.evict(two)).toMatchObject({ kind: "several-budgets" });
    expect(await client.evict({ namespace: "default", name: "nobody", uid: "x" })).toEqual({ kind: "gone" });
    world.put("namespaces", { metadata: { name: "default" }, status: { phase: "Terminating" } });
    expect(await client.evict(two)).toEqual({ kind: "namespace-terminating" });
  });

  test("cordon and taint a node although the node controller writes in between", async () => {
    const world = aRunningWorld(1);
    const { client } = await clientFor(world);
    const name = world.list("nodes")[0]?.metadata.name ?? "";
    const taint = { key: TAINT.spotInterruption, value: "drill", effect: "NoSchedule" } as const;
    const marks = (node: Node): object => ({
      unschedulable: true,
      taints: withTaint(node.spec?.taints, taint),
    });
    const known = await updateNode(client, name, () => ({ unschedulable: true }), {
      clock: systemClock,
      random,
    });
    // The cordon's own taint made this copy of the node an old one.
    await updateNode(client, name, marks, { clock: systemClock, random, known });
    const keys = world.get("nodes", { name })?.spec?.taints?.map(({ key }) => key);
    expect(keys).toEqual([TAINT.unschedulable, TAINT.spotInterruption]);
    await updateNode(client, name, () => ({ unschedulable: false, taints: [] }), {
      clock: systemClock,
      random,
    });
    expect(world.get("nodes", { name })?.spec?.taints).toBeUndefined();
  });

  test("keep a store current through a watch that is cut and one that is too old", async () => {
    const world = aWorld();
    world.put("nodes", aNode("n1"));
    const { client, server } = await clientFor(world);
    const stop = new AbortController();
    const events = watch(
      client,
      RESOURCE.nodes,
      {},
      { clock: systemClock, random, signal: stop.signal, limits: { baseMs: millis(1), capMs: millis(2) } },
    );
    const until = async (wanted: (event: WatchEvent<Node>) => boolean): Promise<WatchEvent<Node>> => {
      for (;;) {
        const next = await events.next();
        if (next.done === true) throw new Error("the watch ended");
        if (wanted(next.value)) return next.value;
      }
    };
    expect(await until(({ kind }) => kind === "synced")).toMatchObject({
      items: [{ metadata: { name: "n1" } }],
    });
    await until(({ kind }) => kind === "live");
    server.cutAll();
    await until(({ kind }) => kind === "stale");
    server.change(() => world.put("nodes", aNode("n2")));
    expect(await until(({ kind }) => kind === "put")).toMatchObject({ object: { metadata: { name: "n2" } } });
    server.faults.set({ kind: "gone-watch", times: 1 });
    expect(await until(({ kind }) => kind === "synced")).toMatchObject({ items: [{}, {}] });
    stop.abort();
    await events.return(undefined);
  });

  test("elect a leader, record an event twice as one, and read status apart from spec", async () => {
    const world = aWorld();
    const { client } = await clientFor(world);
    const election = createLeaderElection({
      client,
      identity: "one",
      namespace: "default",
      name: LEASE_NAME,
      leaseMs: millis(10_000),
      renewMs: millis(7_000),
      retryMs: millis(1_500),
      clock: systemClock,
      random,
      log: silent,
    });
    let term = 0;
    await election.run(new AbortController().signal, async (_, leadership) => {
      term = leadership.term;
      expect(world.get("leases", { namespace: "default", name: LEASE_NAME })?.spec?.holderIdentity).toBe(
        "one",
      );
      await Promise.resolve();
    });
    expect(term).toBeGreaterThan(0);
    expect(world.get("leases", { namespace: "default", name: LEASE_NAME })?.spec?.holderIdentity).toBe("");

    const record = createEventRecorder({ client, component: "test", clock: systemClock });
    const subject = { apiVersion: "v1", kind: "Node", name: "n1" };
    for (let at = 0; at < 2; at += 1)
      await record({ subject, type: "Normal", reason: EVENT.drained, message: "done" });
    expect(world.list("events")).toMatchObject([
      { metadata: { namespace: "default" }, reason: EVENT.drained, count: 2 },
    ]);

    world.put("autoscalingpolicies", { metadata: { name: "p" }, spec: { minNodes: 1 } });
    await client.patchStatus(
      RESOURCE.policies,
      { name: "p" },
      { status: { term: 3 }, spec: { minNodes: 9 } },
    );
    expect(world.get("autoscalingpolicies", { name: "p" })).toMatchObject({
      spec: { minNodes: 1 },
      status: { term: 3 },
    });
  });
});
