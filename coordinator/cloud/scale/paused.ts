// What stands against a size that an object has, in words for people. Whether Cluster API carries out nothing for a group at the moment: somebody has paused the object by its annotation, or
// the whole Cluster, which its controllers then say in a condition of the object. A new size would be taken and wait.

import type { Condition } from "../../../shared/model/kube.ts";
import { CLUSTER_API } from "../../../shared/model/names.ts";
import type { UnreadObject } from "../../../shared/runtime/kube/resources.ts";

/** In words, with the way out; null: it is not paused. `words` names the group. */
export function pausedBecause({ metadata, status }: UnreadObject, words: string): string | null {
  const so = `so a new size would not be carried out`;
  if (metadata.annotations?.[CLUSTER_API.paused] !== undefined)
    return `${words} is paused, ${so}: take its annotation ${CLUSTER_API.paused} away`;
  const condition = conditionsIn(status).find(({ type }) => type === CLUSTER_API.pausedCondition);
  if (condition?.status !== "True") return null;
  const { message = "" } = condition;
  return `${words} is paused (${message === "" ? "it does not say by what" : message}), ${so}: end the pause there`;
}

/** Of v1beta2 in the status itself, of v1beta1 beside the older ones. */
function conditionsIn(status: unknown): readonly Condition[] {
  const { conditions, v1beta2 } = recordOf(status);
  return [conditions, recordOf(v1beta2)["conditions"]].flatMap((list) =>
    Array.isArray(list) ? (list as readonly unknown[]).filter(isCondition) : [],
  );
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? { ...value } : {};
}

function isCondition(value: unknown): value is Condition {
  const { type, status, message } = recordOf(value);
  return (
    typeof type === "string" &&
    typeof status === "string" &&
    (message === undefined || typeof message === "string")
  );
}

/** Of an object whose `spec.replicas` is no size. */
export function noSize(words: string, replicas: unknown): string {
  return `${words} has no usable spec.replicas (${JSON.stringify(replicas) ?? "it is missing"}): set it to a whole number, 0 or more`;
}
