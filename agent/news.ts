// What the loop and the drain have to say, carried to everybody who listens: the stream in NATS, Kubernetes
// Events as the second channel, metrics and the log. Nothing here waits or throws, since a drain must not stand
// still because nobody can be told of it.

import type { PlannedPod } from "../shared/model/drain-plan.ts";
import { EVENT } from "../shared/model/names.ts";
import type { EvictionClass } from "../shared/model/pod.ts";
import { epochMs, millis } from "../shared/model/units.ts";
import { AppError } from "../shared/runtime/errors.ts";
import type { EventRecord, EventRecorder } from "../shared/runtime/kube/events.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { DrainNews } from "./act/drain.ts";
import { ignoredDetail } from "./assess/interruption.ts";
import type { LoopNews } from "./loop.ts";
import type { EventPublisher } from "./publish/events.ts";
import type { HealthNews } from "./publish/health.ts";
import type { AgentMetrics } from "./publish/metrics/own.ts";

export interface NewsOptions {
  readonly node: string;
  readonly nodeUid: () => string | undefined;
  readonly publisher: Pick<EventPublisher, "notice" | "drain">;
  readonly record: EventRecorder;
  readonly metrics: AgentMetrics;
  readonly log: Log;
  /** The loop has something to look at. */
  readonly onPhase: () => void;
  readonly signal: AbortSignal;
}

const EVENT_DEADLINE = millis(5_000);
/** One for each pod of a full node, and some. */
const EVENTS_WAITING_AT_MOST = 300;

export interface AgentNews extends DrainNews, LoopNews {
  readonly health: HealthNews;
}

