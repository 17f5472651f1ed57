import { describe, expect, test } from "vitest";

import { GPU_RESOURCE } from "../../../shared/model/names.ts";
import { aNode, aRunningWorld, aWorld } from "../build.ts";
import { servesWorlds, PODS, NODES, GROUP, LEASES, podBody, textAt } from "../serving.ts";

const serve = servesWorlds();

describe("discovery", () => {
  test("names groups, versions, resources and subresources", async () => {
    const { api } = await serve(aWorld());
    const groups = await api.get("/apis");
    expect(JSON.stringify(groups.body)).toContain('"groupVersion":"cluster.x-k8s.io/v1beta1"');
    const { body } = await api.get("/apis/cluster.x-k8s.io/v1beta1");
    expect(body["resources"]).toContainEqual(
      expect.objectContaining({ name: "machinedeployments", kind: "MachineDeployment", namespaced: true }),
    );
    expect(body["resources"]).toContainEqual(
      expect.objectContaining({ name: "machinedeployments/scale", group: "autoscaling", kind: "Scale" }),
    );
    expect((await api.get("/apis/cluster.x-k8s.io/v1")).code).toBe(404);
    for (const path of ["/apis/nothing.example/v1", "/apis/nothing.example/v1/things"])
      expect(await api.get(path)).toMatchObject({ code: 404, body: { text: "404 page not found\n" } });
  });
});

describe("objects", () => {
  test("are created, read, replaced and deleted, with the refusals of a real server", async () => {
    const { api } = await serve(aWorld());
    const made = await api.post(PODS, podBody("one"));
    expect(made).toMatchObject({
      code: 201,
      body: { kind: "Pod", metadata: { namespace: "default" }, status: { phase: "Pending" } },
    });
    expect(await api.post(PODS, podBody("one"))).toMatchObject({
      code: 409,
      body: { reason: "AlreadyExists" },
    });
    expect((await api.get(`${PODS}/one`)).body["metadata"]).toMatchObject({ name: "one" });
    expect(await api.get(`${PODS}/two`)).toMatchObject({
      code: 404,
      body: { reason: "NotFound", message: 'pods "two" not found' },
    });
    expect((await api.post(PODS.replace("default", "nowhere"), podBody("one"))).body["message"]).toBe(
      'namespaces "nowhere" not found',
    );
    expect(await api.delete(`${PODS}/one`)).toMatchObject({ code: 200 });
    expect((await api.get(`${PODS}/one`)).code).toBe(404);
  });

  test.each([
    ["a name that is none", podBody("Not_A_Name"), 422, "metadata.name"],
    ["no name", podBody(""), 422, "metadata.name"],
    ["no containers", { metadata: { name: "p" }, spec: {} }, 422, "spec.containers"],
    [
      "a bad quantity",
      {
        metadata: { name: "p" },
        spec: { containers: [{ name: "m", resources: { limits: { [GPU_RESOURCE]: "two" } } }] },
      },
      422,
      "spec.containers[0].resources.limits[nvidia.com/gpu]",
    ],
    [
      "a label value that is too long",
      podBody("p", { labels: { a: "x".repeat(64) } }),
      422,
      "metadata.labels",
    ],
    ["an annotation that is a number", podBody("p", { annotations: { a: 1 } }), 400, null],
    ["another namespace", podBody("p", { namespace: "kube-system" }), 400, null],
    ["another kind", { ...podBody("p"), kind: "Node" }, 400, null],
  ])("refuse a pod with %s", async (_, body, code, field) => {
    const { api } = await serve(aWorld());
    const answer = await api.post(PODS, body);
    expect(answer.code).toBe(code);
    if (field !== null)
      expect(answer.body["details"]?.["causes"]).toContainEqual(expect.objectContaining({ field }));
    expect((await api.get(PODS)).body["items"]).toEqual([]);
  });

  test("refuse to move a pod to another node", async () => {
    const { api } = await serve(aRunningWorld(1));
    await api.post(PODS, podBody("one"));
    expect(await api.merge(`${PODS}/one`, { spec: { nodeName: "elsewhere" } })).toMatchObject({
      code: 422,
      body: { reason: "Invalid" },
    });
  });

  test("refuse taints with an unknown effect or twice the same, and a changed providerID", async () => {
    const { api } = await serve(aRunningWorld(1));
    const node = `${NODES}/${textAt((await api.get(NODES)).body, "items", "0", "metadata", "name")}`;
    const taint = { key: "a", effect: "NoSchedule" };
    expect(
      (await api.merge(node, { spec: { taints: [{ key: "a", effect: "Never" }] } })).body["details"]?.[
        "causes"
      ],
    ).toMatchObject([{ field: "spec.taints[0].effect" }]);
    expect((await api.merge(node, { spec: { taints: [taint, taint] } })).code).toBe(422);
    const longest = { ...taint, value: "x".repeat(63) };
    expect((await api.merge(node, { spec: { taints: [longest] } })).code).toBe(200);
    expect((await api.merge(node, { spec: { taints: [{ ...taint, value: "x".repeat(64) }] } })).code).toBe(
      422,
    );
    expect((await api.merge(node, { spec: { providerID: "sim://other/x" } })).code).toBe(422);
    expect((await api.merge(node, { spec: { taints: [taint] } })).code).toBe(200);
  });

  test("refuse times with another precision in a Lease, and a version-less replacement", async () => {
    const { api } = await serve(aWorld());
    const lease = (renewTime: string): object => ({
      metadata: { name: "l" },
      spec: { holderIdentity: "me", leaseDurationSeconds: 10, renewTime },
    });
    expect((await api.post(LEASES, lease("2026-01-05T09:00:00.123Z"))).code).toBe(400);
    expect((await api.post(LEASES, lease("2026-01-05T09:00:00.123000Z"))).code).toBe(201);
    expect((await api.put(`${LEASES}/l`, lease("2026-01-05T09:00:01.123000Z"))).code).toBe(422);
  });

  test("about cluster-scoped objects have their events in the default namespace", async () => {
    const { api } = await serve(aWorld());
    const event = {
      metadata: { name: "e" },
      involvedObject: { kind: "Node", name: "n1" },
      reason: "R",
      type: "Normal",
    };
    expect((await api.post("/api/v1/namespaces/kube-system/events", event)).code).toBe(422);
    expect((await api.post("/api/v1/namespaces/default/events", event)).code).toBe(201);
    const found = await api.get("/api/v1/events?fieldSelector=involvedObject.name%3Dn1%2Creason%3DR");
    expect(found.body["items"]).toMatchObject([{ metadata: { name: "e" } }]);
  });

  test("get a name from generateName", async () => {
    const { api } = await serve(aWorld());
    const made = await api.post(PODS, {
      metadata: { generateName: "run-" },
      spec: { containers: [{ name: "main" }] },
    });
    expect(made.body["metadata"]?.["name"]).toMatch(/^run-[a-z0-9]{5}$/);
  });

  test("are not touched by a dry run", async () => {
    const { api } = await serve(aWorld());
    expect((await api.post(`${PODS}?dryRun=All`, podBody("one"))).code).toBe(201);
    expect((await api.get(`${PODS}/one`)).code).toBe(404);
  });

  test("refuse methods and formats that do not fit", async () => {
    const { api } = await serve(aWorld());
    expect((await api.delete(PODS)).code).toBe(405);
    expect((await api.get(`${NODES}/%zz`)).code).toBe(404);
    expect((await api.get("//")).code).toBe(404);
    expect((await api.post(`${NODES}/n1`, {})).code).toBe(405);
    expect((await api.send("PATCH", GROUP, "application/strategic-merge-patch+json", "{}")).code).toBe(415);
    expect((await api.send("POST", PODS, "application/yaml", "a: b")).code).toBe(415);
    expect((await api.send("POST", PODS, "application/json", "{")).code).toBe(400);
  });
});

