// Writes on pods when their node goes, for those who read their own annotations as a file. Information and no more: it
// may be denied, late or lost, and nothing waits for it. The kubelet takes up to a minute and a half to show it inside.

import { hasCheckpointHook } from "../../../shared/model/checkpoint-hook.ts";
import { toInstantText } from "../../../shared/model/instant.ts";
import type { Pod } from "../../../shared/model/kube.ts";
import { POD_ANNOTATION } from "../../../shared/model/names.ts";
import { podKey } from "../../../shared/model/pod.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { kindOf } from "../../../shared/runtime/errors.ts";
import type { KubeClient } from "../../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { createTurns } from "./turns.ts";

export interface DeadlineMarks {
  /**
   * Writes the deadline on those of the pods that want to know it; null takes it off those that have it. Returns at once,
   * never throws. Call it after the first evictions have been sent: they need the connections more.
   */
  mark(pods: readonly Pod[], deadline: EpochMs | null): void;
}

/** Evictions go on meanwhile and come first. */
const AT_ONCE = 4;
const PATCH_DEADLINE = millis(5_000);

export function createDeadlineMarks(options: {
  readonly client: Pick<KubeClient, "mergePatch">;
  readonly log: Log;
  readonly signal: AbortSignal;
}): DeadlineMarks {
  const { client, log, signal } = options;
  const turns = createTurns(AT_ONCE);
  /** uid → what we wrote or are about to write: the watch shows it later. */
  const wished = new Map<string, string | null>();
  let isDenied = false;

  const patch = async (pod: Pod, value: string | null): Promise<void> => {
    const { namespace, name, uid } = pod.metadata;
    const giveBack = await turns.take();
    try {
      // Another pod of the same name is another pod; a newer wish is on its way itself.
      if (isDenied || signal.aborted || wished.get(uid ?? "") !== value) return;
      const annotations = { [POD_ANNOTATION.terminationDeadline]: value };
      const body = { metadata: { ...(uid === undefined ? {} : { uid }), annotations } };
      await client.mergePatch(RESOURCE.pods, { namespace, name }, body, {
        signal,
        deadlineMs: PATCH_DEADLINE,
      });
    } catch (error) {
      if (signal.aborted) return;
      wished.delete(uid ?? "");
      if (kindOf(error) === "denied" && !isDenied) {
        // Said once and not tried again: rights do not come back in the minutes that are left.
        isDenied = true;
        log.info({ part: "hooks", error }, "pods are not marked with their deadline; it takes patch on pods");
      } else log.debug({ part: "hooks", pod: podKey(pod), error }, "a pod is not marked with its deadline");
    } finally {
      giveBack();
    }
  };

  return {
    mark: (pods, deadline) => {
      if (isDenied || signal.aborted) return;
      const value = deadline === null ? null : toInstantText(deadline);
      for (const uid of wished.keys()) {
        if (!pods.some(({ metadata }) => metadata.uid === uid)) wished.delete(uid);
      }
      for (const pod of pods) {
        const uid = pod.metadata.uid ?? "";
        const there = pod.metadata.annotations?.[POD_ANNOTATION.terminationDeadline] ?? null;
        const known = wished.has(uid) ? (wished.get(uid) ?? null) : there;
        if (known === value || (value !== null && !wantsDeadline(pod))) continue;
        wished.set(uid, value);
        void patch(pod, value);
      }
    },
  };
}

/** Pods that act on their node's end themselves. */
export function wantsDeadline(pod: Pod): boolean {
  return pod.metadata.annotations?.[POD_ANNOTATION.evictionMode] === "keep" || hasCheckpointHook(pod);
}