export function createNews(options: NewsOptions): AgentNews {
  const { node, publisher, metrics, log, signal } = options;
  /** When each drain was seen, for its length. */
  let drainSeenAt = { id: "", at: epochMs(0) };

  // One at a time: events are a courtesy, and a crowd of them would stand before the evictions at the API server.
  let writing = Promise.resolve();
  let waiting = 0;
  const event = (record: EventRecord): void => {
    if (waiting >= EVENTS_WAITING_AT_MOST) {
      log.warn({ reason: record.reason, count: waiting }, "event not written: too many wait");
      return;
    }
    waiting++;
    writing = writing
      .then(async () => {
        await options.record(record, { signal, deadlineMs: EVENT_DEADLINE });
      })
      .catch((error: unknown) => {
        if (!signal.aborted) log.warn({ error, reason: record.reason }, "event not written");
      })
      .finally(() => {
        waiting--;
      });
  };
  const onNode = (type: EventRecord["type"], reason: string, message: string, sameAs: string): void => {
    event({
      subject: { apiVersion: "v1", kind: "Node", name: node, uid: options.nodeUid() },
      type,
      reason,
      message,
      sameAs,
    });
  };
  const onPod = (pod: PlannedPod, reason: string, message: string): void => {
    const { namespace, name, uid } = pod;
    event({
      subject: { apiVersion: "v1", kind: "Pod", namespace, name, uid },
      type: "Warning",
      reason,
      message,
    });
  };

  return {
    health: {
      fault: ({ rule, gpu, evidence, level, remedy, clears }) => {
        const about = `${gpu ?? "The node's GPUs"}: ${evidence}`;
        onNode(
          "Warning",
          EVENT.gpuFault,
          `${about} (${level}; ${remedy}; over by ${clears})`,
          `${rule} ${gpu ?? ""}`,
        );
      },
      recovered: ({ rule, gpu, evidence }) => {
        onNode(
          "Normal",
          EVENT.gpuRecovered,
          `${gpu ?? "The node's GPUs"}: over is ${evidence}`,
          `${rule} ${gpu ?? ""}`,
        );
      },
    },
    notice: (message) => {
      publisher.notice(message);
      const { id, phase, source, seenAt, deadline, pods } = message;
      if (phase === "cancelled") {
        onNode(
          "Normal",
          EVENT.drillCancelled,
          `The ${source} interruption was called off; marks set by the agent are taken back`,
          `${id} ${phase}`,
        );
        return;
      }
      if (phase === "seen") {
        metrics.inc("gpu_autoscaler_spot_notice_total", { source });
        drainSeenAt = { id, at: epochMs(seenAt) };
      }
      const until = new Date(deadline).toISOString();
      onNode(
        "Warning",
        EVENT.interruption,
        `Interruption (${source}) at ${until}: ${podWords(pods)} to move`,
        `${id} ${phase} ${until}`,
      );
    },
    drain: (report) => {
      publisher.drain(report);
      options.onPhase();
      const { id, phase, cause, at, counts } = report;
      if (phase === "started" && cause === "request") drainSeenAt = { id, at: epochMs(at) };
      if (phase === "drained") {
        if (drainSeenAt.id === id) {
          metrics.observe("gpu_autoscaler_drain_seconds", { cause }, Math.max(0, at - drainSeenAt.at) / 1000);
        }
        onNode(
          "Normal",
          EVENT.drained,
          `Drained: ${counts.evicted} pods evicted, none left to move`,
          `${id} ${phase}`,
        );
      }
      if (phase === "final") {
        const left = counts.evicted - counts.gone + counts.blocked + counts.waiting;
        onNode(
          "Warning",
          EVENT.drained,
          `The deadline came first: ${left} pods left (${counts.blocked} blocked by budgets)`,
          `${id} ${phase}`,
        );
      }
      if (phase === "refused" && report.reading !== undefined) {
        onNode(
          "Normal",
          EVENT.drainRefused,
          `Drain request refused: ${report.reading.detail}`,
          `${id} ${phase}`,
        );
      }
    },
    pod: (pod, outcome) => {
      metrics.inc("gpu_autoscaler_drain_pods_total", { class: pod.class, outcome });
    },
    severalBudgets: (pod, message) => {
      log.warn(
        { pod: pod.key, reason: message },
        "the eviction API refuses this pod for ever: several budgets select it",
      );
      onPod(
        pod,
        EVENT.drainRefused,
        `Cannot be evicted: more than one PodDisruptionBudget selects this pod; leave one of them`,
      );
    },
    unknownPriority: (pod) => {
      log.warn(
        { pod: pod.key, reason: pod.unknownPriority ?? "" },
        "unknown eviction priority, taken as medium",
      );
      onPod(
        pod,
        EVENT.unknownPriority,
        `Eviction priority ${JSON.stringify(pod.unknownPriority?.slice(0, 64))} is not low, medium or high; taken as medium`,
      );
    },
    marked: (_, afterMs) => {
      metrics.observe("gpu_autoscaler_notice_to_cordon_seconds", {}, afterMs / 1000);
    },
    drillIgnored: (ignored) => {
      log.warn({ reason: ignored.code }, "drill ignored");
      metrics.inc("gpu_autoscaler_drills_ignored_total", { reason: ignored.code });
      const detail = ignoredDetail(ignored);
      onNode("Warning", EVENT.drillRefused, detail, detail);
    },
    requestMalformed: (why) => {
      log.warn(
        { error: new AppError("malformed", `drain-request cannot be read: ${why}`) },
        "drain request ignored",
      );
      onNode("Warning", EVENT.drainRefused, `Drain request cannot be read and is ignored: ${why}`, why);
    },
    requestAnswered: (answer) => {
      metrics.inc("gpu_autoscaler_drain_requests_total", { answer });
    },
    reported: (sent) => {
      metrics.inc(sent ? "gpu_autoscaler_reports_sent_total" : "gpu_autoscaler_reports_dropped_total", {});
    },
  };
}

function podWords(pods: Readonly<Record<EvictionClass, number>>): string {
  const parts = Object.entries(pods).filter(([, count]) => count > 0);
  return parts.length === 0
    ? "no pods"
    : `${parts.map(([name, count]) => `${count} ${name}`).join(", ")} pods`;
}
