// What a new node of a group will be, by the group's own word: its machine size, the labels and taints of an AKS pool,
// and the tags that Cluster Autoscaler defined for scale sets. Pure. What is written wrongly becomes a sentence, and the
// rest holds.

import { machineOf } from "../../../shared/model/instance-types.ts";
import type { Taint } from "../../../shared/model/kube.ts";
import { AKS_NODE_LABEL, AZURE_TAG, GPU_RESOURCE } from "../../../shared/model/names.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import type { GroupTemplate } from "../../decide/snapshot.ts";
import { amountsIn } from "../amounts.ts";
import type { AksPool, AzureGroupBody } from "./reading.ts";

const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;

export interface AzureTemplate {
  readonly template: GroupTemplate;
  /** What says nothing, in words. */
  readonly problems: readonly string[];
}

export function templateOf({ key, vmSize, tags, isSpot, pool }: AzureGroupBody): AzureTemplate {
  const problems: string[] = [];
  const labels = {
    ...(pool === null ? {} : poolLabels(key.name, isSpot, pool)),
    ...Object.fromEntries(tagsUnder(tags, "label_")),
  };
  const taints = [
    ...(pool?.taints ?? []).flatMap((text) => poolTaint(text, problems)),
    ...tagsUnder(tags, "taint_").flatMap(([name, text]) =>
      taintOf(name, text, `tag ${AZURE_TAG.nodeTemplate}taint_ of ${name}`, problems),
    ),
  ];
  const allocatable = allocatableOf(tagsUnder(tags, "resources_"), vmSize, problems);
  return {
    template: {
      instanceTypes: [vmSize],
      ...(Object.keys(labels).length === 0 ? {} : { labels }),
      ...(taints.length === 0 ? {} : { taints }),
      ...(allocatable === null ? {} : { allocatable }),
    },
    problems,
  };
}

/** Those that AKS puts on every node of a pool. */
function poolLabels(name: string, isSpot: boolean, { labels }: AksPool): Readonly<Record<string, string>> {
  return {
    [AKS_NODE_LABEL.pool]: name,
    [AKS_NODE_LABEL.legacyPool]: name,
    ...(isSpot ? { [AKS_NODE_LABEL.priority]: "spot" } : {}),
    ...labels,
  };
}

/** In a tag's name `_` stands for `/`, and `~2` for a `_`. */
function tagsUnder(
  tags: Readonly<Record<string, string>>,
  part: string,
): readonly (readonly [string, string])[] {
  const prefix = `${AZURE_TAG.nodeTemplate}${part}`;
  return Object.entries(tags).flatMap(([key, value]) =>
    key.startsWith(prefix) && key.length > prefix.length
      ? [[key.slice(prefix.length).replaceAll("_", "/").replaceAll("~2", "_"), value] as const]
      : [],
  );
}

/** `key=value:Effect`, of which `=value` may be missing. */
function poolTaint(text: string, problems: string[]): readonly Taint[] {
  const [, key = "", value = "", effect = ""] = /^([^=:]+)(?:=([^:]*))?:(.+)$/.exec(text) ?? [];
  return taintOf(key, `${value}:${effect}`, `the pool's taint ${text}`, problems);
}

/** `value:Effect`, of which the value may be empty. */
function taintOf(key: string, text: string, words: string, problems: string[]): readonly Taint[] {
  const cut = text.lastIndexOf(":");
  const effect = EFFECTS.find((known) => known === text.slice(cut + 1));
  if (key === "" || cut < 0 || effect === undefined) {
    problems.push(`${words} is ${JSON.stringify(text)}, which is no taint such as value:NoSchedule`);
    return [];
  }
  const value = text.slice(0, cut);
  return [{ key, ...(value === "" ? {} : { value }), effect }];
}

/**
 * What the tags name goes before what the catalogue has of the size. Null without such tags, and when nothing says how
 * much processor and memory there is: a node without them takes no pod.
 */
function allocatableOf(
  tagged: readonly (readonly [string, string])[],
  vmSize: string,
  problems: string[],
): Resources | null {
  const amounts = amountsIn(tagged, (name, _amount, why) => {
    problems.push(`tag ${AZURE_TAG.nodeTemplate}resources_ of ${name}: ${why}`);
  });
  if (Object.keys(amounts).length === 0) return null;
  const found = machineOf("azure", vmSize);
  const left = found.kind === "known" ? found.machine.allocatable : undefined;
  const known =
    found.kind === "known" && left !== undefined
      ? { cpu: left.cpuMillis, memory: left.memoryBytes, [GPU_RESOURCE]: found.machine.gpus }
      : {};
  const all: Resources = { ...known, ...amounts };
  if (all["cpu"] !== undefined && all["memory"] !== undefined) return all;
  problems.push(
    `tags under ${AZURE_TAG.nodeTemplate}resources_ do not say cpu and memory, and the catalogue does not know them for ${vmSize}: add both`,
  );
  return null;
}
