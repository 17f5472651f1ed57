// Kubernetes Events about moves, on the policy and, where one node is meant, on the node. They are a courtesy to
// people who type `kubectl describe`: one that cannot be written costs a log line and nothing else.

import { EVENT, POLICY } from "../../shared/model/names.ts";
import type { Millis } from "../../shared/model/units.ts";
import type { EventRecord, EventRecorder, EventSubject } from "../../shared/runtime/kube/events.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Move, Plan } from "../decide/plan.ts";
import { explainMove } from "./explain.ts";
import type { MoveReport } from "./move-report.ts";

export interface EventsOptions {
  readonly record: EventRecorder;
  readonly log: Log;
}

export interface ReportCall {
  readonly signal: AbortSignal;
  readonly deadlineMs: Millis;
}

/** Tells each move's end once: what was begun and is still going has been told when it began. */
export async function reportMoves(
  done: readonly MoveReport[],
  plan: Plan,
  uidOf: (policy: string) => string | undefined,
  call: ReportCall,
  options: EventsOptions,
): Promise<void> {
  const planned = new Map(plan.moves.map((move) => [move.key, move]));
  const events = done.flatMap((report) =>
    eventsOf(report, planned.get(report.move.key), uidOf(report.policy)).map((event) => ({ report, event })),
  );
  // Beside each other: hundreds of moves in one cycle must not hold up the next one.
  await Promise.all(
    events.map(async ({ report, event }) => {
      try {
        await options.record(event, call);
      } catch (error) {
        call.signal.throwIfAborted();
        options.log.warn({ policy: report.policy, move: report.move.key, error }, "cannot write an event");
      }
    }),
  );
}

function eventsOf(
  { policy, move, outcome }: MoveReport,
  planned: Move | undefined,
  uid: string | undefined,
): readonly EventRecord[] {
  const onPolicy: EventSubject = { apiVersion: POLICY.apiVersion, kind: POLICY.kind, name: policy, uid };
  const onNode: EventSubject | null =
    // As the kubelet does: `kubectl describe node` asks for events by the node's name in the place of a uid.
    move.node === undefined ? null : { apiVersion: "v1", kind: "Node", name: move.node, uid: move.node };
  const subjects = onNode === null ? [onPolicy] : [onPolicy, onNode];
  const words =
    planned === undefined
      ? `${move.kind} of pool ${move.pool} from ${move.from} to ${move.to}`
      : explainMove(planned);
  const all = (type: EventRecord["type"], reason: string, message: string): readonly EventRecord[] =>
    subjects.map((subject) => ({
      subject,
      type,
      reason,
      message,
      sameAs: `${move.key} ${move.from} ${move.to}`,
    }));

  switch (outcome.kind) {
    case "applied":
      return all(
        "Normal",
        EVENT[move.kind],
        outcome.detail === undefined ? words : `${words} (${outcome.detail})`,
      );
    case "failed":
      // A refusal of an agent is its good right, not a fault.
      return outcome.detail?.startsWith("the agent refused") === true
        ? all("Normal", EVENT.drainRefused, `${words}: ${outcome.detail}`)
        : all("Warning", EVENT.moveFailed, `${words}: ${outcome.detail ?? "no detail"}`);
    case "draining":
      return planned === undefined ? [] : all("Normal", EVENT.drainRequested, words);
    case "reached":
    case "unsettled":
    case "put-off":
      return [];
    default:
      return outcome.kind satisfies never;
  }
}
