// Whether a group can be sized in nodes at all, and what an operator should know of its settings. The first is a hold
// with its reason; the second are sentences beside a group that goes on working. Pure.

import { machineOf } from "../../../shared/model/instance-types.ts";
import { AWS_TAG } from "../../../shared/model/names.ts";
import { isKnownState } from "./lifecycle.ts";
import { isKept } from "./reading.ts";
import type { AwsReading } from "./reading.ts";

const PROVIDER = "aws";
const SIZING = ["Launch", "Terminate"];
const KEEPING = ["HealthCheck", "ReplaceUnhealthy"];

/** Why no size of this group may be written; null when all is well. */
export function holdReason(reading: AwsReading, region: string): string | null {
  const words = `Auto Scaling group ${reading.name}`;
  if (reading.region !== "" && reading.region !== region)
    return `${words} belongs to region ${reading.region}, not to ${region}: correct group.aws.region of the pool`;
  if (reading.sizeUnit !== "units")
    return `${words} counts its size in ${reading.sizeUnit}, not in machines: set its desired capacity type to units`;
  if (reading.weights.length > 0)
    return `${words} counts machines by weight (${reading.weights.join(", ")}), so that its size is no number of nodes: take the weights away`;
  const suspended = reading.suspended.filter((process) => SIZING.includes(process));
  if (suspended.length > 0)
    return `${words} has ${suspended.join(" and ")} suspended, so that a size that is set does not come: resume ${suspended.length > 1 ? "them" : "it"}, and the pool goes on`;
  return mixedGpus(reading, words);
}

/** One node of it has to be like the next: pods are planned onto machines that do not exist yet. */
function mixedGpus({ types, gpuRanges }: AwsReading, words: string): string | null {
  const range = gpuRanges.find(({ min, max }) => (min ?? 0) !== (max ?? (min === null ? 0 : Number.NaN)));
  if (range !== undefined)
    return `${words} takes machines with ${range.min ?? 0} to ${range.max ?? "any number of"} GPUs: make both bounds of its AcceleratorCount the same`;
  const counts = new Map<number, string[]>();
  for (const type of types) {
    const found = machineOf(PROVIDER, type);
    // Of a type that the catalogue does not have nobody can say whether it fits.
    if (found.kind === "unknown") continue;
    counts.set(found.machine.gpus, [...(counts.get(found.machine.gpus) ?? []), type]);
  }
  if (counts.size < 2) return null;
  const said = [...counts].toSorted(([a], [b]) => a - b).map(([gpus, of]) => `${gpus} in ${of.join(", ")}`);
  return `${words} mixes machines with different numbers of GPUs (${said.join("; ")}): make one group for each number`;
}

/** `stuck`: instances that have waited in a lifecycle hook for long. */
export function sentencesOf(reading: AwsReading, stuck: readonly string[]): readonly string[] {
  const { instances, suspended, tags } = reading;
  const of = (standing: string): readonly string[] =>
    instances.filter((instance) => instance.standing === standing).map(({ id }) => id);
  const aside = of("aside");
  const blind = suspended.filter((process) => KEEPING.includes(process));
  const warm = of("warm");
  const locked = instances.filter((instance) => isKept(reading, instance)).map(({ id }) => id);
  const foreign = [...new Set(instances.map(({ lifecycle }) => lifecycle))].filter(
    (state) => !isKnownState(state),
  );
  const said: (string | false)[] = [
    blind.length > 0 &&
      `${blind.join(" and ")} ${blind.length > 1 ? "are" : "is"} suspended: a machine that AWS has lost stays listed, and its place is not filled; resume ${blind.length > 1 ? "them" : "it"}`,
    reading.rebalancesCapacity &&
      "capacity rebalancing is on: AWS launches machines beside ours when spot capacity is at risk; turn it off",
    reading.hasWarmPool &&
      `it has a warm pool, whose machines are not counted${warm.length > 0 ? ` (${named(warm)})` : ""}`,
    !reading.hasWarmPool && warm.length > 0 && `machines of a warm pool are not counted: ${named(warm)}`,
    aside.length > 0 && `set aside by somebody (Standby) and not counted: ${named(aside)}`,
    locked.length > 0 &&
      `protected from scale-in by somebody, so never removed: ${named(locked)}; take the protection away (SetInstanceProtection) and they can go`,
    Object.hasOwn(tags, AWS_TAG.clusterAutoscaler) &&
      `it carries the tag ${AWS_TAG.clusterAutoscaler}, by which Cluster Autoscaler finds the groups that it sizes: where that runs too, take the tag away`,
    stuck.length > 0 &&
      `waiting for long in a lifecycle hook (Pending:Wait), which somebody has to complete: ${named(stuck)}`,
    foreign.length > 0 && `states that are not known here count as machines: ${foreign.join(", ")}`,
  ];
  return said.filter((sentence) => sentence !== false);
}

const NAMED_MAX = 5;

function named(ids: readonly string[]): string {
  const rest = ids.length - NAMED_MAX;
  return ids.slice(0, NAMED_MAX).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
