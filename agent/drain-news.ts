// What a drain has to say, carried to everybody who listens: the stream in NATS, Kubernetes Events as the second channel,
// metrics and the log. Nothing here waits or throws, since a drain must not stand still because nobody can be told of it.

import type { Checkpoint } from "../shared/contract/checkpoint.ts";
import type { Machine, NoticeMessage } from "../shared/contract/notice.ts";
import type { PlannedPod } from "../shared/model/drain-plan.ts";
import { EVENT } from "../shared/model/names.ts";
import { EVICTION_CLASSES } from "../shared/model/pod.ts";
import { epochMs } from "../shared/model/units.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { DrainNews } from "./act/drain.ts";
import type { HookTarget } from "./act/hooks/hooks.ts";
import type { EventPublisher } from "./publish/events.ts";
import type { AgentMetrics } from "./publish/metrics/own.ts";
import type { NodeEvents } from "./publish/node-events.ts";

export interface DrainNewsOptions {
  readonly publisher: Pick<EventPublisher, "notice" | "drain">;
  readonly events: NodeEvents;
  readonly metrics: AgentMetrics;
  readonly log: Log;
  /** What a reader of a notice wants to know of the node beside it. */
  readonly about: () => { readonly machine: Machine | null; readonly gpus: number };
  /** The loop has something to look at. */
  readonly onPhase: () => void;
}

export interface HookNews {
  readonly checkpoint: (target: HookTarget, result: Checkpoint) => void;
}

export function createDrainNews(options: DrainNewsOptions): DrainNews & HookNews {
  const { publisher, events, metrics, log } = options;
  /** When each drain was seen, for its length. */
  let drainSeenAt = { id: "", at: epochMs(0) };

  return {
    notice: (message) => {
      const { machine, gpus } = options.about();
      publisher.notice({ ...message, gpus, ...(machine === null ? {} : { machine }) });
      const { id, phase, source, seenAt } = message;
      if (phase === "seen") {
        metrics.inc("gpu_autoscaler_spot_notice_total", { source });
        drainSeenAt = { id, at: epochMs(seenAt) };
      }
      if (phase === "survived") metrics.inc("gpu_autoscaler_interruptions_survived_total", { source });
      const [type, reason, text] = noticeWords(message);
      const until = phase === "seen" || phase === "superseded" ? ` ${message.deadline}` : "";
      events.onNode(type, reason, text, `${id} ${phase}${until}`);
    },
    drain: (report) => {
      publisher.drain(report);
      options.onPhase();
      const { id, phase, cause, at, counts } = report;
      const { forced = 0, kept = 0 } = counts;
      if (phase === "started" && cause === "request") drainSeenAt = { id, at: epochMs(at) };
      if (phase === "drained") {
        if (drainSeenAt.id === id)
          metrics.observe("gpu_autoscaler_drain_seconds", { cause }, Math.max(0, at - drainSeenAt.at) / 1000);
        const more = [
          ...(forced > 0 ? [`${forced} of them past their budgets`] : []),
          ...(kept > 0 ? [`${kept} left where they are`] : []),
        ];
        events.onNode(
          "Normal",
          EVENT.drained,
          `Drained: ${[`${counts.evicted} pods evicted`, ...more, "none left to move"].join(", ")}`,
          `${id} ${phase}`,
        );
      }
      if (phase === "final") {
        const left = counts.evicted - counts.gone + counts.blocked + counts.waiting;
        metrics.inc("gpu_autoscaler_drains_unfinished_total", { cause });
        events.onNode(
          "Warning",
          EVENT.drained,
          [
            `The deadline came first: ${left} pods left (${counts.blocked} blocked by budgets)`,
            ...(kept > 0 ? [`${kept} are not to be moved`] : []),
          ].join(", "),
          `${id} ${phase}`,
        );
      }
      if (phase === "refused" && report.reading !== undefined) {
        events.onNode(
          "Normal",
          EVENT.drainRefused,
          `Drain request refused: ${report.reading.detail}`,
          `${id} ${phase}`,
        );
      }
    },
    pod: (pod, outcome) => {
      metrics.inc("gpu_autoscaler_drain_pods_total", { class: pod.class, outcome });
      if (outcome === "forced")
        events.onPod(
          pod,
          "Warning",
          EVENT.forced,
          "Deleted past its PodDisruptionBudgets: its node goes, and there was no more time to wait for them",
        );
    },
    severalBudgets: (pod, message) => {
      log.warn(
        { pod: pod.key, reason: message },
        "the eviction API refuses this pod for ever: several budgets select it",
      );
      events.onPod(
        pod,
        "Warning",
        EVENT.drainRefused,
        "Cannot be evicted: more than one PodDisruptionBudget selects this pod; leave one of them",
      );
    },
    unknownPriority: (pod: PlannedPod) => {
      log.warn(
        { pod: pod.key, reason: pod.unknownPriority ?? "" },
        "unknown eviction priority, taken as medium",
      );
      events.onPod(
        pod,
        "Warning",
        EVENT.unknownPriority,
        `Eviction priority ${JSON.stringify(pod.unknownPriority?.slice(0, 64))} is not low, medium or high; taken as medium`,
      );
    },
    marked: (_, afterMs) => {
      metrics.observe("gpu_autoscaler_notice_to_cordon_seconds", {}, afterMs / 1000);
    },
    checkpoint: (target, checkpoint) => {
      const { result, tookMs } = checkpoint;
      metrics.observe("gpu_autoscaler_checkpoint_seconds", { result }, tookMs / 1000);
      const [type, reason, text] = checkpointWords(checkpoint);
      events.onPod(target, type, reason, text);
    },
  };
}

