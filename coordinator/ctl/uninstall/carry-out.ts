// Takes back what was found, one object after the other. Each is read again where it is written, so that a node that changes
// meanwhile is tried again; what is gone already is as good as done; what fails is told and stops nothing else.

import type { KubeObject, NodePool, Pod } from "../../../shared/model/kube.ts";
import {
  CLUSTER_API,
  GROUP_ANNOTATION,
  NODE_CONDITION,
  POD_ANNOTATION,
  SERVICE_ACCOUNT,
} from "../../../shared/model/names.ts";
import { controllerOf, podKey } from "../../../shared/model/pod.ts";
import type { Random } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe, kindOf } from "../../../shared/runtime/errors.ts";
import type { KubeClient } from "../../../shared/runtime/kube/client.ts";
import { updateNode } from "../../../shared/runtime/kube/node-marks.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { Resource } from "../../../shared/runtime/kube/resources.ts";
import { retry } from "../../../shared/runtime/retry.ts";
import { givenBackPatch } from "../../cloud/scale/limits.ts";
import { KIND } from "../doctor/kinds.ts";
import { leftoversOf } from "./node-leftovers.ts";
import { removalName } from "./removal.ts";
import type { Removal } from "./removal.ts";

export interface CarryOutOptions {
  readonly client: Pick<KubeClient, "get" | "list" | "mergePatch" | "patchStatus" | "delete">;
  readonly namespace: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly signal: AbortSignal;
  readonly tell: (sentence: string) => void;
}

export interface CarriedOut {
  readonly done: readonly Removal[];
  readonly failed: readonly (Removal & { readonly why: string })[];
  /** Programs of ours that still ran when their marks were taken back. */
  readonly running: readonly string[];
}

const ATTEMPTS = 5;
const LOOK = millis(1_000);
/** An agent that empties its node when it is stopped has 130 s for it. */
const STOPPED_WITHIN_MS = 150_000;

export async function carryOut(removals: readonly Removal[], options: CarryOutOptions): Promise<CarriedOut> {
  const { tell, signal } = options;
  const done: Removal[] = [];
  const failed: (Removal & { readonly why: string })[] = [];
  const run = async (removal: Removal): Promise<void> => {
    signal.throwIfAborted();
    try {
      await takeBack(removal, options);
      done.push(removal);
      const [only = ""] = removal.what;
      tell(
        `${removalName(removal)}: ${removal.what.length === 1 ? only : `${removal.what.length} marks`}, done`,
      );
    } catch (error) {
      signal.throwIfAborted();
      if (kindOf(error) === "not-found") {
        done.push(removal);
        return;
      }
      failed.push({ ...removal, why: describe(error) });
      tell(`${removalName(removal)} not taken back: ${describe(error)}`);
    }
  };
  const programs = removals.filter(isProgram);
  for (const removal of programs) await run(removal);
  const running = programs.length === 0 ? await ourPods(options) : await untilStopped(options);
  for (const removal of removals) if (!isProgram(removal)) await run(removal);
  return { done, failed, running };
}

function isProgram({ kind }: Removal): boolean {
  return kind === "Deployment" || kind === "DaemonSet";
}

async function untilStopped(options: CarryOutOptions): Promise<readonly string[]> {
  const { clock, signal, tell } = options;
  const giveUpAt = clock.monotonic() + STOPPED_WITHIN_MS;
  for (let told = false; ;) {
    const running = await ourPods(options);
    if (running.length === 0 || clock.monotonic() >= giveUpAt) return running;
    if (!told) tell(`waiting until ${running.length} pods of ours have ended`);
    told = true;
    await clock.sleep(LOOK, signal);
  }
}

/** Those of agents and coordinators; NATS writes no mark. */
async function ourPods({ client, namespace, signal }: CarryOutOptions): Promise<readonly string[]> {
  try {
    const { items } = await client.list(RESOURCE.pods, { namespace }, { signal });
    return items.filter(isOurProgram).map(podKey);
  } catch (error) {
    signal.throwIfAborted();
    return [`pods of namespace ${namespace}, which cannot be read: ${describe(error)}`];
  }
}

