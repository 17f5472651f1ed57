// The node's GPUs in one figure, over the healthy ones and over those that somebody holds: a mean says of how many it
// is, so that nobody reads the one as the other. Served whatever names are asked for, as the verdicts are.

import { METRIC_PREFIX } from "../../../shared/model/names.ts";
import type { NodeView } from "../../assess/view.ts";
import type { Block, Family } from "./family.ts";
import { blockOf } from "./family.ts";

/** Null: not known. */
export interface NodeFigures {
  readonly healthy: NodeView["healthyGpus"] | null;
  readonly allocated: NodeView["healthyGpus"] | null;
}

const LABELS = {
  node: "Name of the node",
  of: "healthy (there, and without a fatal finding, idle or not) or allocated (those of them that a container holds)",
};

const UTILIZATION: Family = {
  name: `${METRIC_PREFIX}node_gpu_utilization_ratio`,
  type: "gauge",
  help: "Mean utilisation of these GPUs over the last minute; absent when one of them cannot tell, or there is none",
  labels: LABELS,
};
const COUNT: Family = {
  name: `${METRIC_PREFIX}node_gpus`,
  type: "gauge",
  help: "How many GPUs these are: what the mean is over",
  labels: LABELS,
};

export const NODE_FAMILIES: readonly Family[] = [UTILIZATION, COUNT];

/** Of a driver that does not answer nothing is known now, whatever it said before. */
export function nodeFigures(view: Pick<NodeView, "source" | "healthyGpus" | "allocatedGpus">): NodeFigures {
  const { source, healthyGpus, allocatedGpus } = view;
  const answers = source.state === "ready" || source.state === "no-device";
  return answers ? { healthy: healthyGpus, allocated: allocatedGpus } : { healthy: null, allocated: null };
}

export function nodeBlocks(node: string, figures: NodeFigures): readonly Block[] {
  const rollUps = Object.entries(figures).flatMap(([of, rollUp]: [string, NodeFigures["healthy"]]) =>
    rollUp === null ? [] : [{ labels: { node, of }, rollUp }],
  );
  return [
    blockOf({
      family: UTILIZATION,
      series: rollUps.flatMap(({ labels, rollUp }) => {
        const { w60 } = rollUp.utilization;
        return w60.kind === "known" ? [{ labels, value: w60.mean }] : [];
      }),
    }),
    blockOf({
      family: COUNT,
      series: rollUps.map(({ labels, rollUp }) => ({ labels, value: rollUp.gpus })),
    }),
  ];
}
