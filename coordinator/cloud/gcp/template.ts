// What a new node of a group will be, by the word of its instance template: type, GPUs, and on GKE the labels, taints and
// reserves that it hands to the kubelet. Pure. Of the metadata only what is named here is looked at, since the rest holds
// secrets of the node; what is written wrongly becomes a sentence, and the rest holds.

import { machineOf } from "../../../shared/model/instance-types.ts";
import type { Taint } from "../../../shared/model/kube.ts";
import { GKE_METADATA, GPU_RESOURCE, NODE_LABEL } from "../../../shared/model/names.ts";
import type { Resources } from "../../../shared/model/resources.ts";
import type { GroupTemplate } from "../../decide/snapshot.ts";
import { amountsIn } from "../amounts.ts";
import type { TemplateAnswer } from "./answers.ts";
import type { NodePoolAt } from "./calls.ts";
import { lastPart } from "./reading.ts";

export interface TemplateFacts {
  readonly machineType: string;
  /** Added to the machine, beside those that are part of its type. */
  readonly accelerators: number;
  readonly isSpot: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly taints: readonly Taint[];
  /** Of the kubelet; null: the template does not say. */
  readonly reserved: Resources | null;
  /** The GKE node pool that the group belongs to; null: it is none, or the template does not say. */
  readonly nodePool: NodePoolAt | null;
  readonly problems: readonly string[];
}

/** Of a type that the catalogue does not have. */
export interface MachineSize {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
}

const EFFECTS = ["NoSchedule", "PreferNoSchedule", "NoExecute"] as const;
const MIB = 2 ** 20;
const PODS = 110;
/** What the hypervisor and the kernel keep of a machine's memory before anyone counts it, on the safe side. */
const KEPT_BY_HOST = 0.075;
/** What the kubelet keeps free by default. */
const EVICTION_BYTES = 100 * MIB;

export function factsOf({ properties }: TemplateAnswer): TemplateFacts {
  const { machineType, guestAccelerators = [], scheduling, metadata } = properties;
  const items = new Map((metadata?.items ?? []).map(({ key, value = "" }) => [key, value]));
  const problems: string[] = [];
  const handed = handedIn(items.get(GKE_METADATA.kubeEnv) ?? "");
  const labels = Object.fromEntries(
    pairsIn(handed.get("node_labels") ?? items.get(GKE_METADATA.labels) ?? ""),
  );
  const taints = pairsIn(handed.get("node_taints") ?? "").flatMap(([key, text]) =>
    taintOf(key, text, problems),
  );
  const cluster = items.get(GKE_METADATA.clusterName);
  const location = items.get(GKE_METADATA.clusterLocation);
  const pool = labels[NODE_LABEL.gkeNodePool];
  return {
    machineType: lastPart(machineType) ?? machineType,
    accelerators: guestAccelerators.reduce((sum, { acceleratorCount = 0 }) => sum + acceleratorCount, 0),
    // Preemptible machines are the older kind of spot.
    isSpot: scheduling?.provisioningModel === "SPOT" || scheduling?.preemptible === true,
    labels,
    taints,
    reserved: reservedIn(handed.get("kube_reserved"), problems),
    nodePool:
      cluster === undefined || location === undefined || pool === undefined
        ? null
        : { cluster, location, pool },
    problems,
  };
}

/** GPUs of one machine; null: nobody knows. */
export function gpusOf(type: string, { accelerators }: TemplateFacts): number | null {
  const found = machineOf("gcp", type);
  if (found.kind === "known") return found.machine.gpus;
  return accelerators > 0 ? accelerators : null;
}

/** `types`: of which the group may bring any, the template's own where it names none. `sizes`: of those that were asked for. */
export function templateOf(
  facts: TemplateFacts,
  types: readonly string[],
  sizes: ReadonlyMap<string, MachineSize>,
): GroupTemplate {
  const { labels, taints } = facts;
  const allocatable = allocatableOf(facts, types, sizes);
  return {
    instanceTypes: types,
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(taints.length === 0 ? {} : { taints }),
    ...(allocatable === null ? {} : { allocatable }),
  };
}

/** Null where the catalogue knows every type, which says more; and where somebody's size is not known. */
function allocatableOf(
  facts: TemplateFacts,
  types: readonly string[],
  sizes: ReadonlyMap<string, MachineSize>,
): Resources | null {
  const { accelerators, reserved } = facts;
  if (types.every((type) => machineOf("gcp", type).kind === "known")) return null;
  const known = types.flatMap((type) => sizes.get(type) ?? []);
  if (known.length === 0 || known.length < types.length || accelerators === 0) return null;
  const cpu = Math.min(...known.map(({ cpuMillis }) => cpuMillis));
  const memory = Math.min(...known.map(({ memoryBytes }) => memoryBytes)) * (1 - KEPT_BY_HOST);
  return {
    cpu: Math.max(0, Math.floor(cpu - (reserved?.["cpu"] ?? 0))),
    memory: Math.max(0, Math.floor(memory - (reserved?.["memory"] ?? 0) - EVICTION_BYTES)),
    pods: PODS,
    [GPU_RESOURCE]: accelerators,
  };
}

/** GKE writes what a new node will be, for autoscalers, as one line: `a=b;c=d=e,f=g`. */
function handedIn(kubeEnv: string): ReadonlyMap<string, string> {
  const line = new RegExp(`^${GKE_METADATA.forAutoscalers}:\\s*(.*)$`, "m").exec(kubeEnv)?.[1] ?? "";
  const text = line.trim().replace(/^(["'])(.*)\1$/, "$2");
  return new Map(text.split(";").map((part) => cut(part, "=")));
}

function pairsIn(text: string): readonly (readonly [string, string])[] {
  return text
    .split(",")
    .map((part) => cut(part, "="))
    .filter(([key]) => key !== "");
}

function cut(part: string, sign: string): readonly [string, string] {
  const at = part.indexOf(sign);
  return at < 0 ? [part.trim(), ""] : [part.slice(0, at).trim(), part.slice(at + 1).trim()];
}

/** `value:Effect`, of which the value may be empty. */
function taintOf(key: string, text: string, problems: string[]): readonly Taint[] {
  const at = text.lastIndexOf(":");
  const effect = EFFECTS.find((known) => known === text.slice(at + 1));
  if (at < 0 || effect === undefined) {
    problems.push(
      `its instance template has the taint ${key}=${text}, which is no taint such as key=value:NoSchedule`,
    );
    return [];
  }
  const value = text.slice(0, at);
  return [{ key, ...(value === "" ? {} : { value }), effect }];
}

function reservedIn(text: string | undefined, problems: string[]): Resources | null {
  if (text === undefined) return null;
  return amountsIn(pairsIn(text), (name, amount, why) => {
    problems.push(`its instance template reserves ${name}=${amount}: ${why}`);
  });
}
