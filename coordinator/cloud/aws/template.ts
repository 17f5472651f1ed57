// What a new node of a group will be, by the group's own word: its instance types and the tags that Cluster Autoscaler
// defined for this, which operators have set already. Pure. What a tag says wrongly becomes a sentence, and the rest
// of the tags holds.

import { machineOf } from "../../../shared/model/instance-types.ts";
import type { Taint } from "../../../shared/model/kube.ts";
import { AWS_TAG, EKS_NODE_GROUP_LABEL, GPU_RESOURCE } from "../../../shared/model/names.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import type { GroupLook } from "../account.ts";
import { amountsIn } from "../amounts.ts";
import type { AwsReading } from "./reading.ts";

const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

type GroupTemplate = NonNullable<Extract<GroupLook, { kind: "seen" }>["template"]>;

export interface AwsTemplate {
  readonly template?: GroupTemplate;
  /** Tags that say nothing, in words. */
  readonly problems: readonly string[];
}

export function templateOf({ tags, types, instances }: AwsReading): AwsTemplate {
  const problems: string[] = [];
  const present = instances.flatMap(({ type, standing }) => (standing === "counted" ? (type ?? []) : []));
  const instanceTypes = types.length > 0 ? types : [...new Set(present)];
  const nodeGroup = tags[AWS_TAG.eksNodeGroup];
  const labels = {
    ...(nodeGroup === undefined ? {} : { [EKS_NODE_GROUP_LABEL]: nodeGroup }),
    ...Object.fromEntries(tagsUnder(tags, "label/")),
  };
  const taints = tagsUnder(tags, "taint/").flatMap(([key, text]) => taintOf(key, text, problems));
  const allocatable = allocatableOf(tagsUnder(tags, "resources/"), instanceTypes, problems);
  const template = {
    ...(instanceTypes.length === 0 ? {} : { instanceTypes }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(taints.length === 0 ? {} : { taints }),
    ...(allocatable === null ? {} : { allocatable }),
  };
  return Object.keys(template).length === 0 ? { problems } : { template, problems };
}

function tagsUnder(
  tags: Readonly<Record<string, string>>,
  part: string,
): readonly (readonly [string, string])[] {
  const prefix = `${AWS_TAG.nodeTemplate}${part}`;
  return Object.entries(tags).flatMap(([key, value]) =>
    key.startsWith(prefix) && key.length > prefix.length ? [[key.slice(prefix.length), value] as const] : [],
  );
}

/** `value:Effect`, of which the value may be empty. */
function taintOf(key: string, text: string, problems: string[]): readonly Taint[] {
  const cut = text.lastIndexOf(":");
  const effect = EFFECTS.find((known) => known === text.slice(cut + 1));
  if (cut < 0 || effect === undefined) {
    problems.push(
      `tag ${AWS_TAG.nodeTemplate}taint/${key} is ${JSON.stringify(text)}, which is no taint such as value:NoSchedule`,
    );
    return [];
  }
  const value = text.slice(0, cut);
  return [{ key, ...(value === "" ? {} : { value }), effect }];
}

/**
 * What the tags name goes before what the catalogue has of the types, of which the least counts. Null without such
 * tags, and when nothing says how much processor and memory there is: a node without them takes no pod.
 */
function allocatableOf(
  tagged: readonly (readonly [string, string])[],
  types: readonly string[],
  problems: string[],
): Resources | null {
  const amounts = amountsIn(tagged, (name, _amount, why) => {
    problems.push(`tag ${AWS_TAG.nodeTemplate}resources/${name}: ${why}`);
  });
  if (Object.keys(amounts).length === 0) return null;
  const all: Resources = { ...leastOf(types), ...amounts };
  if (all["cpu"] !== undefined && all["memory"] !== undefined) return all;
  problems.push(
    `tags under ${AWS_TAG.nodeTemplate}resources/ do not say cpu and memory, and the catalogue does not know them for ${types.join(", ") || "the group's type"}: add both`,
  );
  return null;
}

/** Nothing when the catalogue misses one of the types. */
function leastOf(types: readonly string[]): Resources {
  const found = types.map((type) => machineOf("aws", type));
  const machines = found.flatMap((lookup) => (lookup.kind === "known" ? [lookup.machine] : []));
  const left = machines.flatMap(({ allocatable, gpus }) =>
    allocatable === undefined ? [] : [{ ...allocatable, gpus }],
  );
  if (left.length === 0 || left.length < types.length) return {};
  return {
    cpu: Math.min(...left.map(({ cpuMillis }) => cpuMillis)),
    memory: Math.min(...left.map(({ memoryBytes }) => memoryBytes)),
    [GPU_RESOURCE]: Math.min(...left.map(({ gpus }) => gpus)),
  };
}
