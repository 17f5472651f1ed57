// Fields of Kubernetes objects that nodes and pods have alike: conditions and instants. What is not there or cannot
// be read is told apart from what is.

import { parseInstant } from "../../shared/model/instant.ts";
import type { Condition, Node, Pod } from "../../shared/model/kube.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";

export function conditionOf({ status }: Node | Pod, type: string): Condition | undefined {
  return status?.conditions?.find((condition) => condition.type === type);
}

/** Absent where the API has no instant, or none that can be read. */
export function optionalInstant<K extends string>(
  field: K,
  text: string | null | undefined,
): { readonly [F in K]?: EpochMs } {
  const at = parseInstant(text ?? "");
  return at === null ? {} : ({ [field]: at } as { readonly [F in K]: EpochMs });
}

/** An instant that is missing or unreadable counts as the distant past for nobody's benefit: it only makes things older. */
export function instant(text: string | null | undefined): EpochMs {
  return parseInstant(text ?? "") ?? epochMs(0);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
