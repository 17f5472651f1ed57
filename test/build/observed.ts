// The coordinator's view of a cluster without a server: a test brings the events of the watches itself. What is
// asked of the API server fails, so a test that leans on it fails too.

import { createCluster } from "../../coordinator/observe/cluster.ts";
import type { Cluster } from "../../coordinator/observe/cluster.ts";
import type { Problem } from "../../coordinator/observe/inputs.ts";
import type { WatchDeps } from "../../coordinator/observe/watched.ts";
import type {
  CsiNode,
  DaemonSet,
  KubeObject,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  PodDisruptionBudget,
  StorageClass,
} from "../../shared/model/kube.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "./clock.ts";

export const unasked = async (): Promise<never> => {
  throw new AppError("bug", "these tests bring the events themselves");
};

export function unaskedWatch(): WatchDeps {
  return {
    client: { list: unasked, openWatch: unasked },
    clock: createFakeClock(),
    random: seededRandom(1),
    log: createLogSink().log,
    onTrouble: () => {},
  };
}

/** What the first lists bring. */
export interface ObservedObjects {
  readonly nodes?: readonly Node[];
  readonly pods?: readonly Pod[];
  readonly budgets?: readonly PodDisruptionBudget[];
  readonly claims?: readonly PersistentVolumeClaim[];
  readonly volumes?: readonly PersistentVolume[];
  readonly classes?: readonly StorageClass[];
  readonly csiNodes?: readonly CsiNode[];
  readonly namespaces?: readonly KubeObject[];
  readonly daemonSets?: readonly DaemonSet[];
}

export interface Observed {
  readonly cluster: Cluster;
  /** What was worth a cycle since the first lists. */
  readonly news: readonly ("pods" | "other")[];
  readonly problems: readonly Problem[];
}

export function observed(objects: ObservedObjects = {}): Observed {
  const news: ("pods" | "other")[] = [];
  const problems: Problem[] = [];
  const cluster = createCluster({
    watch: unaskedWatch(),
    discover: unasked,
    onProblem: (problem) => problems.push(problem),
    onChange: (what) => news.push(what),
  });
  const [nodes, pods, budgets, claims, volumes, classes, csiNodes, namespaces, daemonSets] = cluster.watches;
  csiNodes.store.apply({ kind: "synced", items: objects.csiNodes ?? [] });
  classes.store.apply({ kind: "synced", items: objects.classes ?? [] });
  volumes.store.apply({ kind: "synced", items: objects.volumes ?? [] });
  claims.store.apply({ kind: "synced", items: objects.claims ?? [] });
  namespaces.store.apply({ kind: "synced", items: objects.namespaces ?? [] });
  daemonSets.store.apply({ kind: "synced", items: objects.daemonSets ?? [] });
  nodes.store.apply({ kind: "synced", items: objects.nodes ?? [] });
  pods.store.apply({ kind: "synced", items: objects.pods ?? [] });
  budgets.store.apply({ kind: "synced", items: objects.budgets ?? [] });
  news.length = 0;
  return { cluster, news, problems };
}

/** A pod of namespace "team" with one container that asks for 500m CPU. */
export function podObject(
  overrides: {
    readonly name?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
    readonly spec?: Partial<Pod["spec"]>;
    readonly status?: Pod["status"];
  } = {},
): Pod {
  const { name = "p", labels, annotations, spec, status } = overrides;
  const { deletionTimestamp, deletionGracePeriodSeconds } = overrides;
  return {
    metadata: {
      name,
      namespace: "team",
      uid: `uid-${name}`,
      creationTimestamp: "2026-06-01T00:00:00Z",
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(deletionTimestamp === undefined ? {} : { deletionTimestamp }),
      ...(deletionGracePeriodSeconds === undefined ? {} : { deletionGracePeriodSeconds }),
    },
    spec: { containers: [{ name: "main", resources: { requests: { cpu: "500m" } } }], ...spec },
    ...(status === undefined ? {} : { status }),
  };
}
