// The rows of a score, in plain words: what each figure is called, what it counts, where it stands in a run. Tables for
// people and for spreadsheets are all made from this list, so that they say the same. It formats nothing.

import type { Score } from "../run.ts";
import { MONEY } from "./score-money.ts";
import type { ScoreRow } from "./score-row.ts";
import { share } from "./score-row.ts";
import { WAITING } from "./score-waiting.ts";

const hasSpot = ({ nodeHours }: Score): boolean => nodeHours.spot > 0;

const REST: readonly ScoreRow[] = [
  {
    id: "interruptions",
    group: "Spot",
    label: "Spot nodes taken back",
    unit: "count",
    counts: "Machines that the cloud ended because it wanted them.",
    of: (score) => score.interruptions.count,
    applies: hasSpot,
    better: "less",
  },
  {
    id: "interruptions_clean",
    group: "Spot",
    label: "… of which emptied in time",
    unit: "count",
    counts: "All work had left, with its state saved, before the machine was gone.",
    of: (score) => score.interruptions.clean,
    applies: hasSpot,
    better: null,
  },
  {
    id: "interruptions_unclean",
    group: "Spot",
    label: "… of which with work on them",
    unit: "count",
    counts: "Something still ran when the machine was gone.",
    of: ({ interruptions }) => interruptions.count - interruptions.clean,
    applies: hasSpot,
    better: "less",
  },
  {
    id: "interruptions_per_hour",
    group: "Spot",
    label: "Taken back per spot node-hour",
    unit: "rate",
    counts: "0.0100 is one in a hundred hours of one spot node.",
    of: (score) => score.interruptions.perSpotInstanceHour,
    applies: hasSpot,
    better: "less",
  },
  {
    id: "lost_gpu_hours",
    group: "Spot",
    label: "Lost GPU-hours",
    unit: "gpu-hours",
    counts: "Work that had to be done again after a loss, with the time to start again.",
    of: (score) => score.lostGpuHours,
    better: "less",
  },
  {
    id: "spot_share",
    group: "Spot",
    label: "Node time on spot",
    unit: "share",
    counts: "Of all node-hours.",
    of: ({ nodeHours }) =>
      share(nodeHours.spot, nodeHours.spot + nodeHours["on-demand"] + nodeHours.reserved),
    better: null,
  },
  {
    id: "allocated_share",
    group: "Use",
    label: "GPUs in use",
    unit: "share",
    counts: "GPU-hours that work held, of those that were paid for.",
    of: (score) => share(score.allocatedGpuHours, score.provisionedGpuHours),
    better: "more",
  },
  {
    id: "useful_share",
    group: "Use",
    label: "GPUs in useful work",
    unit: "share",
    counts: "The same without work that was lost and done again.",
    of: (score) => share(score.usefulGpuHours, score.provisionedGpuHours),
    better: "more",
  },
  {
    id: "provisioned_gpu_hours",
    group: "Use",
    label: "GPU-hours paid for",
    unit: "gpu-hours",
    counts: "GPUs of all machines, times how long each was there.",
    of: (score) => score.provisionedGpuHours,
    better: "less",
  },
  {
    id: "nodes_added",
    group: "Machines",
    label: "Nodes added",
    unit: "count",
    counts: "Machines that were ordered and came.",
    of: (score) => score.nodesAdded,
    better: null,
  },
  {
    id: "nodes_removed",
    group: "Machines",
    label: "Nodes removed",
    unit: "count",
    counts: "Machines that the policy gave back; those that the cloud took are above.",
    of: (score) => score.nodesRemoved,
    better: null,
  },
  {
    id: "launches_failed",
    group: "Machines",
    label: "Launches that failed",
    unit: "count",
    counts: "Orders that the cloud could not fill. They cost time and no money.",
    of: (score) => score.launchesFailed,
    better: "less",
  },
];

export const SCORE_ROWS: readonly ScoreRow[] = [...MONEY, ...WAITING, ...REST];
