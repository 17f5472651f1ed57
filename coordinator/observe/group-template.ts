// What a group that is an object of the cluster says of the nodes that it makes. Cluster API has the annotations that
// Cluster Autoscaler reads, Karpenter the template and the requirements of its NodePools. A part that cannot be read is
// left out, as if it were not said.

import type { NodePool, Taint } from "../../shared/model/kube.ts";
import { CAPACITY_ANNOTATION, NODE_LABEL } from "../../shared/model/names.ts";
import { parseResources } from "../../shared/model/resources.ts";
import type { Resources } from "../../shared/model/resources.ts";
import type { UnreadObject } from "../../shared/runtime/kube/resources.ts";
import type { GroupTemplate } from "../decide/snapshot.ts";

/** Null where it says nothing. */
export function clusterApiTemplate({ metadata }: UnreadObject): GroupTemplate | null {
  const { annotations = {} } = metadata;
  const labels = pairs(annotations[CAPACITY_ANNOTATION.labels]);
  const taints = pairs(annotations[CAPACITY_ANNOTATION.taints]).flatMap(taintOf);
  const allocatable = capacityOf(annotations);
  return orNull({
    ...(labels.length === 0 ? {} : { labels: Object.fromEntries(labels) }),
    ...(taints.length === 0 ? {} : { taints }),
    ...(allocatable === null ? {} : { allocatable }),
  });
}

export function nodePoolTemplate({ spec }: NodePool): GroupTemplate | null {
  const { metadata, spec: node } = spec?.template ?? {};
  const requirements = (node?.requirements ?? []).filter(({ operator }) => operator === "In");
  const instanceTypes = requirements.find(({ key }) => key === NODE_LABEL.instanceType)?.values ?? [];
  // A requirement that leaves one value is as good as a label.
  const fixed = requirements.flatMap(({ key, values = [] }) =>
    values.length === 1 ? [[key, values[0] ?? ""]] : [],
  );
  const labels = { ...(Object.fromEntries(fixed) as Readonly<Record<string, string>>), ...metadata?.labels };
  return orNull({
    ...(instanceTypes.length === 0 ? {} : { instanceTypes }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(node?.taints === undefined ? {} : { taints: node.taints }),
  });
}

/** Only as a whole: a node without its GPUs or its memory would be another one. */
function capacityOf(annotations: Readonly<Record<string, string>>): Resources | null {
  const { cpu, memory, disk, pods, gpuCount, gpuType } = CAPACITY_ANNOTATION;
  const list = {
    cpu: annotations[cpu],
    memory: annotations[memory],
    "ephemeral-storage": annotations[disk],
    pods: annotations[pods] ?? "110",
    [annotations[gpuType] ?? ""]: annotations[gpuCount],
  };
  if (list.cpu === undefined || list.memory === undefined) return null;
  const said = Object.entries(list).flatMap(([name, amount]) =>
    name === "" || amount === undefined ? [] : [[name, amount] as const],
  );
  try {
    return parseResources(Object.fromEntries(said));
  } catch {
    return null;
  }
}

/** `a=b,c=d` */
function pairs(text: string | undefined): readonly (readonly [string, string])[] {
  return (text ?? "").split(",").flatMap((part) => {
    const [key = "", ...value] = part.trim().split("=");
    return key === "" ? [] : [[key, value.join("=")] as const];
  });
}

const EFFECTS: readonly Taint["effect"][] = ["NoSchedule", "PreferNoSchedule", "NoExecute"];

/** `value:Effect` */
function taintOf([key, text]: readonly [string, string]): readonly Taint[] {
  const [value = "", given] = text.split(":");
  const effect = EFFECTS.find((known) => known === given);
  return effect === undefined ? [] : [{ key, effect, ...(value === "" ? {} : { value }) }];
}

function orNull(template: GroupTemplate): GroupTemplate | null {
  return Object.keys(template).length === 0 ? null : template;
}
