// Nodes, pods and budgets of the cluster, by watch, as a decision reads them. It says what has changed in the one
// way that matters to the loop: whether a pod has become unschedulable, which opens a batch, or something else.

import type { Node, Pod, PodDisruptionBudget } from "../../shared/model/kube.ts";
import { podKey } from "../../shared/model/pod.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { BudgetInput } from "../decide/snapshot.ts";
import { createInputs } from "./inputs.ts";
import type { BareNode, OnProblem } from "./inputs.ts";
import { selects } from "./selector.ts";
import { createNews, createWatched } from "./watched.ts";
import type { WatchDeps, Watched } from "./watched.ts";

export interface Cluster {
  readonly watches: readonly [Watched<Node>, Watched<Pod>, Watched<PodDisruptionBudget>];
  nodes(): readonly BareNode[];
  pods(): readonly PodInput[];
  budgets(): readonly BudgetInput[];
  isReady(node: string): boolean;
}

export interface ClusterOptions {
  readonly watch: WatchDeps;
  readonly onProblem: OnProblem;
  /** `pods`: a batch may have begun. `other`: anything else that a decision reads. */
  readonly onChange: (what: "pods" | "other") => void;
}

export function createCluster({ watch, onProblem, onChange }: ClusterOptions): Cluster {
  const inputs = createInputs(onProblem);
  let podsChanged = 0;
  let kept: { readonly revision: number; readonly budgets: readonly BudgetInput[] } | null = null;

  const isNodeNews = createNews<Node>((node) => inputs.node(node));
  const isPodNews = createNews<Pod>((pod) => inputs.pod(pod));
  const isBudgetNews = createNews<PodDisruptionBudget>(({ spec, status }) => [
    spec?.selector,
    status?.disruptionsAllowed,
  ]);

  const nodes = createWatched(RESOURCE.nodes, watch, (event) => {
    if (isNodeNews(event)) onChange("other");
  });
  const pods = createWatched(RESOURCE.pods, watch, (event) => {
    podsChanged++;
    if (isPodNews(event)) onChange("pods");
  });
  const budgets = createWatched(RESOURCE.podDisruptionBudgets, watch, (event) => {
    podsChanged++;
    if (isBudgetNews(event)) onChange("other");
  });

  return {
    watches: [nodes, pods, budgets],
    nodes: () => nodes.store.values().map((node) => inputs.node(node)),
    pods: () => pods.store.values().flatMap((pod) => inputs.pod(pod) ?? []),
    budgets: () => {
      if (kept?.revision !== podsChanged)
        kept = { revision: podsChanged, budgets: budgetInputs(budgets.store.values(), pods.store.values()) };
      return kept.budgets;
    },
    isReady: (name) => {
      const node = nodes.store.get({ name });
      return node !== undefined && inputs.node(node).ready === "ready";
    },
  };
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
    });
  });
}
