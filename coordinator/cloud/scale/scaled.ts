// The size of any object with a /scale subresource: read, and raised only over what was read. Groups of kinds that we
// know more of are built on it (machine-deployment.ts, machine-pool.ts); it is itself the group of all others. Which
// member goes when such a number falls is its controller's choice, so here it never falls.

import type { ScaleGroup } from "../../../shared/contract/policy/pool.ts";
import type { Scale } from "../../../shared/model/kube.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError, kindOf } from "../../../shared/runtime/errors.ts";
import type { KubeClient } from "../../../shared/runtime/kube/client.ts";
import type { Discovery, ObjectRef, Resource, UnreadObject } from "../../../shared/runtime/kube/resources.ts";
import { checkGrowth } from "../group.ts";
import type { CallOptions, GroupState, NodeGroup } from "../group.ts";
import { clusterApiBounds } from "./bounds.ts";
import { noSize, pausedBecause } from "./paused.ts";

export type ScaleClient = Pick<
  KubeClient,
  "get" | "list" | "mergePatch" | "delete" | "getScale" | "patchScale"
>;

export interface ScaleGroupOptions {
  readonly client: ScaleClient;
  readonly discover: Discovery;
  readonly target: ScaleGroup;
  /** Where a namespaced target lives when the policy does not say. */
  readonly defaultNamespace: string;
  /** Notes that are left on objects carry their time, and a call of several steps ends as a whole by its deadline. */
  readonly clock: Clock;
  /** The size has been written, or may have been: what was read before is old. */
  readonly onWritten?: () => void;
}

export interface Scaled {
  /** For messages: "MachineDeployment spot-a". */
  readonly words: string;
  readonly namespace: string;
  read(options: CallOptions): Promise<GroupState>;
  /** Any size, lower ones too: for those who have named the member first. */
  write(to: number, seen: GroupState, options: CallOptions): Promise<void>;
  resize: NodeGroup["resize"];
}

export function createScaled({
  client,
  discover,
  target,
  defaultNamespace,
  onWritten,
}: ScaleGroupOptions): Scaled {
  const namespace = target.namespace ?? defaultNamespace;
  const words = `${target.kind} ${target.name}`;

  async function locate(
    call: CallOptions,
  ): Promise<{ readonly resource: Resource; readonly ref: ObjectRef }> {
    const resource = await discover(target, call);
    if (!resource.scalable) {
      throw new AppError(
        "refused",
        `${words} cannot be sized: ${target.apiVersion} ${target.kind} has no scale subresource; name a group that has one`,
      );
    }
    return { resource, ref: resource.namespaced ? { namespace, name: target.name } : { name: target.name } };
  }

  async function write(to: number, seen: GroupState, options: CallOptions): Promise<void> {
    const { resource, ref } = await locate(options);
    const { version } = seen;
    if (version === null) throw new AppError("bug", `${words}: a size without a version is none of ours`);
    try {
      await client.patchScale(resource, ref, { replicas: to, resourceVersion: version }, options);
    } finally {
      onWritten?.();
    }
  }

  return {
    words,
    namespace,
    read: async (options) => {
      const { resource, ref } = await locate(options);
      return stateOf(await client.getScale(resource, ref, options), words);
    },
    write,
    resize: async (to, seen, options) => {
      checkGrowth(words, to, seen);
      await write(to, seen, options);
    },
  };
}

/** The group of any target of which we know nothing but its size. */
export function createPlainGroup(options: ScaleGroupOptions): NodeGroup {
  const { words, read, resize } = createScaled(options);
  return {
    ...withoutChoice(words),
    read,
    resize,
    // No removal begins here, so whoever was a member is one as long as there is a group.
    contains: async (_, call) => await exists(async () => await read(call)),
  };
}

/** What a group cannot do whose controller or provider picks who goes when the number falls. */
export function withoutChoice(words: string): Omit<NodeGroup, "read" | "resize" | "contains"> {
  const refuse = async (what: string): Promise<never> =>
    await Promise.reject(
      new AppError(
        "refused",
        `${words} picks its own victim, so ${what}: lower its number yourself, or use a group whose members go by name`,
      ),
    );
  return {
    backEnd: "scale",
    chosenRemoval: false,
    conditional: true,
    removeInstance: async (id) => await refuse(`${id} cannot be removed by name`),
    releaseInstance: async (id) => await refuse(`its number cannot fall by ${id}`),
    cancelUnfilled: async (count) =>
      await refuse(`${count} of its places cannot be given back without the risk of a machine`),
    // Nothing is ever begun here.
    keepInstance: async () => {
      await Promise.resolve();
    },
  };
}

/** False for what is not found; every other failure is thrown. */
export async function exists(look: () => Promise<unknown>): Promise<boolean> {
  try {
    await look();
    return true;
  } catch (error) {
    if (kindOf(error) === "not-found") return false;
    throw error;
  }
}

/** @throws AppError malformed for anything but a whole number that is not negative. */
export function usableSize(size: unknown, words: string): number {
  if (typeof size === "number" && Number.isInteger(size) && size >= 0) return size;
  throw new AppError("malformed", noSize(words, size));
}

/** Of an object that has `spec.replicas`. @throws AppError malformed where that is no size. */
export function replicasOf({ metadata, spec }: UnreadObject, words: string): GroupState {
  const replicas =
    typeof spec === "object" && spec !== null && "replicas" in spec ? spec.replicas : undefined;
  const version = metadata.resourceVersion;
  if (version === undefined) throw new AppError("malformed", `${words} has no resourceVersion`);
  return { size: usableSize(replicas, words), version };
}

/** Of a group of Cluster API: its size with its bounds, and whether it is paused; all of one version. */
export function clusterApiState(object: UnreadObject, words: string): GroupState {
  const held = pausedBecause(object, words);
  return {
    ...replicasOf(object, words),
    ...clusterApiBounds(object.metadata.annotations),
    ...(held === null ? {} : { held }),
  };
}

function stateOf(scale: Scale, words: string): GroupState {
  // A server leaves a zero out, so that a spec without a number is 0. Without a spec it is no answer at all.
  const size = usableSize(scale.spec === undefined ? undefined : (scale.spec.replicas ?? 0), words);
  const version = scale.metadata.resourceVersion;
  if (version === undefined) throw new AppError("malformed", `${words}: its scale has no resourceVersion`);
  return { size, version };
}
