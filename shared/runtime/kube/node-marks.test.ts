import { describe, expect, test } from "vitest";

import { createFakeClock } from "../../../test/build/clock.ts";
import { clientFor } from "../../../test/build/kube-client.ts";
import { startScriptedServer } from "../../../test/build/scripted-server.ts";
import type { ScriptedServer } from "../../../test/build/scripted-server.ts";
import type { Node, Taint } from "../../model/kube.ts";
import { updateNode, withTaint, withoutTaint } from "./node-marks.ts";
import type { NodeChange, UpdateNodeOptions } from "./node-marks.ts";

const theirs: Taint = { key: "theirs", effect: "NoSchedule" };
const ours: Taint = { key: "ours", value: "id", effect: "NoSchedule" };
const nodeAt = (version: number, spec: Node["spec"] = {}): Node => ({
  metadata: { name: "n", resourceVersion: String(version) },
  spec,
});

/** Answers a patch with 409 as often as told; each conflict comes from a write that adds a taint. */
async function startNode(conflicts: number): Promise<ScriptedServer> {
  let version = 1;
  let left = conflicts;
  const taints: Taint[] = [];
  return await startScriptedServer((request, reply) => {
    if (request.method === "GET") {
      reply.json(200, nodeAt(version, { taints }));
    } else if (left > 0) {
      left--;
      version++;
      taints.push({ key: `theirs-${version}`, effect: "NoSchedule" });
      reply.json(409, {
        kind: "Status",
        code: 409,
        reason: "Conflict",
        message: "the object has been modified",
      });
    } else {
      reply.json(200, { metadata: { name: "n", resourceVersion: String(version + 1) }, spec: {} });
    }
  });
}

async function update(
  server: ScriptedServer,
  change: (node: Node) => NodeChange | null,
  options: Partial<UpdateNodeOptions> = {},
): Promise<Node> {
  const clock = createFakeClock();
  const client = clientFor(server.url, clock);
  try {
    // Without jitter there is no pause, so no time has to pass.
    return await updateNode(client, "n", change, { clock, random: () => 0, ...options });
  } finally {
    client.close();
  }
}

const patches = (server: ScriptedServer): unknown[] =>
  server.requests.filter((request) => request.method === "PATCH").map((request) => request.body);

describe("updateNode()", () => {
  test("writes cordon, taints, annotations and labels in one patch, at the version that was read", async () => {
    await using server = await startNode(0);
    const written = await update(server, (node) => ({
      unschedulable: true,
      taints: withTaint(node.spec?.taints, ours),
      annotations: { state: "{}", old: null },
      labels: { mark: "us" },
    }));
    expect(written.metadata.resourceVersion).toBe("2");
    expect(patches(server)).toEqual([
      {
        metadata: { resourceVersion: "1", annotations: { state: "{}", old: null }, labels: { mark: "us" } },
        spec: { unschedulable: true, taints: [ours] },
      },
    ]);
  });

  test("removes what it takes off instead of writing empty values", async () => {
    await using server = await startNode(0);
    await update(server, () => ({ unschedulable: false, taints: [] }));
    expect(patches(server)).toEqual([
      { metadata: { resourceVersion: "1" }, spec: { unschedulable: null, taints: null } },
    ]);
  });

  test("computes the change anew from what somebody else wrote, and loses none of their taints", async () => {
    await using server = await startNode(2);
    await update(server, (node) => ({ taints: withTaint(node.spec?.taints, ours) }));
    expect(patches(server).at(-1)).toEqual({
      metadata: { resourceVersion: "3" },
      spec: {
        taints: [{ key: "theirs-2", effect: "NoSchedule" }, { key: "theirs-3", effect: "NoSchedule" }, ours],
      },
    });
  });

  test("gives up after three more tries and stays a conflict", async () => {
    await using server = await startNode(99);
    await expect(update(server, () => ({ unschedulable: true }))).rejects.toMatchObject({
      kind: "conflict",
      message: expect.stringContaining("gave up after 4 attempts: cannot patch nodes n") as string,
    });
    expect(patches(server)).toHaveLength(4);
  });

  test("writes nothing when there is nothing to change", async () => {
    await using server = await startNode(0);
    expect((await update(server, () => null)).metadata.resourceVersion).toBe("1");
    expect(patches(server)).toEqual([]);
  });

  test("starts from the node that the caller knows, and reads only after a conflict", async () => {
    await using server = await startNode(1);
    const seen: (string | undefined)[] = [];
    await update(
      server,
      (node) => {
        seen.push(node.metadata.resourceVersion);
        return { unschedulable: true };
      },
      { known: nodeAt(0) },
    );
    expect(seen).toEqual(["0", "2"]);
    expect(server.requests.map((request) => request.method)).toEqual(["PATCH", "GET", "PATCH"]);
  });

  test("does not take the word of a late watch for it that there is nothing to write", async () => {
    await using server = await startNode(0);
    const known = nodeAt(0, { unschedulable: true });
    await update(server, (node) => (node.spec?.unschedulable === true ? null : { unschedulable: true }), {
      known,
    });
    expect(server.requests.map((request) => request.method)).toEqual(["GET", "PATCH"]);
    expect(patches(server)).toEqual([{ metadata: { resourceVersion: "1" }, spec: { unschedulable: true } }]);
  });
});

describe("withTaint()", () => {
  test("replaces the taint of the same key and effect and keeps all others", () => {
    const prefer: Taint = { key: "ours", effect: "PreferNoSchedule" };
    expect(withTaint([theirs, { ...ours, value: "older" }, prefer], ours)).toEqual([theirs, prefer, ours]);
    expect(withTaint(undefined, ours)).toEqual([ours]);
  });
});

describe("withoutTaint()", () => {
  test("takes off a key, with one effect or with any", () => {
    const prefer: Taint = { key: "ours", effect: "PreferNoSchedule" };
    expect(withoutTaint([theirs, ours, prefer], "ours")).toEqual([theirs]);
    expect(withoutTaint([theirs, ours, prefer], "ours", "NoSchedule")).toEqual([theirs, prefer]);
  });
});
