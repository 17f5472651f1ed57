// What is done about the end of this machine, brought together: the metadata that tells of it, the pods that save their
// state, the drain, hints, and a gang's word from elsewhere. It only ties these to one another; what counts is decided in
// assess, when it is looked at is the loop's business.

import { checkpointHookOf } from "../shared/model/checkpoint-hook.ts";
import type { Node, Pod } from "../shared/model/kube.ts";
import { NODE_ANNOTATION } from "../shared/model/names.ts";
import type { Random } from "../shared/model/random.ts";
import { epochMs, millis } from "../shared/model/units.ts";
import type { EpochMs } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { KubeClient } from "../shared/runtime/kube/client.ts";
import type { Log } from "../shared/runtime/log.ts";
import type { Nats } from "../shared/runtime/nats.ts";
import type { SettingValues } from "../shared/runtime/settings.ts";
import { createDrainer } from "./act/drain.ts";
import type { Drainer } from "./act/drain.ts";
import { createHintKeeper } from "./act/hints.ts";
import type { HintKeeper } from "./act/hints.ts";
import { createDeadlineMarks } from "./act/hooks/deadline-mark.ts";
import { callPod } from "./act/hooks/exchange.ts";
import type { Hooks } from "./act/hooks/hooks.ts";
import { hookTargets } from "./act/hooks/targets.ts";
import { createHooks } from "./act/hooks/telling.ts";
import { createMarker } from "./act/marker.ts";
import { hearPeers } from "./act/peers.ts";
import { createRemover } from "./act/remove.ts";
import { isNoticeOf } from "./assess/interruption.ts";
import type { AgentNews } from "./news.ts";
import type { AgentMetrics } from "./publish/metrics/own.ts";
import { createDrillPermit } from "./sample/drill-permit.ts";
import type { AskPermit } from "./sample/drill-permit.ts";
import type { MetadataWatch } from "./sample/metadata/source.ts";
import type { OwnPods } from "./sample/pods.ts";
import type { AGENT_SETTINGS } from "./settings.ts";

const AFTER_EVICTIONS = millis(1_000);

export interface InterruptionsOptions {
  readonly values: SettingValues<typeof AGENT_SETTINGS>;
  readonly metadata: Pick<MetadataWatch, "acknowledge" | "sightings">;
  readonly kube: KubeClient;
  readonly nats: Nats;
  readonly ownNode: () => Node | undefined;
  readonly pods: OwnPods["store"];
  readonly news: AgentNews;
  readonly metrics: AgentMetrics;
  /** When the stream had the notice of this id; null while it has not. */
  readonly publishedAt: (id: string) => EpochMs | null;
  /** The loop has something to look at. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
}

export interface Interruptions {
  readonly drainer: Drainer;
  readonly hints: HintKeeper;
  readonly permit: AskPermit;
}

export function attendToInterruptions(options: InterruptionsOptions): Interruptions {
  const { values, kube, nats, pods, news, metrics, clock, random, log, signal } = options;
  const node = values.nodeName;
  const self = values.podName === null ? null : `${values.podNamespace ?? kube.namespace}/${values.podName}`;

  // 1. Pods that want to be told.
  const hookOf = values.checkpointHooks
    ? (pod: Pod) =>
        checkpointHookOf(pod, { exec: values.checkpointExec, loopback: values.checkpointLoopback })
    : () => null;
  const hooks: Hooks = createHooks({
    http: callPod,
    exec: values.checkpointExec ? kube.exec : null,
    isThere: (uid) => pods.values().some(({ metadata }) => metadata.uid === uid),
    onResult: (target, _, checkpoint) => {
      news.checkpoint(target, checkpoint);
    },
    onChange: () => {
      drainer.podsChanged();
    },
    clock,
    log,
    signal,
  });
  const targets = () => hookTargets(pods.values(), hookOf, self);
  const deadlines = createDeadlineMarks({ client: kube, log, signal });
  /** Evictions come first: they need the connections more. */
  const tellLater = (id: string, deadline: EpochMs): void => {
    clock.sleep(AFTER_EVICTIONS, signal).then(
      () => {
        if (drainer.notice?.id === id) deadlines.mark(pods.values(), deadline);
      },
      () => {}, // the agent ends
    );
  };

  /** The cloud knows its event by the id of what was seen, and not by that of the notice that was made of it. */
  const acknowledge = (id: string): void => {
    for (const one of options.metadata.sightings)
      if (isNoticeOf(id, one)) options.metadata.acknowledge(one.id);
  };

  // 2. The node's marks, and the drain behind them.
  const marker = createMarker({
    client: kube,
    node,
    known: options.ownNode,
    leaveLoadBalancers: values.leaveLoadBalancers,
    clock,
    random,
    log,
    signal,
  });
  const drainer = createDrainer({
    marker,
    news: {
      ...news,
      notice: (message) => {
        news.notice(message);
        if (message.phase === "superseded") tellLater(message.id, epochMs(message.deadline));
      },
      drain: (report) => {
        news.drain(report);
        const { id, phase, cause, deadline } = report;
        if (cause !== "notice") return;
        if (phase === "drained") acknowledge(id);
        if (phase === "started") tellLater(id, epochMs(deadline));
        if (phase === "cancelled") deadlines.mark(pods.values(), null);
      },
    },
    pods,
    self,
    evict: kube.evict,
    remove: createRemover({ client: kube, clock, log }),
    hooks,
    hookOf,
    moveUnmanaged: () => options.ownNode()?.metadata.annotations?.[NODE_ANNOTATION.drillUnmanaged] === "true",
    publishedAt: options.publishedAt,
    clock,
    random,
    log,
  });

  // 3. Hints, and what the coordinator says of a gang elsewhere.
  const hints = createHintKeeper({ marker, hooks, targets, news, now: clock.now });
  hearPeers({
    nats,
    node,
    subjectRoot: values.subjectRoot,
    hooks,
    targets,
    now: clock.now,
    onTold: ({ id, interrupted }, count) => {
      metrics.inc("gpu_autoscaler_peer_words_total", { outcome: count > 0 ? "told" : "nobody" });
      log.info({ reason: id, from: interrupted, count }, "a gang loses a node elsewhere");
    },
    onRefused: (code, detail) => {
      metrics.inc("gpu_autoscaler_peer_words_total", { outcome: "refused" });
      log.warn({ reason: `${code}: ${detail}` }, "a word of the coordinator is refused");
    },
    signal,
  }).catch((error: unknown) => {
    if (!signal.aborted) log.error({ part: "peers", error }, "the coordinator is heard no longer");
  });

  return {
    drainer,
    hints,
    permit: createDrillPermit({ client: kube, node, clock, onChange: options.onChange, signal }),
  };
}
