import { describe, expect, test } from "vitest";

import { createFakeClock } from "../../build/clock.ts";
import { aNode, aRunningWorld, aWorld } from "../build.ts";
import { servesWorlds, PODS, NODES, podBody, textAt, kinds } from "../serving.ts";

const serve = servesWorlds();

describe("a watch", () => {
  test("from a list's version misses nothing that came between", async () => {
    const world = aWorld();
    const { server, api } = await serve(world);
    world.put("nodes", aNode("before"));
    const version = textAt((await api.get(NODES)).body, "metadata", "resourceVersion");
    server.change(() => world.put("nodes", aNode("between")));
    const watch = await api.watch(`${NODES}?watch=1&resourceVersion=${version}`);
    server.change(() => world.remove("nodes", { name: "before" }));
    await api.merge(`${NODES}/between`, { metadata: { labels: { a: "b" } } });
    expect(kinds(await watch.take(3))).toEqual(["ADDED between", "DELETED before", "MODIFIED between"]);
  });

  test("goes on after a cut from the last version that was seen", async () => {
    const world = aWorld();
    const { server, api } = await serve(world);
    const first = await api.watch(`${NODES}?watch=1&resourceVersion=${world.version}`);
    server.change(() => world.put("nodes", aNode("a")));
    const [seen] = await first.take(1);
    server.cutAll();
    await expect(first.next()).rejects.toThrow("terminated");
    server.change(() => world.put("nodes", aNode("b")));
    const second = await api.watch(
      `${NODES}?watch=1&resourceVersion=${textAt(seen?.object, "metadata", "resourceVersion")}`,
    );
    expect(kinds(await second.take(1))).toEqual(["ADDED b"]);
  });

  test("without a version begins with what is there", async () => {
    const { api } = await serve(aRunningWorld(2));
    const watch = await api.watch(`${NODES}?watch=true`);
    expect((await watch.take(2)).map(({ type }) => type)).toEqual(["ADDED", "ADDED"]);
  });

  test("shows objects that enter and leave its selection as added and deleted", async () => {
    const world = aWorld();
    world.put("nodes", aNode("n1"));
    const { api } = await serve(world);
    const watch = await api.watch(
      `${NODES}?watch=1&resourceVersion=${world.version}&labelSelector=gpu%3Dyes`,
    );
    await api.merge(`${NODES}/n1`, { metadata: { labels: { gpu: "yes" } } });
    await api.merge(`${NODES}/n1`, { metadata: { annotations: { a: "b" } } });
    await api.merge(`${NODES}/n1`, { metadata: { labels: { gpu: "no" } } });
    expect(kinds(await watch.take(3))).toEqual(["ADDED n1", "MODIFIED n1", "DELETED n1"]);
  });

  test("of one namespace or one node's pods sees no others", async () => {
    const world = aRunningWorld(1);
    const { server, api } = await serve(world);
    const node = world.list("nodes")[0]?.metadata.name ?? "";
    const from = `watch=1&resourceVersion=${world.version}`;
    const onNode = await api.watch(`/api/v1/pods?${from}&fieldSelector=spec.nodeName%3D${node}`);
    const elsewhere = await api.watch(`/api/v1/namespaces/kube-system/pods?${from}`);
    await api.post(PODS, podBody("scheduled"));
    await api.post(PODS, {
      ...podBody("waiting"),
      spec: { nodeSelector: { a: "b" }, containers: [{ name: "main" }] },
    });
    server.change(() => world.addDaemonSet({ name: "agent", cpu: "1", memory: "1Gi" }));
    expect(kinds(await onNode.take(1))).toEqual(["ADDED scheduled"]);
    expect((await onNode.take(1))[0]?.object["metadata"]?.["labels"]).toEqual({ app: "agent" });
    expect((await elsewhere.take(1))[0]?.object["metadata"]?.["labels"]).toEqual({ app: "agent" });
  });

  test("gets bookmarks only when it asks for them, with the version that it has reached", async () => {
    const world = aWorld();
    const { server, api } = await serve(world);
    const from = `watch=1&resourceVersion=${world.version}`;
    const plain = await api.watch(`${NODES}?${from}`);
    const marked = await api.watch(`${NODES}?${from}&allowWatchBookmarks=true`);
    server.change(() => world.put("autoscalingpolicies", { metadata: { name: "p" } }));
    server.bookmark();
    server.change(() => world.put("nodes", aNode("n1")));
    const [bookmark] = await marked.take(1);
    expect(bookmark).toMatchObject({
      type: "BOOKMARK",
      object: { kind: "Node", metadata: { resourceVersion: String(world.version - 1) } },
    });
    expect(kinds(await plain.take(1))).toEqual(["ADDED n1"]);
  });

  test("from a version that is no longer kept is told so", async () => {
    const world = aWorld();
    const { api } = await serve(world);
    const old = world.version;
    world.put("nodes", aNode("n1"));
    world.compact();
    const watch = await api.watch(`${NODES}?watch=1&resourceVersion=${old}`);
    expect(await watch.next()).toMatchObject({
      type: "ERROR",
      object: { kind: "Status", code: 410, reason: "Expired" },
    });
    expect(await watch.next()).toBeNull();
  });

  test("from a version that is still to come is silent until then, without bookmarks too", async () => {
    const world = aWorld();
    const { server, api } = await serve(world);
    const watch = await api.watch(
      `${NODES}?watch=1&resourceVersion=${world.version + 1}&allowWatchBookmarks=1`,
    );
    server.bookmark();
    server.change(() => world.put("nodes", aNode("n1")));
    server.change(() => world.put("nodes", aNode("n2")));
    expect(kinds(await watch.take(1))).toEqual(["ADDED n2"]);
  });

  test("ends by itself at its time-out, with a bookmark", async () => {
    const clock = createFakeClock();
    const world = aWorld();
    const { server, api } = await serve(world, { clock });
    const watch = await api.watch(
      `${NODES}?watch=1&resourceVersion=${world.version}&timeoutSeconds=5&allowWatchBookmarks=1`,
    );
    expect(server.openWatches).toBe(1);
    await clock.advance(5_000);
    expect((await watch.next())?.type).toBe("BOOKMARK");
    expect(await watch.next()).toBeNull();
    expect(server.openWatches).toBe(0);
  });
});