type Words = readonly ["Normal" | "Warning", string, string];

function noticeWords({ phase, source, deadline, pods }: Omit<NoticeMessage, "v" | "node">): Words {
  switch (phase) {
    case "cancelled":
      return source === "drill"
        ? [
            "Normal",
            EVENT.drillCancelled,
            "The drill was called off; the agent's marks go unless something else empties the node",
          ]
        : [
            "Normal",
            EVENT.interruptionCancelled,
            `The interruption (${source}) does not hold any more; the agent's marks go unless something else empties the node`,
          ];
    case "survived":
      return [
        "Warning",
        EVENT.survived,
        `The machine still runs a minute after its announced end (${source}); the node stays cordoned until its cloud takes the notice back`,
      ];
    case "seen":
    case "superseded":
      return [
        "Warning",
        EVENT.interruption,
        `Interruption (${source}) at ${new Date(deadline).toISOString()}: ${podWords(pods)} to move`,
      ];
  }
}

function checkpointWords({ result, tookMs, step, uri, detail }: Checkpoint): Words {
  const took = `${(tookMs / 1000).toFixed(1)} s`;
  switch (result) {
    case "saved": {
      const what = [...(step === undefined ? [] : [`step ${step}`]), ...(uri === undefined ? [] : [uri])];
      return ["Normal", EVENT.checkpoint, ["Saved its state", ...what, `after ${took}`].join(", ")];
    }
    case "no-hook":
      return ["Normal", EVENT.checkpointFailed, `Nobody takes the call to save: ${detail ?? "no answer"}`];
    case "refused":
      return ["Warning", EVENT.checkpointRefused, detail ?? "The checkpoint hook is not called"];
    case "failed":
    case "late":
      return [
        "Warning",
        EVENT.checkpointFailed,
        `Did not save (${result}, ${took}): ${detail ?? "no reason"}`,
      ];
  }
}

function podWords(pods: NoticeMessage["pods"]): string {
  const counts = EVICTION_CLASSES.map((name) => [name, pods[name]] as const).filter(([, count]) => count > 0);
  return counts.length === 0
    ? "no pods"
    : `${counts.map(([name, count]) => `${count} ${name}`).join(", ")} pods`;
}
