// What the agent has to say of what it sees and is asked, carried to the stream in NATS, to Kubernetes Events, metrics and
// the log. Nothing here waits or throws. What a drain says on its way is publish/drain-news.ts.

import type { Hint } from "../shared/model/interruption.ts";
import { EVENT } from "../shared/model/names.ts";
import { epochMs } from "../shared/model/units.ts";
import { AppError } from "../shared/runtime/errors.ts";
import type { EventRecorder } from "../shared/runtime/kube/events.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { DrainNews } from "./act/drain.ts";
import type { HintNews } from "./act/hints.ts";
import { ignoredDetail } from "./assess/drill.ts";
import { createDrainNews } from "./drain-news.ts";
import type { DrainNewsOptions, HookNews } from "./drain-news.ts";
import type { LoopNews } from "./loop.ts";
import type { HealthNews } from "./publish/health.ts";
import { createNodeEvents } from "./publish/node-events.ts";

export interface NewsOptions extends Omit<DrainNewsOptions, "events"> {
  readonly node: string;
  readonly nodeUid: () => string | undefined;
  readonly record: EventRecorder;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface AgentNews extends DrainNews, HookNews, HintNews, LoopNews {
  readonly health: HealthNews;
}

/** The notice of a hint says nothing of pods: nobody is moved for it. */
const NOBODY = { low: 0, medium: 0, high: 0, system: 0 } as const;

export function createNews(options: NewsOptions): AgentNews {
  const { publisher, metrics, log } = options;
  const events = createNodeEvents(options);

  return {
    ...createDrainNews({ ...options, events }),
    health: {
      fault: ({ rule, gpu, evidence, level, remedy, clears }) => {
        const about = `${gpu ?? "The node's GPUs"}: ${evidence}`;
        events.onNode(
          "Warning",
          EVENT.gpuFault,
          `${about} (${level}; ${remedy}; over by ${clears})`,
          `${rule} ${gpu ?? ""}`,
        );
      },
      recovered: ({ rule, gpu, evidence }) => {
        events.onNode(
          "Normal",
          EVENT.gpuRecovered,
          `${gpu ?? "The node's GPUs"}: over is ${evidence}`,
          `${rule} ${gpu ?? ""}`,
        );
      },
    },
    hint: (hint, phase) => {
      const { id, source, kind, seenAt, at, action, endsMachine } = hint;
      const { machine, gpus } = options.about();
      publisher.notice({
        id,
        phase,
        source,
        kind,
        action,
        endsMachine,
        seenAt,
        deadline: epochMs(at ?? seenAt),
        replace: false,
        pods: NOBODY,
        gpus,
        ...(machine === null ? {} : { machine }),
      });
      if (phase === "seen") metrics.inc("gpu_autoscaler_interruption_hints_total", { source, kind });
      log.info({ phase, source, reason: `${kind} ${action}` }, "interruption hint");
      events.onNode("Normal", EVENT.interruptionHint, hintWords(hint, phase), `${id} ${phase}`);
    },
    drillIgnored: (ignored) => {
      log.warn({ reason: ignored.code }, "drill ignored");
      metrics.inc("gpu_autoscaler_drills_ignored_total", { reason: ignored.code });
      const detail = ignoredDetail(ignored);
      events.onNode("Warning", EVENT.drillRefused, detail, detail);
    },
    drillHeld: (permit) => {
      const reason = permit.code;
      log.warn({ reason }, "drill not held");
      metrics.inc("gpu_autoscaler_drills_ignored_total", { reason });
      events.onNode("Warning", EVENT.drillRefused, permit.detail, permit.detail);
    },
    calledOff: (why) => {
      log.info({ reason: why }, "interruption called off");
    },
    otherDrainer: (taint) => {
      log.warn({ reason: taint }, "another drainer empties this node too");
      events.onNode(
        "Warning",
        EVENT.otherDrainer,
        `Another drainer is at work here (taint ${taint}); evictions compose, but let one of them cordon and uncordon`,
        taint,
      );
    },
    requestMalformed: (why) => {
      log.warn(
        { error: new AppError("malformed", `drain-request cannot be read: ${why}`) },
        "drain request ignored",
      );
      events.onNode(
        "Warning",
        EVENT.drainRefused,
        `Drain request cannot be read and is ignored: ${why}`,
        why,
      );
    },
    requestAnswered: (answer) => {
      metrics.inc("gpu_autoscaler_drain_requests_total", { answer });
    },
    reported: (sent) => {
      metrics.inc(sent ? "gpu_autoscaler_reports_sent_total" : "gpu_autoscaler_reports_dropped_total", {});
    },
  };
}

function hintWords({ kind, source, action, at }: Hint, phase: "seen" | "cancelled"): string {
  const what = kind === "rebalance" ? "may be taken soon" : "has its host worked on";
  const when = at === null ? "" : ` at ${new Date(at).toISOString()}`;
  return phase === "seen"
    ? `The machine ${what}${when} (${source}: ${action}); pods with a checkpoint hook are told, nobody is evicted`
    : `Over: the machine ${what} (${source}: ${action})`;
}