describe("lists", () => {
  test("filter by labels and fields", async () => {
    const world = aRunningWorld(1);
    const { api } = await serve(world);
    for (const [name, tier] of [
      ["a", "gold"],
      ["b", "silver"],
      ["c", ""],
    ] as const) {
      await api.post(PODS, podBody(name, { labels: { app: name, ...(tier === "" ? {} : { tier }) } }));
    }
    const node = world.list("nodes")[0]?.metadata.name ?? "";
    const names = async (query: string): Promise<string> => {
      const { body } = await api.get(`${PODS}?${query}`);
      return (body["items"] as unknown as readonly { metadata: { name: string } }[])
        .map(({ metadata }) => metadata.name)
        .join("");
    };
    const label = async (text: string): Promise<string> =>
      await names(`labelSelector=${encodeURIComponent(text)}`);
    expect(await label("app=a")).toBe("a");
    expect(await label("tier==silver")).toBe("b");
    expect(await label("tier!=gold")).toBe("bc");
    expect(await label("tier in (gold, silver),app!=a")).toBe("b");
    expect(await label("tier notin (gold)")).toBe("bc");
    expect(await label("tier")).toBe("ab");
    expect(await label("!tier")).toBe("c");
    expect(await names(`fieldSelector=spec.nodeName%3D${node}`)).toBe("abc");
    expect(await names("fieldSelector=status.phase!%3DPending")).toBe("");
    expect(await names("fieldSelector=metadata.name%3Db,status.phase%3DPending")).toBe("b");
    expect((await api.get(`${PODS}?fieldSelector=spec.hostIP%3Dx`)).body["message"]).toBe(
      "field label not supported: spec.hostIP",
    );
    expect((await api.get(`${PODS}?labelSelector=${encodeURIComponent("a b c")}`)).code).toBe(400);
  });

  test("come in pages that together are everything, at the version of the first", async () => {
    const world = aWorld();
    for (let at = 0; at < 5; at += 1) world.put("nodes", aNode(`n${at}`));
    const { api } = await serve(world);
    const first = await api.get(`${NODES}?limit=2`);
    expect(first.body["metadata"]).toMatchObject({
      remainingItemCount: 3,
      resourceVersion: String(world.version),
    });
    world.put("nodes", aNode("n9"));
    const token = textAt(first.body, "metadata", "continue");
    const second = await api.get(`${NODES}?limit=10&continue=${token}`);
    // What was made meanwhile is for a watch to show.
    expect(second.body["items"]).toHaveLength(3);
    expect(second.body["metadata"]).toEqual({ resourceVersion: first.body["metadata"]?.["resourceVersion"] });
    world.compact();
    expect(await api.get(`${NODES}?limit=2&continue=${token}`)).toMatchObject({
      code: 410,
      body: { reason: "Expired" },
    });
  });

  test("of built-in kinds carry no kind on their items, those of custom kinds do", async () => {
    const { api } = await serve(aRunningWorld(1));
    expect((await api.get(NODES)).body).toMatchObject({ kind: "NodeList", apiVersion: "v1" });
    expect((await api.get(NODES)).body["items"]?.["0"]?.["kind"]).toBeUndefined();
    const machines = await api.get("/apis/cluster.x-k8s.io/v1beta1/machines");
    expect(machines.body["items"]?.["0"]).toMatchObject({ kind: "Machine" });
  });
});
