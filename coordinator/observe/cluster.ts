// The cluster by watch, as a decision reads it: nodes, pods and budgets, what pods refer to (storage, namespaces,
// groups) and what DaemonSets will bring. It says what has changed in the one way that matters to the loop: whether a
// pod has become unschedulable, which opens a batch, or something else.

import type {
  CsiNode,
  DaemonSet,
  KubeObject,
  Node,
  Pod,
  PodDisruptionBudget,
} from "../../shared/model/kube.ts";
import { selects } from "../../shared/model/label-selector.ts";
import { podKey } from "../../shared/model/pod.ts";
import { reduced, RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { Discovery } from "../../shared/runtime/kube/resources.ts";
import type { DaemonInput, PodInput } from "../decide/snapshot-pod.ts";
import type { BudgetInput, Snapshot } from "../decide/snapshot.ts";
import { daemonInput } from "./daemon-input.ts";
import { deepFreeze } from "./freeze.ts";
import { createGangObjects } from "./gang-objects.ts";
import { createInputs } from "./inputs.ts";
import type { BareNode, OnProblem } from "./inputs.ts";
import { keptCsiNode, keptDaemonSet, keptNode, keptPod } from "./kept.ts";
import { createNodeMachines } from "./node-machines.ts";
import type { NodeMachines } from "./node-machines.ts";
import type { OptionalWatch } from "./optional.ts";
import { createStorage } from "./storage.ts";
import type { Storage } from "./storage.ts";
import { createPodList } from "./succeeded.ts";
import { createNews, createWatched } from "./watched.ts";
import type { WatchDeps, Watched } from "./watched.ts";

export interface Cluster {
  /** Each has to bring its first list before a decision. */
  readonly watches: readonly [
    Watched<Node>,
    Watched<Pod>,
    Watched<PodDisruptionBudget>,
    ...Storage["watches"],
    Watched<CsiNode>,
    Watched<KubeObject>,
    Watched<DaemonSet>,
  ];
  /** Of kinds that a cluster need not have: nothing waits for them. */
  readonly optional: readonly OptionalWatch[];
  nodes(): readonly BareNode[];
  pods(): readonly PodInput[];
  budgets(): readonly BudgetInput[];
  namespaces(): NonNullable<Snapshot["namespaces"]>;
  daemons(): readonly DaemonInput[];
  isReady(node: string): boolean;
  readonly machines: Omit<NodeMachines, "changed">;
}

export interface ClusterOptions {
  readonly watch: WatchDeps;
  readonly discover: Discovery;
  readonly onProblem: OnProblem;
  /** `pods`: a batch may have begun. `other`: anything else that a decision reads. */
  readonly onChange: (what: "pods" | "other") => void;
}

export function createCluster({ watch, discover, onProblem, onChange }: ClusterOptions): Cluster {
  const onOther = (): void => onChange("other");
  let podsChanged = 0;
  let kept: { readonly revision: number; readonly budgets: readonly BudgetInput[] } | null = null;
  let namespaceLabels: NonNullable<Snapshot["namespaces"]> | null = null;
  let daemonInputs: readonly DaemonInput[] | null = null;

  const storage = createStorage(watch, onOther);
  const gangs = createGangObjects({ watch, discover, onChange: onOther });
  const limits = new WeakMap<CsiNode, Readonly<Record<string, number>>>();
  const inputs = createInputs({ storage, gangs, volumeLimits, onProblem });
  const podList = createPodList(inputs);

  const isCsiNodeNews = createNews<CsiNode>(({ spec }) => spec?.drivers);
  const isNamespaceNews = createNews<KubeObject>(({ metadata }) => [metadata.labels]);
  const isDaemonNews = createNews<DaemonSet>(({ metadata, spec }) => [metadata.deletionTimestamp, spec]);
  const isNodeNews = createNews<Node, BareNode>((node) => inputs.node(node), decisiveOfNode);
  // Members of groups are joined to nodes by it, and it may come after the node.
  const isMachineNews = createNews<Node>(({ spec }) => spec?.providerID ?? null);
  const isPodNews = createNews<Pod, PodInput>((pod) => inputs.pod(pod), decisiveOfPod);
  const isBudgetNews = createNews<PodDisruptionBudget>(({ spec, status }) => [
    spec?.selector,
    spec?.unhealthyPodEvictionPolicy,
    status?.disruptionsAllowed,
  ]);

  const csiNodes = createWatched(reduced(RESOURCE.csiNodes, keptCsiNode), watch, (event) => {
    if (isCsiNodeNews(event)) onOther();
  });
  const namespaces = createWatched(
    reduced(RESOURCE.namespaces, ({ metadata: { name, labels = {} } }) => ({ metadata: { name, labels } })),
    watch,
    (event) => {
      if (!isNamespaceNews(event)) return;
      namespaceLabels = null;
      onOther();
    },
  );
  const daemonSets = createWatched(reduced(RESOURCE.daemonSets, keptDaemonSet), watch, (event) => {
    if (!isDaemonNews(event)) return;
    daemonInputs = null;
    onOther();
  });
  const nodes = createWatched(reduced(RESOURCE.nodes, keptNode), watch, (event) => {
    machines.changed();
    const isNews = [isNodeNews(event), isMachineNews(event)];
    if (isNews.includes(true)) onOther();
  });
  const machines = createNodeMachines(nodes.store, () => watch.clock.now());
  const pods = createWatched(reduced(RESOURCE.pods, keptPod), watch, (event) => {
    podsChanged++;
    if (isPodNews(event)) onChange("pods");
  });
  const budgets = createWatched(RESOURCE.podDisruptionBudgets, watch, (event) => {
    podsChanged++;
    if (isBudgetNews(event)) onOther();
  });

  function volumeLimits(name: string): Readonly<Record<string, number>> | undefined {
    const node = csiNodes.store.get({ name });
    if (node === undefined) return undefined;
    let made = limits.get(node);
    if (made === undefined) {
      made = limitsOf(node);
      limits.set(node, made);
    }
    return made;
  }

  return {
    watches: [nodes, pods, budgets, ...storage.watches, csiNodes, namespaces, daemonSets],
    optional: gangs.watches,
    nodes: () => nodes.store.values().map((node) => inputs.node(node)),
    pods: () => podList(pods.store.values()),
    budgets: () => {
      if (kept?.revision !== podsChanged)
        kept = { revision: podsChanged, budgets: budgetInputs(budgets.store.values(), pods.store.values()) };
      return kept.budgets;
    },
    namespaces: () => {
      namespaceLabels ??= deepFreeze(
        Object.fromEntries(
          namespaces.store.values().map(({ metadata }) => [metadata.name, metadata.labels ?? {}]),
        ),
      );
      return namespaceLabels;
    },
    daemons: () => {
      daemonInputs ??= deepFreeze(
        daemonSets.store.values().flatMap((daemonSet) => daemonInput(daemonSet, onProblem) ?? []),
      );
      return daemonInputs;
    },
    isReady: (name) => {
      const node = nodes.store.get({ name });
      return node !== undefined && inputs.node(node).ready === "ready";
    },
    machines,
  };
}

/** That a pod has begun or become ready opens no room and asks for none. */
function decisiveOfPod({ ready: _ready, startedAt: _startedAt, ...rest }: PodInput): unknown {
  return rest;
}

/** The words of a verdict may change with each look at the GPUs. */
function decisiveOfNode({ gpuHealth, ...rest }: BareNode): unknown {
  return [rest, gpuHealth?.verdict];
}

/** A driver that names no number takes as many as come. */
function limitsOf({ spec }: CsiNode): Readonly<Record<string, number>> {
  const limited = (spec?.drivers ?? []).flatMap(({ name, allocatable }) =>
    allocatable?.count === undefined ? [] : [[name, allocatable.count] as const],
  );
  return Object.freeze(Object.fromEntries(limited));
}

function budgetInputs(budgets: readonly PodDisruptionBudget[], pods: readonly Pod[]): readonly BudgetInput[] {
  if (budgets.length === 0) return [];
  const byNamespace = Map.groupBy(pods, (pod) => pod.metadata.namespace ?? "default");
  return budgets.map(({ metadata, spec, status }) => {
    const namespace = metadata.namespace ?? "default";
    const matching = (byNamespace.get(namespace) ?? []).filter((pod) =>
      selects(spec?.selector, pod.metadata.labels),
    );
    return Object.freeze({
      key: `${namespace}/${metadata.name}`,
      // A budget that its controller has not looked at yet allows nothing.
      disruptionsAllowed: status?.disruptionsAllowed ?? 0,
      pods: Object.freeze(matching.map(podKey)),
      ...(spec?.unhealthyPodEvictionPolicy === "AlwaysAllow" ? { alwaysAllowsUnready: true } : {}),
    });
  });
}
