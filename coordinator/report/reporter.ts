// Tells the outside what a cycle found and did: metrics at once, the status of each policy when it says something
// new, events for moves. Nothing here can change what was decided; what cannot be told is told by the next cycle.

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { takesNode } from "../../shared/model/interruption.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { kindOf } from "../../shared/runtime/errors.ts";
import type { EventRecord, EventRecorder } from "../../shared/runtime/kube/events.ts";
import type { Log } from "../../shared/runtime/log.ts";
import type { Plan } from "../decide/plan.ts";
import type { Snapshot } from "../decide/snapshot.ts";
import type { Rate } from "../money/rate.ts";
import { reportMoves } from "./events.ts";
import type { ReportCall } from "./events.ts";
import type { PolicyForecast } from "./forecast-verdict.ts";
import { recordConditions } from "./metrics-pools.ts";
import { recordCycle, recordMove } from "./metrics.ts";
import type { CoordinatorMetrics } from "./metrics.ts";
import type { MoveReport } from "./move-report.ts";
import { savedEvents } from "./saved.ts";
import { isOfSpot } from "./spot-notice.ts";
import { nextStatus } from "./status.ts";

/** One cycle, after its acts. */
export interface Cycle {
  readonly snapshot: Snapshot;
  readonly plan: Plan;
  readonly done: readonly MoveReport[];
}

export interface Reporter {
  report(cycle: Cycle, call: () => ReportCall): Promise<void>;
}

export interface ReporterOptions {
  readonly metrics: CoordinatorMetrics;
  readonly record: EventRecorder;
  readonly log: Log;
  /** The one writer of a policy's status. Returns the status that stands then. */
  readonly changeStatus: (
    policy: string,
    change: (status: PolicyStatus) => PolicyStatus,
    call: ReportCall,
  ) => Promise<PolicyStatus>;
  readonly identityOf: (policy: string) => {
    readonly uid: string | undefined;
    readonly generation: number | undefined;
  };
  /** What is expected of a policy's demand. Absent: nobody forecasts. */
  readonly forecastOf?: (policy: string) => PolicyForecast | null;
  /** What its machines cost, as it was counted at that moment; null: it was not. Absent: nobody counts. */
  readonly rateOf?: (policy: string, at: EpochMs) => Rate | null;
}

/** Notices whose count is remembered; one that comes again after so many others counts again. */
const MAX_COUNTED = 1_000;

export function createReporter({
  metrics,
  record,
  log,
  changeStatus,
  identityOf,
  forecastOf = () => null,
  rateOf = () => null,
}: ReporterOptions): Reporter {
  const writtenAt = new Map<string, EpochMs>();
  const counted = new Set<string>();
  /** Interruption → pods of which it has been told that they saved. */
  const saved = new Map<string, number>();

  /** Policy → what its status says, or was to say where it could not be written. */
  const conditions = new Map<string, PolicyStatus["conditions"]>();

  return {
    report: async ({ snapshot, plan, done }, call) => {
      // 1. Metrics, which cost no call.
      recordCycle(metrics, snapshot, plan);
      for (const one of done) recordMove(metrics, snapshot, one);
      countInterruptions(snapshot);

      // 2. Status of each policy, beside each other: a policy that hangs holds up no other.
      await Promise.all(
        snapshot.policies.map(async (policy) => await reportStatus(policy, { snapshot, plan, done }, call())),
      );
      const names = new Set(snapshot.policies.map(({ name }) => name));
      for (const gone of [...conditions.keys()].filter((name) => !names.has(name))) conditions.delete(gone);
      recordConditions(metrics, conditions);

      // 3. Events.
      const uidOf = (policy: string): string | undefined => identityOf(policy).uid;
      await reportMoves(done, plan, uidOf, call(), { record, log });
      await reportSaved(savedEvents(snapshot, uidOf, saved), call());
    },
  };

  async function reportStatus(
    policy: Snapshot["policies"][number],
    cycle: Cycle,
    call: ReportCall,
  ): Promise<void> {
    const { generation } = identityOf(policy.name);
    let wrote = false;
    const change = (status: PolicyStatus): PolicyStatus => {
      const next = nextStatus(status, {
        ...cycle,
        policy,
        generation,
        writtenAt: writtenAt.get(policy.name) ?? null,
        forecast: forecastOf(policy.name),
        rate: rateOf(policy.name, cycle.plan.at),
      });
      wrote = next !== status;
      conditions.set(policy.name, next.conditions);
      return next;
    };
    try {
      await changeStatus(policy.name, change, call);
      if (wrote || !writtenAt.has(policy.name)) writtenAt.set(policy.name, cycle.plan.at);
    } catch (error) {
      call.signal.throwIfAborted();
      // Deleted between the snapshot and now.
      if (kindOf(error) !== "not-found") log.warn({ policy: policy.name, error }, "cannot write the status");
    }
  }

  async function reportSaved(events: readonly EventRecord[], call: ReportCall): Promise<void> {
    for (const oldest of [...saved.keys()].slice(0, Math.max(0, saved.size - MAX_COUNTED)))
      saved.delete(oldest);
    for (const event of events) {
      try {
        await record(event, call);
      } catch (error) {
        call.signal.throwIfAborted();
        log.warn({ policy: event.subject.name, error }, "cannot write an event");
      }
    }
  }

  function countInterruptions(snapshot: Snapshot): void {
    for (const notice of snapshot.notices) {
      const { id, source } = notice;
      if (source === "drill" || !takesNode(notice) || counted.has(id) || !isOfSpot(notice, snapshot))
        continue;
      counted.add(id);
      if (counted.size > MAX_COUNTED) counted.delete(counted.values().next().value ?? id);
      metrics.inc("gpu_autoscaler_spot_interruptions_total", {});
    }
  }
}
