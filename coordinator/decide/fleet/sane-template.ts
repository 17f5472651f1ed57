// What a group says of the nodes that it makes, made safe to calculate with. A part that cannot be read is one that it
// does not say; nothing of it stands in for anything else.

import type { GroupTemplate } from "../snapshot.ts";
import { isListOf, isRecord, isText, isTexts } from "./sane-form.ts";
import type { Form } from "./sane-form.ts";
import { isTaint } from "./sane-memory.ts";
import { saneAmounts } from "./sane-value.ts";

/** Undefined: the group says nothing. The template itself where all of it is well. */
export function saneTemplate(template: GroupTemplate | undefined): GroupTemplate | undefined {
  if (template === undefined || !isRecord(template)) return undefined;
  const told: GroupTemplate = template;
  const instanceTypes = readable(told.instanceTypes, isListOf(isText));
  const labels = readable(told.labels, isTexts);
  const taints = readable(told.taints, isListOf(isTaint));
  const allocatable = saneAmounts(told.allocatable);
  const isSane =
    instanceTypes === told.instanceTypes &&
    labels === told.labels &&
    taints === told.taints &&
    allocatable === told.allocatable;
  if (isSane) return told;
  return {
    ...(instanceTypes === undefined ? {} : { instanceTypes }),
    ...(labels === undefined ? {} : { labels }),
    ...(taints === undefined ? {} : { taints }),
    ...(allocatable === undefined ? {} : { allocatable }),
  };
}

function readable<T>(value: T | undefined, isWell: Form): T | undefined {
  return isWell(value) ? value : undefined;
}
