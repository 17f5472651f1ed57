import { describe, expect, test } from "vitest";

import { RESOURCE, createDiscovery, groupPath, listPath, objectPath } from "./resources.ts";

describe("paths", () => {
  test.each([
    [objectPath(RESOURCE.nodes, { name: "n" }), "/api/v1/nodes/n"],
    [objectPath(RESOURCE.nodes, { namespace: "ignored", name: "n" }), "/api/v1/nodes/n"],
    [
      objectPath(RESOURCE.pods, { namespace: "a b", name: "p" }, "eviction"),
      "/api/v1/namespaces/a%20b/pods/p/eviction",
    ],
    [listPath(RESOURCE.podDisruptionBudgets), "/apis/policy/v1/poddisruptionbudgets"],
    [listPath(RESOURCE.podDisruptionBudgets, "ns"), "/apis/policy/v1/namespaces/ns/poddisruptionbudgets"],
    [groupPath("v1"), "/api/v1"],
    [groupPath("karpenter.sh/v1"), "/apis/karpenter.sh/v1"],
  ])("%s is as the API server has it", (path, expected) => {
    expect(path).toBe(expected);
  });
});

describe("createDiscovery()", () => {
  function serving(answer: unknown) {
    const asked: string[] = [];
    const find = createDiscovery({
      read: async (path) => {
        asked.push(path);
        return await Promise.resolve(answer);
      },
    });
    return { asked, find };
  }
  const entry = (name: string, kind: string, namespaced = false) => ({
    name,
    kind,
    namespaced,
    verbs: ["get"],
  });
  const karpenter = {
    resources: [
      entry("nodepools", "NodePool"),
      entry("nodepools/scale", "Scale"),
      entry("nodepools/status", "NodePool"),
      entry("nodeclaims", "NodeClaim"),
    ],
  };

  test("finds plural, scope and whether the kind scales, and asks once", async () => {
    const { asked, find } = serving(karpenter);
    const wanted = { apiVersion: "karpenter.sh/v1", kind: "NodePool" };
    expect(await find(wanted)).toEqual({
      group: "karpenter.sh",
      version: "v1",
      plural: "nodepools",
      kind: "NodePool",
      namespaced: false,
      scalable: true,
    });
    await find(wanted);
    expect(asked).toEqual(["/apis/karpenter.sh/v1"]);
    expect(await find({ apiVersion: "karpenter.sh/v1", kind: "NodeClaim" })).toMatchObject({
      scalable: false,
    });
  });

  test("says which kind is missing, and looks again the next time", async () => {
    const { asked, find } = serving(karpenter);
    const wanted = { apiVersion: "karpenter.sh/v1", kind: "Machine" };
    await expect(find(wanted)).rejects.toMatchObject({
      kind: "not-found",
      message: 'cannot find kind "Machine" in karpenter.sh/v1: the API server does not serve it',
    });
    await expect(find(wanted)).rejects.toMatchObject({ kind: "not-found" });
    expect(asked).toHaveLength(2);
  });

  test.each([null, {}, { resources: "no" }])("calls %j malformed", async (answer) => {
    const { find } = serving(answer);
    await expect(find({ apiVersion: "v1", kind: "Pod" })).rejects.toMatchObject({ kind: "malformed" });
  });
});
