import { describe, expect, test } from "vitest";

import type { KubeObject, Node } from "../../shared/model/kube.ts";
import { LEASE_NAME, NODE_ANNOTATION, NODE_CONDITION, SERVICE_ACCOUNT } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { KubeClient } from "../../shared/runtime/kube/client.ts";
import type { Resource } from "../../shared/runtime/kube/resources.ts";
import { ago, gpuNode, policy } from "../../test/build/doctor-facts.ts";
import { NOW } from "../../test/build/now.ts";
import { status } from "./status.ts";

const { namespace } = SERVICE_ACCOUNT;
const LEASE = {
  metadata: { namespace, name: LEASE_NAME },
  spec: { holderIdentity: "coordinator-1_abc", leaseDurationSeconds: 10, renewTime: ago(2_000) },
};

/** A cluster whose lists and leases are these; an error is thrown. */
function cluster(nodes: readonly Node[] | AppError, lease: KubeObject | AppError = LEASE) {
  const answer = <T>(value: T | AppError): T => {
    if (value instanceof AppError) throw value;
    return value;
  };
  // What the server sends is of the kind that was asked for, as the client's own file says.
  return {
    list: async <T extends KubeObject>({ plural }: Resource<T>) => {
      await Promise.resolve();
      const items: unknown = plural === "nodes" ? answer(nodes) : [policy()];
      return { items: items as readonly T[], resourceVersion: "1" };
    },
    get: async <T extends KubeObject>() => {
      await Promise.resolve();
      return answer<unknown>(lease) as T;
    },
  } satisfies Pick<KubeClient, "list" | "get">;
}

async function text(client: ReturnType<typeof cluster>): Promise<string> {
  return await status(client, { policy: undefined, json: false, service: { namespace } }, epochMs(NOW));
}

function saying(name: string, condition: string, message: string, heard: string): Node {
  const node = gpuNode(name);
  const told = { type: NODE_CONDITION.gpuHealthy, status: condition, message, lastHeartbeatTime: heard };
  return { ...node, status: { ...node.status, conditions: [{ type: "Ready", status: "True" }, told] } };
}

const asked = gpuNode("n-asked", {
  annotations: {
    [NODE_ANNOTATION.drainRequest]: JSON.stringify({
      v: 1,
      id: "r-1",
      deadline: NOW + 60_000,
      reason: "idle for 600 s",
      idleBelow: 0.05,
    }),
  },
});
const hinted = gpuNode("n-hinted", {
  annotations: {
    [NODE_ANNOTATION.interruptionHint]: JSON.stringify({
      v: 1,
      id: "h-1",
      source: "aws",
      kind: "rebalance",
      action: "none",
      seenAt: NOW,
      at: null,
    }),
  },
});

describe("status()", () => {
  test("says who leads, and of a fleet in which all is well nothing but its policies", async () => {
    const said = await text(cluster([gpuNode("n1"), { metadata: { name: "cpu-1" } }]));
    expect(said).toMatch(/^Coordinator: coordinator-1 leads\n\nPolicy training /);
    expect(said).not.toContain("Agents");
    expect(said).not.toContain("\nNodes ");
  });

  test("says that the coordinator is away, and since when, or that none ever was", async () => {
    const old = { ...LEASE, spec: { ...LEASE.spec, renewTime: ago(600_000) } };
    expect(await text(cluster([], old))).toMatch(
      /^Coordinator: away\. coordinator-1 has not renewed its lease for 10 min/,
    );
    expect(await text(cluster([], new AppError("not-found", "404")))).toMatch(
      /^Coordinator: none\. There is no/,
    );
    expect(await text(cluster([], { metadata: { name: LEASE_NAME } }))).toContain("Nobody holds the lease");
  });

  test("shows policies to whoever may read neither leases nor nodes, and says what is not known", async () => {
    const denied = new AppError("denied", "cannot list nodes: 403 Forbidden");
    const said = await text(cluster(denied, new AppError("denied", "cannot get leases: 403 Forbidden")));
    expect(said).toMatch(/^Coordinator: not known\. cannot get leases: 403/);
    expect(said).toContain("Policy training ");
    expect(said).toContain("nothing is known of notices, drains and agents: cannot list nodes: 403");
  });

  test("names agents that are silent, ill or blind, the ill ones first, and no node that has just come", async () => {
    const said = await text(
      cluster([
        saying("n-blind", "Unknown", "NVML answers nothing", ago(1_000)),
        saying("n-quiet", "True", "", ago(3_600_000)),
        { ...gpuNode("n-never"), status: { capacity: { "nvidia.com/gpu": "8" } } },
        {
          ...gpuNode("n-new", { creationTimestamp: ago(1_000) }),
          status: { capacity: { "nvidia.com/gpu": "8" } },
        },
        saying("n-ill", "False", "GPU-0: fell off the bus", ago(60_000)),
        saying("n-well", "True", "", ago(60_000)),
      ]),
    );
    const rows = said.split("\n").filter((line) => line.startsWith("  n-"));
    expect(rows.map((row) => row.trim().replaceAll(/ {2,}/g, " | "))).toEqual([
      "n-ill | ill | 1 min ago | GPU-0: fell off the bus",
      "n-quiet | silent | 1 h ago | -",
      "n-never | silent | never | no agent has ever spoken here",
      "n-blind | unread | 1 s ago | NVML answers nothing",
    ]);
  });

  test("shows who is asked to go and who may go soon", async () => {
    const said = await text(cluster([asked, hinted]));
    expect(said).toMatch(/has not begun\n.*\n {2}n-asked +idle for 600 s +20/);
    expect(said).toMatch(/may go soon\n.*\n {2}n-hinted +rebalance +aws +-/);
  });

  test("gives the same as data", async () => {
    const said = await status(
      cluster([asked, saying("n-ill", "False", "GPU-0: lost", ago(1_000))]),
      { policy: "training", json: true, service: { namespace } },
      epochMs(NOW),
    );
    expect(JSON.parse(said)).toMatchObject({
      coordinator: { kind: "leads", holder: "coordinator-1" },
      policies: [{ name: "training" }],
      notices: [],
      requests: [{ node: "n-asked" }],
      hints: [],
      agents: [{ node: "n-ill", state: "ill", says: "GPU-0: lost" }],
      unread: [],
    });
  });
});
