// The pods that stand between a node and its removal, as the API has them at this moment. DaemonSet and static pods
// go with the machine, and a pod whose end is long due hangs on a machine that will never say so.

import { parseInstant } from "../../shared/model/instant.ts";
import type { Pod } from "../../shared/model/kube.ts";
import { isDaemonPod, isFinished, isMirrorPod } from "../../shared/model/pod.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { RESOURCE } from "../../shared/runtime/kube/resources.ts";
import type { ActContext } from "./context.ts";

/** A terminating pod that is there so long after its end hangs; decisions wait as long (fleet/tenants.ts). */
const STUCK_AFTER_MS = 60_000;

export async function occupantsOf(node: string, context: ActContext): Promise<readonly Pod[]> {
  const { items } = await context.client.list(
    RESOURCE.pods,
    { fieldSelector: `spec.nodeName=${node}` },
    context.call(),
  );
  const now = context.clock.now();
  return items.filter(
    (pod) => !isDaemonPod(pod) && !isMirrorPod(pod) && !isFinished(pod) && !isStuck(pod, now),
  );
}

/** The API writes the end of the grace into the deletion's time. */
function isStuck({ metadata }: Pod, now: EpochMs): boolean {
  const endsAt = parseInstant(metadata.deletionTimestamp ?? "");
  return endsAt !== null && now - endsAt > STUCK_AFTER_MS;
}
