// What our stand-in for the API server claims, asked of a real one with the coordinator's own client: the same
// statements, once against each. Here: sizes, patches, deletions, watches.

import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { EMPTY_STATUS } from "../../coordinator/act/moves.ts";
import type { Node } from "../../shared/model/kube.ts";
import { CLUSTER_API, NODE_ANNOTATION } from "../../shared/model/names.ts";
import { seconds } from "../../shared/model/units.ts";
import { systemClock } from "../../shared/runtime/clock.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import { RESOURCE, createDiscovery } from "../../shared/runtime/kube/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import { watch } from "../../shared/runtime/kube/watch.ts";
import { BOTH, GROUP } from "../control-plane/both.ts";
import type { ApiServer } from "../control-plane/both.ts";

const { machineDeployments, policies, nodes } = RESOURCE;
const SCALE = "/apis/cluster.x-k8s.io/v1beta1/namespaces/default/machinedeployments/spot-a/scale";
const NOW = seconds(0);
const SPEC = { provider: "custom" };

describe.each(BOTH)("$name", ({ open, why }) => {
  let server: ApiServer;
  let client: KubeClient;
  beforeAll(async () => {
    if (why !== null) return;
    server = await open();
    ({ client } = server);
  });
  afterAll(async () => {
    if (why === null) await server[Symbol.asyncDispose]();
  });
  const putNode = async (name: string, part: Partial<Node> = {}): Promise<Node> =>
    await client.create(nodes, { metadata: { name }, ...part });

  describe.skipIf(why !== null)("scale", () => {
    test("leaves a size of zero out, and shows every other", async () => {
      const scale = await client.getScale(machineDeployments, GROUP);
      expect(scale).toMatchObject({ kind: "Scale", apiVersion: "autoscaling/v1", status: { replicas: 0 } });
      expect(scale.spec).toEqual({});
      const { resourceVersion = "" } = scale.metadata;
      const grown = await client.patchScale(machineDeployments, GROUP, { replicas: 2, resourceVersion });
      expect(grown.spec).toEqual({ replicas: 2 });
      expect((await client.getScale(machineDeployments, GROUP)).spec).toEqual({ replicas: 2 });
    });

    test("has the object's own version, and is refused over an old one", async () => {
      const { metadata } = await client.get(machineDeployments, GROUP);
      const before = await client.getScale(machineDeployments, GROUP);
      expect(before.metadata.resourceVersion).toBe(metadata.resourceVersion);
      const { resourceVersion = "" } = metadata;
      await client.mergePatch(machineDeployments, GROUP, { metadata: { annotations: { touched: "1" } } });
      await expect(
        client.patchScale(machineDeployments, GROUP, { replicas: 7, resourceVersion }),
      ).rejects.toMatchObject({ kind: "conflict" });
      expect((await client.getScale(machineDeployments, GROUP)).spec).toEqual(before.spec);
    });

    test("takes no number below zero and no half", async () => {
      for (const replicas of [-1, 1.5]) {
        const { status, text } = await server.send("PATCH", SCALE, { spec: { replicas } });
        if (status !== 400 && status !== 422)
          throw new Error(`${replicas} was not refused: ${status} ${text}`);
      }
    });

    test("is where discovery says that it is, and nowhere else", async () => {
      const discover = createDiscovery(client);
      const apiVersion = `${CLUSTER_API.group}/v1beta1`;
      const found = await discover({ apiVersion, kind: "MachineDeployment" });
      expect(found).toMatchObject({ plural: "machinedeployments", namespaced: true, scalable: true });
      expect(await discover({ apiVersion, kind: "Machine" })).toMatchObject({ scalable: false });
      expect(await discover({ apiVersion: "v1", kind: "Node" })).toMatchObject({ scalable: false });
      await expect(discover({ apiVersion, kind: "Nothing" })).rejects.toMatchObject({ kind: "not-found" });
      await expect(discover({ apiVersion: "nothing.example/v1", kind: "X" })).rejects.toMatchObject({
        kind: "not-found",
      });
    });
  });

  describe.skipIf(why !== null)("a merge patch", () => {
    test("adds and takes away single fields, and replaces lists", async () => {
      const taint = { key: "a", value: "1", effect: "NoSchedule" } as const;
      const { metadata } = await putNode("merged", { spec: { taints: [taint] } });
      const marked = await client.mergePatch(nodes, metadata, {
        metadata: { annotations: { [NODE_ANNOTATION.drainRequest]: "x", other: "y" } },
        spec: { unschedulable: true, taints: [{ ...taint, key: "b" }] },
      });
      expect(marked).toMatchObject({
        metadata: { annotations: { [NODE_ANNOTATION.drainRequest]: "x", other: "y" } },
        spec: { unschedulable: true },
      });
      expect(marked.spec?.taints?.map(({ key }) => key)).toEqual(["b"]);
      const bare = await client.mergePatch(nodes, metadata, {
        metadata: { annotations: { [NODE_ANNOTATION.drainRequest]: null } },
        spec: { unschedulable: null },
      });
      expect(bare.metadata.annotations).toEqual({ other: "y" });
      expect(bare.spec?.unschedulable).toBeUndefined();
    });

    test("that names a version is refused over another, and one that changes nothing makes none", async () => {
      const { metadata: ref } = await client.create(policies, {
        metadata: { name: "versioned" },
        spec: SPEC,
      });
      const { resourceVersion } = ref;
      const patch = (metadata: object) => client.mergePatch(policies, ref, { metadata });
      const touched = await patch({ resourceVersion, annotations: { a: "1" } });
      await expect(patch({ resourceVersion, annotations: { a: "2" } })).rejects.toMatchObject({
        kind: "conflict",
      });
      const same = await patch({ annotations: { a: "1" } });
      expect(same.metadata.resourceVersion).toBe(touched.metadata.resourceVersion);
    });

    test("of what is not there is not found", async () => {
      const patch = client.mergePatch(nodes, { name: "nobody" }, { metadata: { annotations: { a: "1" } } });
      await expect(patch).rejects.toMatchObject({ kind: "not-found" });
    });
  });

  describe.skipIf(why !== null)("a deletion", () => {
    test("takes the object of that uid and version only", async () => {
      const made = await client.create(policies, { metadata: { name: "doomed" }, spec: SPEC });
      const { uid = "", resourceVersion = "" } = made.metadata;
      const remove = (how: { uid?: string; resourceVersion?: string; graceSeconds?: typeof NOW }) =>
        client.delete(policies, made.metadata, how);
      await expect(remove({ uid: "00000000-0000-4000-8000-000000000000" })).rejects.toMatchObject({
        kind: "conflict",
      });
      await client.mergePatch(policies, made.metadata, { metadata: { annotations: { a: "1" } } });
      await expect(remove({ uid, resourceVersion })).rejects.toMatchObject({ kind: "conflict" });
      await remove({ uid, graceSeconds: NOW });
      await expect(remove({ uid })).rejects.toMatchObject({ kind: "not-found" });
    });
  });

  describe.skipIf(why !== null)("a watch", () => {
    test("shows what was there and then each change, in order", async () => {
      const spec = { ...SPEC, minNodes: 0 };
      const made = await client.create(policies, { metadata: { name: "watched" }, spec });
      const ended = new AbortController();
      const seen: string[] = [];
      const options = { clock: systemClock, random: () => 0.5, signal: ended.signal };
      for await (const event of watch(
        client,
        policies,
        { fieldSelector: "metadata.name=watched" },
        options,
      )) {
        if (event.kind === "synced") seen.push(`synced ${event.items.length}`);
        if (event.kind === "live") {
          await client.replaceStatus(policies, { ...made, status: { ...EMPTY_STATUS, term: 1 } });
          await client.mergePatch(policies, made.metadata, { spec: { minNodes: 1 } });
          await client.delete(policies, made.metadata);
        }
        if (event.kind === "put" || event.kind === "gone") {
          expect(event.object).toMatchObject({ spec: SPEC, status: EMPTY_STATUS });
          seen.push(`${event.kind} ${figuresOf(event.object)}`);
        }
        if (event.kind === "gone") ended.abort();
      }
      const last = "minNodes 1, term 1";
      expect(seen).toEqual(["synced 1", "put minNodes 0, term 1", `put ${last}`, `gone ${last}`]);
    });
  });
});

/** What changes in the policy that is watched. */
function figuresOf({ spec, status }: UnreadObject): string {
  const figures = [
    ["minNodes", spec],
    ["term", status],
  ] as const;
  return figures
    .map(([name, part]) => `${name} ${String((part as Record<string, unknown> | undefined)?.[name])}`)
    .join(", ");
}
