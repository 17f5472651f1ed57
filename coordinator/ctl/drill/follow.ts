// Follows a drill by two watches, of the node and of its pods, and tells what changes as it changes. It sees and asks for
// nothing else, but for budgets when pods are late, and for the agent's events when it says nothing.

import type { Node, Pod, PodDisruptionBudget } from "../../../shared/model/kube.ts";
import type { Random } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { ErrorKind } from "../../../shared/runtime/errors.ts";
import type { KubeClient, Watcher } from "../../../shared/runtime/kube/client.ts";
import { RESOURCE } from "../../../shared/runtime/kube/resources.ts";
import { createObjectStore, runStore } from "../../../shared/runtime/kube/store.ts";
import { watch } from "../../../shared/runtime/kube/watch.ts";
import type { WatchEvent } from "../../../shared/runtime/kube/watch.ts";
import { createPulse } from "../../../shared/runtime/stream.ts";
import { ANSWER_WITHIN_MS, budgetsNow, noAnswer } from "./asides.ts";
import type { DrillEvent, DrillReport } from "./events.ts";
import { createProgress } from "./progress.ts";
import type { DrillEnd } from "./progress.ts";

export interface FollowOptions {
  readonly client: Watcher & Pick<KubeClient, "list">;
  readonly node: string;
  /** Called once both watches show what is there, so that nothing that follows from it is missed. Returns when it goes. */
  readonly begin: () => Promise<EpochMs>;
  /** Id of a state that stood on the node before. */
  readonly earlier: string | null;
  /** `held`: no further than to the agent's first word. */
  readonly until: "held" | "end";
  readonly tell: (event: DrillEvent) => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Somebody does not want to look any longer. */
  readonly signal: AbortSignal;
}

export type FollowEnd =
  | Exclude<DrillEnd, { readonly kind: "done" }>
  | { readonly kind: "held" }
  | { readonly kind: "done"; readonly report: DrillReport }
  /** No agent has answered, or it has not told the end. */
  | { readonly kind: "silent"; readonly detail: string }
  | { readonly kind: "interrupted" };

/** The end is told a second before the deadline. */
const END_WITHIN_MS = 30_000;
/** Before anything is asked for, what there is has to be seen. */
const SEEN_WITHIN_MS = 15_000;
const LOOK_MS = millis(500);
const BUDGETS_EACH_MS = 2_000;
const SETTLE_DEADLINE = millis(5_000);

/** @throws AppError denied when the nodes or pods may not be read, and what `begin` throws. */
export async function follow(options: FollowOptions): Promise<FollowEnd> {
  const { client, node, clock, tell } = options;
  const over = new AbortController();
  const signal = AbortSignal.any([options.signal, over.signal]);
  const pulse = createPulse(clock);
  const progress = createProgress({ earlier: options.earlier });
  let denied = false;
  let away = false;
  let why = "no answer";
  let budgets: readonly PodDisruptionBudget[] | null = null;
  let begun = false;

  const look = (): void => {
    if (!begun) return;
    for (const event of progress.look({
      node: nodes.synced ? nodes.get({ name: node }) : null,
      pods: pods.synced ? pods.values() : null,
      budgets,
      now: clock.now(),
    }))
      tell(event);
  };
  const onEvent = (event: WatchEvent<Node> | WatchEvent<Pod>): void => {
    if (event.kind === "stale") why = event.why;
    if (event.kind === "stale" && !away && begun) tell({ kind: "away", why: event.why });
    if (event.kind === "live" && away) tell({ kind: "back" });
    if (event.kind === "stale" || event.kind === "live") away = event.kind === "stale";
    look();
    pulse.trigger();
  };
  const onTrouble = (kind: ErrorKind): void => {
    denied ||= kind === "denied";
    pulse.trigger();
  };
  const watching = { clock, random: options.random, signal, onTrouble };
  const nodes = createObjectStore<Node>({ onChange: onEvent });
  const pods = createObjectStore<Pod>({ onChange: onEvent });
  const running = [
    runStore(watch(client, RESOURCE.nodes, { fieldSelector: `metadata.name=${node}` }, watching), nodes),
    runStore(watch(client, RESOURCE.pods, { fieldSelector: `spec.nodeName=${node}` }, watching), pods),
  ];
  const wait = async (): Promise<void> => {
    await pulse.next({ minGapMs: millis(0), maxWaitMs: LOOK_MS, signal: options.signal });
    if (denied) throw mayNot(node);
  };

  try {
    // 1. See what is there, then begin.
    const calledAt = clock.monotonic();
    while (!nodes.synced || !pods.synced) {
      if (clock.monotonic() - calledAt > SEEN_WITHIN_MS)
        throw new AppError(
          "unavailable",
          `the node and its pods cannot be watched: ${why}; nothing was asked for`,
        );
      await wait();
    }
    progress.before(pods.values());
    const deadline = await options.begin();
    begun = true;
    const beganAt = clock.monotonic();
    look();

    // 2. Tell what happens, until the end of it.
    let askedEvents = false;
    let budgetsAt = Number.NEGATIVE_INFINITY;
    for (;;) {
      if (progress.end !== null) break;
      if (progress.state !== null && options.until === "held") return { kind: "held" };
      const waitedMs = clock.monotonic() - beganAt;
      if (progress.state === null && waitedMs >= ANSWER_WITHIN_MS && !askedEvents) {
        askedEvents = true;
        const detail = await noAnswer(options, clock.now() - waitedMs);
        if (options.until === "held") return { kind: "silent", detail };
        tell({ kind: "no-answer", detail });
      }
      const endsAt = progress.state?.deadline ?? deadline;
      if (clock.now() > endsAt + END_WITHIN_MS)
        return { kind: "silent", detail: "its time has passed and its agent has not told the end" };
      if (progress.isLate(clock.now()) && clock.monotonic() - budgetsAt >= BUDGETS_EACH_MS) {
        budgetsAt = clock.monotonic();
        budgets = await budgetsNow(options, budgets);
        look();
      }
      await wait();
      look();
    }

    // 3. The node may have told the end before its last pods were seen to go.
    const { end } = progress;
    if (end.kind !== "done") return end;
    const last = await client.list(
      RESOURCE.pods,
      { fieldSelector: `spec.nodeName=${node}` },
      { signal: options.signal, deadlineMs: SETTLE_DEADLINE },
    );
    for (const event of progress.look({
      node: nodes.get({ name: node }),
      pods: last.items,
      budgets,
      now: clock.now(),
    }))
      tell(event);
    const report = progress.report(node);
    if (report === null) throw new AppError("bug", `the drill of ${node} ended and was never held`);
    tell({ kind: "report", report });
    return { kind: "done", report };
  } catch (error) {
    if (options.signal.aborted) return { kind: "interrupted" };
    throw error;
  } finally {
    over.abort();
    await Promise.allSettled(running);
  }
}

function mayNot(node: string): AppError {
  return new AppError(
    "denied",
    `the drill of ${node} cannot be followed: you need list and watch on nodes and on pods`,
  );
}
