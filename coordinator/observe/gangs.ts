// Which pods have to run together, by what the projects that make such pods write on them. Where several speak, the
// one that the scheduler obeys comes first. How many have to run stands on the pod or in an object of its kind
// (gang-objects.ts); where nobody says, the number is null and never guessed.

import type { Pod } from "../../shared/model/kube.ts";
import { GANG_ANNOTATION, GANG_LABEL, POD_ANNOTATION } from "../../shared/model/names.ts";
import type { GangInput } from "../decide/snapshot-pod.ts";
import type { GangKind, GangObjects } from "./gang-objects.ts";

export interface GangReading {
  /** Absent: the pod runs alone, or one of its group may. */
  readonly gang?: GangInput;
  /** Whether an object beside the pod has a say, so that the answer may change while the pod does not. */
  readonly fromObject: boolean;
}

/** What one project says. `minimum`: a number of pods, null when nobody says, or the object that says it. */
interface Claim {
  readonly source: GangInput["source"];
  /** Names of two projects may be the same, so the project is part of the id. */
  readonly id: string;
  readonly minimum: number | null | { readonly kind: GangKind; readonly name: string };
}

const ALONE: GangReading = { fromObject: false };

export function gangOf(pod: Pod, objects: Pick<GangObjects, "minimum">): GangReading {
  const claim = claimOf(pod);
  if (claim === null) return ALONE;
  const fromObject = typeof claim.minimum === "object" && claim.minimum !== null;
  const minimum = fromObject
    ? objects.minimum(claim.minimum.kind, pod.metadata.namespace ?? "default", claim.minimum.name)
    : claim.minimum;
  if (minimum !== null && minimum <= 1) return { fromObject };
  return { gang: { id: claim.id, minimum, source: claim.source }, fromObject };
}

function claimOf(pod: Pod): Claim | null {
  const { namespace = "default", labels = {}, annotations = {} } = pod.metadata;
  const named = (kind: string, name: string): string => `${kind} ${namespace}/${name}`;

  const podGroup = labels[GANG_LABEL.podGroup];
  if (isName(podGroup))
    return {
      source: "PodGroup",
      id: named("PodGroup", podGroup),
      minimum: { kind: "podGroup", name: podGroup },
    };

  const volcano =
    annotations[GANG_ANNOTATION.volcanoPodGroup] ?? annotations[GANG_ANNOTATION.newVolcanoPodGroup];
  if (isName(volcano))
    return {
      source: "PodGroup",
      id: named("volcano PodGroup", volcano),
      minimum: { kind: "volcanoPodGroup", name: volcano },
    };

  const set = labels[GANG_LABEL.leaderWorkerSet];
  const group = labels[GANG_LABEL.leaderWorkerGroup] ?? labels[GANG_LABEL.leaderWorkerKey];
  if (isName(set) && isName(group))
    return {
      source: "LeaderWorkerSet",
      id: named("LeaderWorkerSet", `${set}/${group}`),
      minimum: countIn(annotations[GANG_ANNOTATION.leaderWorkerSize]),
    };

  const jobSet = labels[GANG_LABEL.jobSet];
  if (isName(jobSet))
    return {
      source: "JobSet",
      id: named("JobSet", `${jobSet}/${labels[GANG_LABEL.jobSetAttempt] ?? "0"}`),
      minimum: { kind: "jobSet", name: jobSet },
    };

  const kueue = labels[GANG_LABEL.kueueGroup];
  if (isName(kueue))
    return {
      source: "Kueue",
      id: named("Kueue", kueue),
      minimum: countIn(annotations[GANG_ANNOTATION.kueueSize]),
    };

  const ours = annotations[POD_ANNOTATION.gang];
  if (isName(ours))
    return {
      source: "annotation",
      id: named("gang", ours),
      minimum: countIn(annotations[POD_ANNOTATION.gangSize]),
    };
  return null;
}

function isName(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

/** Null for what is no count: a size with a typing error is not known. */
function countIn(text: string | undefined): number | null {
  return text !== undefined && /^[1-9]\d{0,5}$/.test(text) ? Number(text) : null;
}
