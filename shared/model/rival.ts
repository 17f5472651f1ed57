// Who else may size a group or exchange its machines. Two that size one group fight, so that each of these is looked for,
// named, and waited for. Names only; what each one means for a pool stands in coordinator/decide.

export const RIVAL_KINDS = [
  "cluster-autoscaler",
  "karpenter",
  "aks-autoscaler",
  "gke-autoscaler",
  "scaling-policy",
  "az-rebalance",
  "instance-refresh",
  "mig-autoscaler",
  "vmss-autoscale",
  "second-coordinator",
  "resized-by-hand",
] as const;

export type RivalKind = (typeof RIVAL_KINDS)[number];
