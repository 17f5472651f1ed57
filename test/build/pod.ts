// Pods for tests of decisions: one GPU, owned by a ReplicaSet; without a node they have been unschedulable for ten
// minutes.

import type { DaemonInput, PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import { epochMs } from "../../shared/model/units.ts";
import { MINUTE, NOW } from "./now.ts";

export interface PodOptions {
  readonly node?: string | null;
  readonly gpus?: number;
  readonly cpu?: number;
  readonly requests?: Readonly<Record<string, number>>;
  /** Since when the scheduler has called it unschedulable. */
  readonly waitedMs?: number;
  readonly waiting?: PodInput["waiting"];
  readonly ageMs?: number;
  readonly owner?: PodInput["owner"];
  readonly nominatedNode?: string;
  readonly terminating?: boolean;
  readonly daemon?: boolean;
  readonly mirror?: boolean;
  readonly nodeSelector?: Readonly<Record<string, string>>;
  readonly tolerations?: PodInput["tolerations"];
  readonly priority?: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

export function pod(name: string, options: PodOptions = {}): PodInput {
  const { node = null, gpus = 1, cpu = 1_000, waitedMs = 10 * MINUTE, ageMs = 60 * MINUTE } = options;
  return {
    key: `default/${name}`,
    uid: `uid-${name}`,
    node,
    createdAt: epochMs(NOW - ageMs),
    waiting:
      node !== null ? null : (options.waiting ?? { kind: "unschedulable", since: epochMs(NOW - waitedMs) }),
    nominatedNode: options.nominatedNode ?? null,
    terminating: options.terminating ?? false,
    owner: options.owner === undefined ? { uid: `owner-${name}`, kind: "ReplicaSet" } : options.owner,
    daemon: options.daemon ?? false,
    mirror: options.mirror ?? false,
    class: "medium",
    requests: options.requests ?? {
      pods: 1,
      cpu,
      memory: 2 ** 30,
      ...(gpus > 0 ? { "nvidia.com/gpu": gpus } : {}),
    },
    nodeSelector: options.nodeSelector ?? {},
    tolerations: options.tolerations ?? [],
    priority: options.priority ?? 0,
    annotations: options.annotations ?? {},
  };
}

/** `count` pods like this one, named `<name>-0` and on. */
export function pods(count: number, name: string, options: PodOptions = {}): PodInput[] {
  return Array.from({ length: count }, (_, index) => pod(`${name}-${index}`, options));
}

/** A DaemonSet with uid `uid-<name>` whose pods ask for a slot and for nothing else, and go to every node. */
export function daemonSet(name: string, options: Partial<DaemonInput> = {}): DaemonInput {
  return {
    key: `kube-system/${name}`,
    uid: `uid-${name}`,
    nodeSelector: {},
    tolerations: [],
    ...options,
    requests: { pods: 1, ...options.requests },
  };
}
