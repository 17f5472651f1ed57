// Whether a group can be sized in nodes at all, and what an operator should know of its settings. The first is a hold
// with its reason; the second are sentences beside a group that goes on working. Pure.

import type { RivalSight } from "../account.ts";
import { lastPart, wordsOf } from "./reading.ts";
import type { GcpInstance, GcpReading } from "./reading.ts";
import { isKnown } from "./standing.ts";
import { gpusOf } from "./template.ts";
import type { TemplateFacts } from "./template.ts";
import { typesOf } from "./templates.ts";

/** Why no size of this group may be written; null when all is well. One node of it has to be like the next. */
export function holdReason(reading: GcpReading, facts: readonly TemplateFacts[]): string | null {
  const counts = new Map<number, string[]>();
  for (const one of facts)
    for (const type of typesOf(reading.types, [one])) {
      const gpus = gpusOf(type, one);
      // Of a type that nobody knows nobody can say whether it fits.
      if (gpus !== null) counts.set(gpus, [...new Set([...(counts.get(gpus) ?? []), type])]);
    }
  if (counts.size < 2) return null;
  const said = [...counts].toSorted(([a], [b]) => a - b).map(([gpus, of]) => `${gpus} in ${of.join(", ")}`);
  return `${wordsOf(reading.at)} mixes machines with different numbers of GPUs (${said.join("; ")}): make one group for each number, or finish the update of its template`;
}

export function sentencesOf(reading: GcpReading, instances: readonly GcpInstance[]): readonly string[] {
  const aside = instances.filter(({ standing }) => standing === "aside").map(({ name }) => name);
  const foreign = instances.filter(({ raw }) => !isKnown(raw));
  const words = [...new Set(foreign.map(({ action, status }) => `${action}/${status ?? "no machine"}`))];
  const said: (string | false)[] = [
    reading.templates.length > 1 &&
      `it rolls out a new instance template (${reading.templates.map((path) => lastPart(path) ?? path).join(", ")})`,
    reading.replacesProactively &&
      reading.templates.length > 1 &&
      "its update policy is PROACTIVE: Google ends busy machines to exchange them; set it to OPPORTUNISTIC",
    reading.healsByCheck &&
      "it has autohealing by a health check: Google ends a machine that fails the check, with everything on it, and makes it anew; take the check away",
    !reading.repairs &&
      "it repairs nothing (defaultActionOnFailure DO_NOTHING): the place of a machine that is preempted stays empty until it is given back",
    reading.isStateful &&
      "it keeps state of its machines (stateful configuration): a machine that is removed loses it",
    aside.length > 0 && `suspended or stopped on purpose and not counted: ${named(aside)}`,
    words.length > 0 && `states that are not known here count as machines: ${words.join(", ")}`,
  ];
  return said.filter((sentence) => sentence !== false);
}

/** Each in words as it sizes the group now; null: it does not. */
export function rivalsOf(
  { at }: GcpReading,
  { autoscaler, nodePool }: { readonly autoscaler: string | null; readonly nodePool: string | null },
): readonly RivalSight[] {
  const own: readonly RivalSight[] =
    autoscaler === null
      ? []
      : [
          {
            rival: "mig-autoscaler",
            detail: `autoscaler ${lastPart(autoscaler) ?? autoscaler} of ${wordsOf(at)}`,
          },
        ];
  return nodePool === null
    ? own
    : [...own, { rival: "gke-autoscaler", detail: `autoscaling of GKE node pool ${nodePool}` }];
}

const NAMED_MAX = 5;

function named(names: readonly string[]): string {
  const rest = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}
