// How a NodeClaim of the world becomes a node: a machine is bought, boots, registers and gets its GPUs; or there is none,
// and the claim goes with an event. Which claims there shall be is for world-karpenter.ts.

import type { NodeClaim } from "../../shared/model/kube.ts";
import { KARPENTER, NODE_LABEL } from "../../shared/model/names.ts";
import { after, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Core } from "./world-core.ts";
import { isLive, isUnlaunched, poolOf, reached } from "./world-karpenter-objects.ts";
import { nodeFor, withGpus } from "./world-machine-objects.ts";
import type { NodePoolShape } from "./world-options.ts";
import { draw } from "./world-options.ts";
import { timestamp } from "./world-time.ts";

export interface Pool {
  readonly shape: NodePoolShape;
  max: number | null;
  /** What the provider says when there are no more. */
  refusal: string;
  made: number;
  /** After the provider had no machine: not before this. */
  retryAt: EpochMs;
}

/** Claim made → machine bought. */
const LAUNCH_MS = millis(1_000);
const RETRY_MS = millis(10_000);

export interface Launcher {
  launch(claim: NodeClaim, pool: Pool): void;
  /** The claim is gone: one of its name is another one. */
  forget(claim: string): void;
  hasBegun(claim: string): boolean;
}

export function createLauncher(
  core: Core,
  owner: {
    claimsOf(pool: string): readonly NodeClaim[];
    removeClaim(claim: NodeClaim): void;
    /** Looks at everything again at `at`. */
    wake(at: EpochMs): void;
  },
): Launcher {
  const random = core.random("node claims");
  /** Claims whose launch is under way or done. */
  const begun = new Set<string>();

  function launch(claim: NodeClaim, pool: Pool): void {
    const { name, uid } = claim.metadata;
    begun.add(name);
    const zone = pool.shape.zones[pool.made % pool.shape.zones.length] ?? "";
    pool.made += 1;
    const bootMs = draw(pool.shape.bootMs, random());
    const readyMs = draw(pool.shape.readyMs, random());
    const still = (): NodeClaim | undefined => {
      const found = core.store.get("nodeclaims", name);
      return found?.metadata.uid === uid && found !== undefined && isLive(found) ? found : undefined;
    };
    core.schedule(after(core.now, LAUNCH_MS), () => {
      const waiting = still();
      if (waiting === undefined) return;
      const bought = owner.claimsOf(pool.shape.name).filter((other) => !isUnlaunched(other)).length;
      if (pool.max !== null && bought >= pool.max) {
        starve(waiting, pool);
        return;
      }
      buy(waiting, pool, zone);
      core.schedule(after(core.now, bootMs), () => {
        const booted = still();
        if (booted !== undefined) join(booted, pool, zone, readyMs);
      });
    });
  }

  function starve(claim: NodeClaim, pool: Pool): void {
    const { name, uid = "" } = claim.metadata;
    const event = {
      metadata: { name: `${name}.${core.store.version}`, namespace: "default" },
      involvedObject: { apiVersion: `${KARPENTER.group}/v1`, kind: "NodeClaim", name, uid },
      type: "Warning",
      reason: KARPENTER.noCapacity,
      message: `NodeClaim ${name} event: ${pool.refusal}`,
      lastTimestamp: timestamp(core.now),
    };
    core.store.write("events", event);
    core.note({ kind: "machine-starved", pool: pool.shape.name, machine: name });
    pool.retryAt = after(core.now, RETRY_MS);
    owner.wake(pool.retryAt);
    owner.removeClaim(claim);
  }

  function buy(claim: NodeClaim, { shape }: Pool, zone: string): void {
    const labels = {
      ...claim.metadata.labels,
      [NODE_LABEL.instanceType]: shape.instanceType,
      [NODE_LABEL.zone]: zone,
    };
    const launched = reached(claim, "Launched", timestamp(core.now));
    core.store.write("nodeclaims", {
      ...launched,
      metadata: { ...launched.metadata, labels },
      status: { ...launched.status, providerID: providerIdOf(claim) },
    });
  }

  function join(claim: NodeClaim, { shape }: Pool, zone: string, readyMs: number): void {
    const { name, uid = name } = claim.metadata;
    const { nodeDomain } = core.settings;
    const nodeName = nodeDomain === "" ? name : `${name}.${nodeDomain}`;
    const labelled = { ...shape, labels: { ...shape.labels, [KARPENTER.nodePool]: shape.name } };
    const origin = { shape: labelled, zone, providerID: providerIdOf(claim), bootID: uid };
    const node = core.store.write("nodes", nodeFor(nodeName, origin, timestamp(core.now)));
    const registered = reached(claim, "Registered", timestamp(core.now));
    core.store.write("nodeclaims", { ...registered, status: { ...registered.status, nodeName } });
    core.note({ kind: "machine-joined", pool: shape.name, machine: name, node: nodeName });
    core.schedule(after(core.now, millis(readyMs)), () => {
      const booted = core.store.get("nodes", nodeName);
      if (booted === undefined || booted.metadata.uid !== node.metadata.uid) return;
      core.store.write("nodes", withGpus(booted, shape, timestamp(core.now)));
    });
  }

  return {
    launch,
    forget: (claim) => void begun.delete(claim),
    hasBegun: (claim) => begun.has(claim),
  };
}

/** What a provider says that has no more. */
export function insufficient({ instanceType, capacityType }: NodePoolShape): string {
  return `insufficient capacity for ${instanceType} (${capacityType})`;
}

function providerIdOf(claim: NodeClaim): string {
  return `sim://${poolOf(claim)}/${claim.metadata.name}`;
}
