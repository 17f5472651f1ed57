// Whether something else sizes a group of Cluster API too, as far as the group itself shows it.

import { CLUSTER_API } from "../../shared/model/names.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";

/** Cluster Autoscaler sizes every group that carries its bounds, wherever it runs. */
export function rivalOf(words: string, { metadata }: UnreadObject): readonly string[] {
  const { annotations = {} } = metadata;
  if (annotations[CLUSTER_API.minSize] === undefined || annotations[CLUSTER_API.maxSize] === undefined)
    return [];
  return [
    `${words} carries the bounds by which Cluster Autoscaler finds the groups that it sizes: where that runs too, take them away`,
  ];
}
