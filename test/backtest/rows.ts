// The rows of the table, as plain data: what each is called, and who decides in it. What is played follows from the data alone,
// so that a row that is added here leaves all others as they were. deciders.ts plays it.

import { AppError } from "../../shared/runtime/errors.ts";
import type { Decider } from "./deciders.ts";

export interface Row {
  readonly id: string;
  readonly title: string;
  readonly decider: Decider;
}

export const ROWS: readonly Row[] = [
  {
    id: "static-peak",
    title: "on-demand fleet for the peak of the days before",
    decider: { kind: "fixed", size: "peak" },
  },
  {
    id: "static-p95",
    title: "on-demand fleet for the 95th percentile of the days before",
    decider: { kind: "fixed", size: "p95" },
  },
  {
    id: "static-reserved",
    title: "reserved for the median of the days before, paid in full; the rest on demand as reactive",
    decider: { kind: "reserved" },
  },
  { id: "reactive", title: "Cluster Autoscaler as it ships, on demand", decider: { kind: "reactive" } },
  { id: "karpenter-like", title: "like Karpenter, on demand", decider: { kind: "karpenter-like" } },
  {
    id: "spot-naive",
    title: "reactive, spot of one zone alone; another zone at each offset",
    decider: { kind: "spot-naive" },
  },
  {
    id: "spot-greedy",
    title: "spot when there is any, else on demand, back when spot returns",
    decider: { kind: "spot-greedy" },
  },
  { id: "ours-spot", title: "ours: the frozen policy, no forecast", decider: { kind: "ours" } },
  {
    id: "ours-spot+predict",
    title: "ours with its forecast",
    decider: { kind: "ours", forecast: "ours" },
  },
  {
    id: "ours-seasonal-naive",
    title: "ours with the load of a day ago in place of its forecast",
    decider: { kind: "ours", forecast: "seasonal-naive" },
  },
  { id: "ours-one-zone", title: "ours without: other zones", decider: { kind: "ours", oneZone: true } },
  { id: "ours-no-fallback", title: "ours without: on-demand", decider: { kind: "ours", noFallback: true } },
  {
    id: "ours-with-headroom",
    title: "ours with one GPU of room kept always, since the frozen policy keeps none",
    decider: { kind: "ours", changes: { headroom: [{ name: "one-gpu", gpus: 1 }] } },
  },
  {
    id: "ours-no-notices",
    title: "ours without: anything done at a notice",
    decider: { kind: "ours", noNotices: true },
  },
  {
    id: "guide-60-35-5",
    title: "ours with the guide's shares: 60 % spot, 35 % on demand, 5 % reserved",
    decider: {
      kind: "ours",
      reserved: true,
      changes: {
        // What is moved to save money would be moved past the shares.
        consolidation: { enabled: false },
        spotInstancePercentage: 0.6,
        onDemandPercentage: 0.35,
        reservedPercentage: 0.05,
      },
    },
  },
];

/** @throws AppError bad-input for a name that no row has. */
export function rowOf(id: string): Row {
  const row = ROWS.find((one) => one.id === id);
  if (row === undefined)
    throw new AppError(
      "bad-input",
      `row ${JSON.stringify(id)}: there are ${ROWS.map((one) => one.id).join(", ")}`,
    );
  return row;
}
