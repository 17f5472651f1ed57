// Numbers, times, amounts and names as people read them. Each function makes a piece of a sentence and decides
// nothing; what is not known is said by whoever writes the sentence.

import type { PoolBackEnd, Scope } from "../../../shared/model/reasons.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";

const SCOPE_NAMES: Readonly<Record<Scope, string>> = {
  pool: "pool",
  policy: "policy",
  gpus: "policy's GPUs",
};
const MAXIMUM_FIELDS: Readonly<Record<Scope, string>> = {
  pool: "nodePools[].maxSize",
  policy: "maxNodes",
  gpus: "maxGpus",
};

export function scope(of: Scope): string {
  return SCOPE_NAMES[of];
}

export function maximumField(of: Scope): string {
  return MAXIMUM_FIELDS[of];
}

const GROUP_FIELDS: Readonly<Record<PoolBackEnd, string>> = {
  aws: "region and autoScalingGroup, or tags, in nodePools[].group.aws",
  gcp: "project, location and instanceGroupManager in nodePools[].group.gcp",
  azure:
    "subscriptionID, resourceGroup and vmScaleSet, or managedCluster and agentPool, in nodePools[].group.azure",
  scale: "kind, name and namespace in nodePools[].group.scale",
  simulated: "url and name in nodePools[].group.simulated",
};
const GRANTORS: Readonly<Record<PoolBackEnd, string>> = {
  aws: "the role that the coordinator runs as, or the group's own service role,",
  gcp: "the service account that the coordinator runs as, or the agent of the instance group,",
  azure: "the identity that the coordinator runs as, or that of the cluster,",
  scale: "what runs the group, or the coordinator's ServiceAccount,",
  simulated: "the simulated cloud",
};

/** The fields of a policy that say which group sizes a pool. */
export function groupFields(backEnd: PoolBackEnd | undefined): string {
  return backEnd === undefined ? "nodePools[].group" : GROUP_FIELDS[backEnd];
}

/** Who lacks a right that the cloud asks for. */
export function grantor(backEnd: PoolBackEnd | undefined): string {
  return backEnd === undefined ? "what runs the group" : GRANTORS[backEnd];
}

export function count(amount: number, noun: string): string {
  return `${amount} ${noun}${amount === 1 ? "" : "s"}`;
}

/** What others wrote, a value in a policy or a cloud's message, may be of any length; our status may not. */
export function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}

/** The form of a verb that goes with so many. */
export function verb(amount: number, one: string, several: string): string {
  return amount === 1 ? one : several;
}

export function listed(names: readonly string[], none = "none"): string {
  return names.length === 0 ? none : names.join(", ");
}

/** 0.834 → 83.4 %; a share that is not a whole percentage keeps one digit, so that 19.6 is not shown as 20. */
export function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`;
}

/** The two largest units, which is as exact as anybody reads: 2 min 5 s, 3 h 10 min. */
export function duration(ms: Millis): string {
  const seconds = Math.floor(ms / 1000);
  const parts: readonly (readonly [number, string])[] = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [seconds % 60, "s"],
  ];
  const first = parts.findIndex(([value]) => value > 0);
  if (first < 0) return "0 s";
  return parts
    .slice(first, first + 2)
    .filter(([value]) => value > 0)
    .map(([value, unit]) => `${value} ${unit}`)
    .join(" ");
}

/** The time of day, for what is minutes away. */
export function instant(at: EpochMs): string {
  return spelt(at)?.slice(11, 19).concat(" UTC") ?? "an unknown time";
}

/** Day and time, for what may be days away. */
export function moment(at: EpochMs): string {
  return spelt(at)?.slice(0, 16).replace("T", " ").concat(" UTC") ?? "an unknown time";
}

function spelt(at: EpochMs): string | null {
  const date = new Date(at);
  return Number.isNaN(date.getTime()) ? null : date.toISOString();
}

/** Dollars an hour; below a cent as many digits as are needed to see that it is not nothing. */
export function hourly(usd: number): string {
  const digits = Math.abs(usd) >= 0.01 || usd === 0 ? 2 : 4;
  return `$${usd.toFixed(digits)} an hour`;
}

/** Millicores as cores and bytes as GiB; everything else is pieces of what it is called. */
export function amount(resource: string, value: number): string {
  if (resource === "cpu") return `${value / 1000} ${value === 1000 ? "core" : "cores"} of cpu`;
  if (BYTES.has(resource)) return `${gib(value)} of ${resource}`;
  if (resource === "pods") return `room for ${count(value, "pod")}`;
  return `${value} of ${resource}`;
}

/** The same without the resource's name, which the sentence has said already. */
export function bareAmount(resource: string, value: number): string {
  if (resource === "cpu") return `${value / 1000}`;
  return BYTES.has(resource) ? gib(value) : `${value}`;
}

const BYTES: ReadonlySet<string> = new Set(["memory", "ephemeral-storage"]);

function gib(bytes: number): string {
  return `${Math.round((bytes / 2 ** 30) * 100) / 100} GiB`;
}

/** `p4d.24xlarge|us-west-2a|spot` as "p4d.24xlarge in us-west-2a as spot"; `*` is what is not known. */
export function offering(key: string): string {
  const [type = "*", zone = "*", tier = "*"] = key.split("|");
  if (!key.includes("|")) return key.replace(/^pool\//, "pool ");
  return [
    type === "*" ? "machines" : type,
    ...(zone === "*" ? [] : [`in ${zone}`]),
    ...(tier === "*" ? [] : [`as ${tier}`]),
  ].join(" ");
}
