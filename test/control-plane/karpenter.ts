// Stand-ins for Karpenter's controllers over the real API. A static NodePool: a claim for each missing replica, and for
// each one too many a victim of Karpenter's own choice. Claims: launched, registered, and ended before they go. They act
// when they are called and not by themselves, so that a test decides what happens between two writes.

import type { KubeObject, NodeClaim, NodePool } from "../../shared/model/kube.ts";
import { KARPENTER } from "../../shared/model/names.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import { nodeOf } from "./cluster-api.ts";
import { dropNode, ifThere, podsOn, registerNode } from "./nodes.ts";
import type { Provider } from "./provider.ts";
import type { ControlPlane } from "./start.ts";

export interface KarpenterOptions {
  readonly plane: ControlPlane;
  readonly provider: Provider;
  /** Only these NodePools are looked after: they have no namespace that would keep tests apart. */
  readonly owns: (pool: string) => boolean;
}

export interface Karpenter {
  /** With `replicas` a static NodePool, without it a dynamic one. */
  create(pool: {
    readonly name: string;
    readonly replicas?: number;
    readonly nodeLimit?: number;
  }): Promise<void>;
  claims(pool: string): Promise<readonly NodeClaim[]>;
  /** As the provisioner does for a pod that fits nowhere. */
  claim(pool: string): Promise<void>;
  /** The controllers look until nothing is left for them to do: no claim is launched by that. */
  reconcile(): Promise<void>;
  /**
   * Claims without a machine are launched, and become nodes. One that gets none for lack of stock says so in an event and
   * is deleted, which is why a static NodePool makes another: that is done at the next launch, before it.
   */
  launch(): Promise<void>;
}

/** In all of one server, so that the newest event is the last in a list. */
let refusals = 0;

const DO_NOT_DISRUPT = "karpenter.sh/do-not-disrupt";
const NODE_CLASS = { group: "karpenter.test", kind: "TestNodeClass", name: "gpu" };

