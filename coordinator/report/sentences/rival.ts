// What else may size a group, in words: its name, and what an operator does so that one program sizes the group and no
// other. What it means for the pool is decided elsewhere (decide/fleet/rivals.ts).

import type { RivalStops } from "../../../shared/model/reasons.ts";
import type { RivalKind } from "../../../shared/model/rival.ts";

export interface RivalWords {
  readonly name: string;
  /** What ends it. */
  readonly wayOut: string;
}

export const RIVAL_WORDS: Readonly<Record<RivalKind, RivalWords>> = {
  "cluster-autoscaler": {
    name: "Cluster Autoscaler sizes the group too",
    wayOut:
      "take the group out of its --nodes or discovery tags, or out of the policy; where it no longer runs, take its taints off the nodes",
  },
  karpenter: {
    name: "Karpenter makes nodes of the pool too",
    wayOut: "take the pool's labels out of the NodePool's template, or name the NodePool as the group",
  },
  "aks-autoscaler": {
    name: "the autoscaler of AKS sizes the group too",
    wayOut: "switch it off for the agent pool (az aks nodepool update --disable-cluster-autoscaler)",
  },
  "gke-autoscaler": {
    name: "the autoscaler of GKE sizes the group too",
    wayOut: "switch it off for the node pool (gcloud container clusters update --no-enable-autoscaling)",
  },
  "scaling-policy": {
    name: "AWS sizes the group too",
    wayOut:
      "delete the scaling policy or scheduled action, or suspend AlarmNotification and ScheduledActions",
  },
  "az-rebalance": {
    name: "AWS evens out the zones of the group",
    wayOut: "suspend the process AZRebalance",
  },
  "instance-refresh": {
    name: "AWS exchanges the machines of the group",
    wayOut: "it ends by itself, or cancel the instance refresh",
  },
  "mig-autoscaler": {
    name: "Google's autoscaler sizes the group too",
    wayOut:
      "delete it (gcloud compute instance-groups managed stop-autoscaling) or switch it off (update-autoscaling --mode off)",
  },
  "vmss-autoscale": {
    name: "Azure's autoscale sizes the group too",
    wayOut: "switch its setting off (az monitor autoscale update --enabled false)",
  },
  "second-coordinator": {
    name: "a second gpu-autoscaler acts on the policies of this cluster",
    wayOut: "uninstall one of the two",
  },
  "resized-by-hand": {
    name: "somebody else keeps changing the size of the group",
    wayOut: "see the group's activity log for who it is, and let one alone size the group",
  },
};

export const STOPPED: Readonly<Record<RivalStops, string>> = {
  everything: "the pool neither grows nor shrinks",
  removals: "no node of the pool is removed meanwhile",
  nothing: "the pool goes on",
};
