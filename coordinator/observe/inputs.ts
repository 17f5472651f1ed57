// Kubernetes objects reduced to what a decision reads. One object gives one frozen input, kept until the object or
// what it refers to changes, so that a cycle at rest maps nothing. What cannot be read is handed to `onProblem` once
// and never guessed: node-input.ts and pod-input.ts say what takes its place.

import type { Node, Pod } from "../../shared/model/kube.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { NodeInput } from "../decide/snapshot.ts";
import { deepFreeze } from "./freeze.ts";
import type { GangObjects } from "./gang-objects.ts";
import { gangOf } from "./gangs.ts";
import { nodeInput } from "./node-input.ts";
import { podInput } from "./pod-input.ts";
import type { Storage } from "./storage.ts";
import { hasClaims, volumesOf } from "./volumes.ts";

export interface Problem {
  readonly kind: "node" | "pod" | "budget" | "daemonset";
  readonly name: string;
  readonly detail: string;
}

export type OnProblem = (problem: Problem) => void;

/** A node without what its agent said, which changes more often than the node. */
export type BareNode = Omit<NodeInput, "telemetry">;

export interface Inputs {
  node(node: Node): BareNode;
  /** Null: finished, or cannot be read and stands on no node. */
  pod(pod: Pod): PodInput | null;
  /** Also of a pod that is finished; null: it runs alone. */
  gangId(pod: Pod): string | null;
}

/** Where what stands in other objects is asked for. */
export interface InputSources {
  readonly storage: Pick<Storage, "revision" | "claim">;
  readonly gangs: Pick<GangObjects, "revision" | "minimum">;
  /** Volume driver → volumes that the node takes; undefined while the node's drivers are not known. */
  readonly volumeLimits: (node: string) => Readonly<Record<string, number>> | undefined;
  readonly onProblem: OnProblem;
}

/** `revision`: of the objects that it refers to, when it was made; null: it refers to none. */
interface KnownPod {
  readonly input: PodInput | null;
  readonly revision: number | null;
}

export function createInputs(sources: InputSources): Inputs {
  const { storage, gangs, onProblem } = sources;
  const nodes = new WeakMap<Node, BareNode>();
  const pods = new WeakMap<Pod, KnownPod>();

  function made(pod: Pod, revision: number): KnownPod {
    const input = podInput(pod, onProblem);
    if (input === null) return { input, revision: null };
    const { gang, fromObject } = gangOf(pod, gangs);
    const refers = fromObject || hasClaims(pod);
    return {
      input: deepFreeze({
        ...input,
        ...(hasClaims(pod) ? { volumes: volumesOf(pod, storage) } : {}),
        ...(gang === undefined ? {} : { gang }),
      }),
      revision: refers ? revision : null,
    };
  }

  /** The pod is the same; only what it refers to is asked again. */
  function renewed(pod: Pod, before: PodInput, revision: number): KnownPod {
    const volumes = hasClaims(pod) ? volumesOf(pod, storage) : undefined;
    const { gang } = gangOf(pod, gangs);
    const isSame =
      gang?.minimum === before.gang?.minimum &&
      gang?.id === before.gang?.id &&
      (volumes ?? []).every((volume, index) => volume === before.volumes?.[index]);
    if (isSame) return { input: before, revision };
    const { gang: _gang, volumes: _volumes, ...rest } = before;
    return {
      input: deepFreeze({
        ...rest,
        ...(volumes === undefined ? {} : { volumes }),
        ...(gang === undefined ? {} : { gang }),
      }),
      revision,
    };
  }

  return {
    node: (node) => {
      const before = nodes.get(node);
      const volumeLimits = sources.volumeLimits(node.metadata.name);
      if (before !== undefined && before.volumeLimits === volumeLimits) return before;
      const { volumeLimits: _, ...bare } = before ?? nodeInput(node, onProblem);
      const input = deepFreeze({ ...bare, ...(volumeLimits === undefined ? {} : { volumeLimits }) });
      nodes.set(node, input);
      return input;
    },
    pod: (pod) => {
      const before = pods.get(pod);
      const revision = storage.revision + gangs.revision;
      if (before !== undefined && (before.revision === null || before.revision === revision))
        return before.input;
      const known =
        before === undefined || before.input === null
          ? made(pod, revision)
          : renewed(pod, before.input, revision);
      pods.set(pod, known);
      return known.input;
    },
    gangId: (pod) => gangOf(pod, gangs).gang?.id ?? null,
  };
}