export function createKarpenter({ plane, provider, owns }: KarpenterOptions): Karpenter {
  const { client } = plane;
  /** Claims that got no machine for lack of stock, and are still there. */
  const refused = new Set<string>();

  async function claims(pool: string): Promise<readonly NodeClaim[]> {
    const labelSelector = `${KARPENTER.nodePool}=${pool}`;
    return (await client.list(RESOURCE.nodeClaims, { labelSelector })).items;
  }

  async function makeClaim(pool: string): Promise<void> {
    // The server picks the rest of the name, as for Karpenter itself: a refusal is joined to its pool by that form.
    await client.create(RESOURCE.nodeClaims, {
      metadata: {
        name: "",
        generateName: `${pool}-`,
        labels: { [KARPENTER.nodePool]: pool },
        finalizers: [KARPENTER.termination],
      },
      spec: { nodeClassRef: NODE_CLASS, requirements: [] },
    } as NodeClaim);
  }

  /** Counts what is not going: a claim that was deleted alone is therefore replaced. @returns whether it acted. */
  async function provision(pool: NodePool): Promise<boolean> {
    const { name } = pool.metadata;
    const running = (await claims(name)).filter(isStaying).length;
    const limit = Number(pool.spec?.limits?.["nodes"] ?? Infinity);
    const missing = Math.min(pool.spec?.replicas ?? 0, limit) - running;
    for (let made = 0; made < missing; made += 1) await makeClaim(name);
    return missing > 0;
  }

  /** @returns whether it acted. */
  async function deprovision(pool: NodePool): Promise<boolean> {
    const running = (await claims(pool.metadata.name)).filter(isStaying);
    const surplus = running.length - (pool.spec?.replicas ?? 0);
    if (surplus <= 0) return false;
    const ranked = await Promise.all(running.map(async (claim) => ({ claim, cost: await costOf(claim) })));
    const victims = ranked.toSorted((a, b) => a.cost - b.cost).slice(0, surplus);
    for (const { claim } of victims) await client.delete(RESOURCE.nodeClaims, claim.metadata);
    return true;
  }

  /** What nothing was bought for goes first, then what is empty, then what has the fewest pods to move. */
  async function costOf({ status }: NodeClaim): Promise<number> {
    if ((status?.providerID ?? "") === "") return -1;
    const pods = status?.nodeName === undefined ? [] : await podsOn(client, status.nodeName);
    const isProtected = pods.some(({ metadata }) => metadata.annotations?.[DO_NOT_DISRUPT] === "true");
    return pods.length + (isProtected ? 1_000_000 : 0);
  }

  /** A claim that goes: its node, its instance, and then the object. */
  async function finish({ metadata, status }: NodeClaim): Promise<void> {
    if (status?.nodeName !== undefined) await dropNode(client, status.nodeName);
    if (status?.providerID !== undefined) provider.end(status.providerID);
    const { name } = metadata;
    await ifThere(client.mergePatch(RESOURCE.nodeClaims, { name }, { metadata: { finalizers: null } }));
  }

  async function report(pool: NodePool): Promise<boolean> {
    const { name } = pool.metadata;
    const nodes = (await claims(name)).filter(({ status }) => status?.nodeName !== undefined).length;
    if ((pool.status?.nodes ?? 0) === nodes) return false;
    await client.patchStatus(RESOURCE.nodePools, { name }, { status: { nodes } });
    return true;
  }

  async function pools(): Promise<readonly NodePool[]> {
    return (await client.list(RESOURCE.nodePools)).items.filter(({ metadata }) => owns(metadata.name));
  }

  async function ownClaims(): Promise<readonly NodeClaim[]> {
    const { items } = await client.list(RESOURCE.nodeClaims);
    return items.filter(({ metadata }) => owns(metadata.labels?.[KARPENTER.nodePool] ?? ""));
  }

  /** @returns whether anything was changed. */
  async function pass(): Promise<boolean> {
    let changed = false;
    const there = await pools();
    for (const pool of there.filter(({ spec }) => spec?.replicas !== undefined)) {
      changed = (await provision(pool)) || changed;
      changed = (await deprovision(pool)) || changed;
    }
    const names = new Set(there.map(({ metadata }) => metadata.name));
    for (const claim of await ownClaims()) {
      const orphaned = !names.has(claim.metadata.labels?.[KARPENTER.nodePool] ?? "");
      if (!isStaying(claim)) await finish(claim);
      else if (orphaned) await client.delete(RESOURCE.nodeClaims, claim.metadata);
      else continue;
      changed = true;
    }
    for (const pool of there) changed = (await report(pool)) || changed;
    return changed;
  }

  async function bringUp(claim: NodeClaim): Promise<void> {
    const { name, uid = "" } = claim.metadata;
    const pool = claim.metadata.labels?.[KARPENTER.nodePool] ?? "";
    const launched = provider.launch();
    if (!("providerID" in launched)) {
      const { kind, code, message } = launched;
      if (kind === "no-capacity") {
        await refuse(name, uid, `${code}: ${message}`);
        return;
      }
      const why = { reason: "LaunchFailed", message: `${code}: ${message}`, lastTransitionTime: LONG_AGO };
      const conditions = [{ type: "Launched", status: "Unknown", ...why }];
      await client.patchStatus(RESOURCE.nodeClaims, { name }, { status: { conditions } });
      return;
    }
    const { providerID } = launched;
    const node = nodeOf(providerID);
    // Launched and registered are two writes, as in the real thing: between them there is a machine and no node.
    await client.patchStatus(
      RESOURCE.nodeClaims,
      { name },
      { status: { providerID, conditions: [isTrue("Launched")] } },
    );
    await registerNode(client, {
      name: node,
      providerID,
      labels: { [KARPENTER.nodePool]: pool, "karpenter.sh/registered": "true" },
    });
    const conditions = ["Launched", "Registered", "Initialized"].map(isTrue);
    await client.patchStatus(RESOURCE.nodeClaims, { name }, { status: { nodeName: node, conditions } });
  }

  /** Says why there is none. What Karpenter does right after that is left for the next look: `dropRefused`. */
  async function refuse(name: string, uid: string, message: string): Promise<void> {
    refusals += 1;
    refused.add(name);
    const at = new Date().toISOString().replace(/\.\d+Z$/, "Z");
    await client.create(RESOURCE.events, {
      metadata: { namespace: "default", name: `refusal-${String(refusals).padStart(6, "0")}` },
      involvedObject: { apiVersion: "karpenter.sh/v1", kind: "NodeClaim", name, uid },
      type: "Warning",
      reason: KARPENTER.noCapacity,
      message: `NodeClaim ${name} event: ${message}`,
      firstTimestamp: at,
      lastTimestamp: at,
    });
  }

  async function dropRefused(): Promise<void> {
    for (const name of refused) await ifThere(client.delete(RESOURCE.nodeClaims, { name }));
    refused.clear();
  }

  return {
    create: async ({ name, replicas, nodeLimit }) => {
      await client.create(RESOURCE.nodePools, {
        metadata: { name },
        spec: {
          ...(replicas === undefined ? {} : { replicas }),
          ...(nodeLimit === undefined ? {} : { limits: { nodes: String(nodeLimit) } }),
          template: { spec: { nodeClassRef: NODE_CLASS, requirements: [] } },
        },
      } as NodePool);
    },
    claims,
    claim: makeClaim,
    reconcile: async () => {
      for (let changed = true; changed;) changed = await pass();
    },
    launch: async () => {
      await dropRefused();
      for (let changed = true; changed;) changed = await pass();
      for (const claim of await ownClaims()) {
        if (isStaying(claim) && (claim.status?.providerID ?? "") === "") await bringUp(claim);
      }
    },
  };
}

/** Nobody looks at when a condition began. */
const LONG_AGO = "2026-01-01T00:00:00Z";

function isTrue(type: string): object {
  return { type, status: "True", reason: type, message: "", lastTransitionTime: LONG_AGO };
}

function isStaying({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp === undefined;
}