function isOurProgram(pod: Pod): boolean {
  const owner = controllerOf(pod);
  if (pod.status?.phase === "Succeeded" || pod.status?.phase === "Failed") return false;
  return owner?.kind === "DaemonSet"
    ? owner.name === SERVICE_ACCOUNT.agent
    : owner?.kind === "ReplicaSet" && owner.name.startsWith(`${SERVICE_ACCOUNT.coordinator}-`);
}

/** @throws AppError; not-found when it is gone already. */
async function takeBack(removal: Removal, options: CarryOutOptions): Promise<void> {
  const { client, signal } = options;
  const ref = { namespace: removal.namespace, name: removal.name };
  const remove = async (resource: Resource): Promise<void> => {
    await client.delete(resource, ref, {}, { signal });
  };
  switch (removal.kind) {
    case "Deployment":
      return await remove(KIND.deployments);
    case "DaemonSet":
      return await remove(KIND.daemonSets);
    case "Lease":
      return await remove(RESOURCE.leases);
    case "AutoscalingPolicy":
      return await remove(RESOURCE.policies);
    case "CustomResourceDefinition":
      return await remove(KIND.definitions);
    case "Node":
      return await clearNode(removal.name, options);
    case "Pod":
      return await dropAnnotations(RESOURCE.pods, removal, [POD_ANNOTATION.terminationDeadline], options);
    case "NodeClaim":
      return await dropAnnotations(RESOURCE.nodeClaims, removal, [GROUP_ANNOTATION.kept], options);
    case "Machine":
      return await dropAnnotations(RESOURCE.machines, removal, [CLUSTER_API.deleteMachine], options);
    case "NodePool":
      return await clearNodePool(removal.name, options);
  }
}

async function clearNode(name: string, options: CarryOutOptions): Promise<void> {
  const { client, clock, random, signal } = options;
  await updateNode(client, name, (node) => leftoversOf(node).change, { clock, random, signal });
  await trying(options, async () => {
    const node = await client.get(RESOURCE.nodes, { name }, { signal });
    if (!leftoversOf(node).condition) return;
    const conditions = (node.status?.conditions ?? []).filter(
      ({ type }) => type !== NODE_CONDITION.gpuHealthy,
    );
    // The list is written whole, so only onto the node that was read.
    const { resourceVersion } = node.metadata;
    const body = { metadata: { resourceVersion }, status: { conditions } };
    await client.patchStatus(RESOURCE.nodes, { name }, body, { signal });
  });
}

/** With the limits that we lowered, as they were before. */
async function clearNodePool(name: string, options: CarryOutOptions): Promise<void> {
  const { client, signal } = options;
  await trying(options, async () => {
    const pool: NodePool = await client.get(RESOURCE.nodePools, { name }, { signal });
    const back = givenBackPatch(pool);
    const { resourceVersion, annotations } = pool.metadata;
    const lowering =
      annotations?.[GROUP_ANNOTATION.lowering] === undefined ? {} : { [GROUP_ANNOTATION.lowering]: null };
    const limits = back?.limits ?? {};
    const body = {
      metadata: { resourceVersion, annotations: { ...back?.annotations, ...lowering } },
      ...(Object.keys(limits).length === 0 ? {} : { spec: { limits } }),
    };
    await client.mergePatch(RESOURCE.nodePools, { name }, body, { signal });
  });
}

async function dropAnnotations<T extends KubeObject>(
  resource: Resource<T>,
  { namespace, name }: Removal,
  names: readonly string[],
  { client, signal }: CarryOutOptions,
): Promise<void> {
  const annotations = Object.fromEntries(names.map((each) => [each, null]));
  await client.mergePatch(resource, { namespace, name }, { metadata: { annotations } }, { signal });
}

async function trying({ clock, random, signal }: CarryOutOptions, work: () => Promise<void>): Promise<void> {
  await retry(work, {
    clock,
    random,
    signal,
    attempts: ATTEMPTS,
    kinds: ["conflict"],
    baseMs: millis(50),
    capMs: millis(500),
  });
}
