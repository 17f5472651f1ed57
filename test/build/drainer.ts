// A drain on a node whose API server answers as a test tells it, on a clock that only the test moves. The drainer, the
// walk and the plan are the shipped ones; what stands in is the API server, the watch, the marker and the pods' hooks.

import type { Marks } from "../../agent/act/cordon.ts";
import { createDrainer } from "../../agent/act/drain.ts";
import type { Drainer } from "../../agent/act/drain.ts";
import type { HookOccasion, HookTarget, Hooks } from "../../agent/act/hooks/hooks.ts";
import type { DrainOrder } from "../../agent/act/order.ts";
import type { Removal, RemoveHow } from "../../agent/act/remove.ts";
import type { Checkpoint } from "../../shared/contract/checkpoint.ts";
import type { DrainReport } from "../../shared/contract/drain-report.ts";
import type { NoticeMessage } from "../../shared/contract/notice.ts";
import type { CheckpointHook } from "../../shared/model/checkpoint-hook.ts";
import type { Pod } from "../../shared/model/kube.ts";
import { POD_ANNOTATION } from "../../shared/model/names.ts";
import { seededRandom } from "../../shared/model/random.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { EvictionOutcome, EvictionRequest } from "../../shared/runtime/kube/evict.ts";
import { createLogSink } from "../../shared/runtime/log.ts";
import { createFakeClock } from "./clock.ts";

export interface DrainPodOptions {
  readonly priority?: string;
  readonly graceS?: number;
  /** Null: nobody makes it again. */
  readonly owner?: string | null;
  readonly annotations?: Record<string, string>;
}

export function drainPod(name: string, options: DrainPodOptions = {}): Pod {
  const { priority, graceS = 30, owner = "ReplicaSet", annotations } = options;
  const controller =
    owner === null ? [] : [{ apiVersion: "v1", kind: owner, name: "owner", uid: "owner", controller: true }];
  return {
    metadata: {
      name,
      namespace: "team-a",
      uid: `uid-${name}`,
      annotations: {
        ...(priority === undefined ? {} : { [POD_ANNOTATION.evictionPriority]: priority }),
        ...annotations,
      },
      ownerReferences: controller,
    },
    spec: { containers: [{ name: "main" }], terminationGracePeriodSeconds: graceS },
    status: { phase: "Running" },
  };
}

export const BLOCKED: EvictionOutcome = { kind: "budget-blocked", retryAfterMs: null, message: "" };

export interface DrainerSetUp {
  readonly pods: readonly Pod[];
  readonly answer?: (request: EvictionRequest, attempt: number) => EvictionOutcome | AppError;
  readonly removal?: (name: string, attempt: number) => Removal | AppError;
  /** Pods leave so long after they were asked; null: they stay. */
  readonly goneAfterMs?: number | null;
  readonly markMs?: number;
  /** How long the API server takes for each answer. */
  readonly answerMs?: number;
  /** Since when the watch on pods is broken. */
  readonly staleSince?: EpochMs;
  /** Pods by name that have a hook, with how long it takes; null: for ever. */
  readonly saving?: Readonly<Record<string, number | null>>;
  readonly moveUnmanaged?: boolean;
}

export interface SentCall {
  readonly how: "evict" | "delete";
  readonly name: string;
  readonly uid: string;
  readonly graceSeconds: number | undefined;
  readonly atMs: number;
  /** Of a DELETE: how long a condition may hold it up. */
  readonly conditionWithinMs?: number | null;
}

const HOOK: CheckpointHook = {
  kind: "http",
  address: "10.0.0.1",
  port: 8080,
  path: "/",
  timeoutMs: millis(60_000),
};

export function setUpDrainer(options: DrainerSetUp) {
  const clock = createFakeClock();
  const startedAt = clock.now();
  const present = new Map(options.pods.map((one) => [one.metadata.uid ?? "", one]));
  const calls: SentCall[] = [];
  const sent: SentCall[] = [];
  const deleted: SentCall[] = [];
  const attempts = new Map<string, number>();
  const notices: Omit<NoticeMessage, "v" | "node">[] = [];
  const reports: Omit<DrainReport, "v" | "node">[] = [];
  const marks: Marks[] = [];
  const outcomes: string[] = [];
  const trouble: string[] = [];
  const told: { readonly name: string; readonly occasion: HookOccasion; readonly byMs: number }[] = [];
  const givenUp: string[] = [];
  const { goneAfterMs = 1000 } = options;
  const { log, lines } = createLogSink();
  const watch: { staleSince: EpochMs | null } = { staleSince: options.staleSince ?? null };
  const sinceStart = (): number => clock.now() - startedAt;

  const note = (of: SentCall[], call: SentCall): void => {
    calls.push(call);
    of.push(call);
  };
  const leave = (uid: string): void => {
    present.delete(uid);
    drainer.podsChanged();
  };
  const left = (uid: string): void => {
    if (goneAfterMs !== null) void clock.sleep(millis(goneAfterMs)).then(() => leave(uid));
  };
  const attempt = (key: string): number => {
    const next = (attempts.get(key) ?? 0) + 1;
    attempts.set(key, next);
    return next;
  };
  const answered = async (signal: AbortSignal | undefined): Promise<void> => {
    if (options.answerMs !== undefined) await clock.sleep(millis(options.answerMs), signal);
  };

  const saved = new Map<string, Checkpoint>();
  const hooks: Hooks = {
    call: ({ name, namespace, uid }: HookTarget, occasion, by) => {
      told.push({ name, occasion, byMs: by - startedAt });
      const takesMs = options.saving?.[name] ?? null;
      if (takesMs === null) return;
      void clock.sleep(millis(takesMs)).then(() => {
        saved.set(uid, { pod: `${namespace}/${name}`, result: "saved", tookMs: takesMs, step: 7 });
        drainer.podsChanged();
      });
    },
    pending: (uid) => told.some(({ name }) => `uid-${name}` === uid) && !saved.has(uid),
    results: () => [...saved.values()],
    giveUp: (eventId) => givenUp.push(eventId),
  };

  const drainer: Drainer = createDrainer({
    marker: {
      pending: false,
      want: async (wanted) => {
        marks.push(wanted);
        await clock.sleep(millis(options.markMs ?? 20));
        return "written";
      },
      hint: () => undefined,
    },
    news: {
      notice: (message) => notices.push(message),
      drain: (report) => reports.push(report),
      pod: (one, outcome) => outcomes.push(`${one.name} ${outcome}`),
      severalBudgets: (one) => trouble.push(`${one.name} several budgets`),
      unknownPriority: (one) => trouble.push(`${one.name} ${one.unknownPriority}`),
      marked: () => undefined,
    },
    pods: {
      synced: true,
      get staleSince() {
        return watch.staleSince;
      },
      values: () => [...present.values()],
    },
    self: null,
    evict: async (request, limits) => {
      const { name, uid, graceSeconds } = request;
      note(sent, { how: "evict", name, uid, graceSeconds, atMs: sinceStart() });
      await answered(limits?.signal);
      const answer = options.answer?.(request, attempt(name)) ?? { kind: "accepted" };
      if (answer instanceof AppError) throw answer;
      if (answer.kind === "accepted") left(uid);
      return answer;
    },
    remove: async ({ name, uid }, { graceSeconds, conditionWithinMs }: RemoveHow, { signal }) => {
      note(deleted, { how: "delete", name, uid, graceSeconds, conditionWithinMs, atMs: sinceStart() });
      await answered(signal);
      const answer = options.removal?.(name, attempt(`${name} removed`)) ?? "accepted";
      if (answer instanceof AppError) throw answer;
      if (answer === "accepted") left(uid);
      return answer;
    },
    hooks,
    hookOf: ({ metadata }) => (options.saving?.[metadata.name] === undefined ? null : HOOK),
    moveUnmanaged: () => options.moveUnmanaged ?? false,
    clock,
    random: seededRandom(1),
    log,
  });
  const order = (noticeS: number, more: Partial<DrainOrder> = {}): DrainOrder => ({
    id: "drill-1",
    cause: "notice",
    source: "drill",
    seenAt: clock.now(),
    deadline: epochMs(clock.now() + noticeS * 1000),
    replace: false,
    confirmed: false,
    ...more,
  });
  return {
    clock,
    drainer,
    /** All that was sent, in order, and what of it were evictions and DELETEs. */
    calls,
    sent,
    deleted,
    notices,
    reports,
    marks,
    outcomes,
    trouble,
    told,
    givenUp,
    lines,
    order,
    /** A notice that this process has read in the metadata itself. */
    real: (noticeS: number, more: Partial<DrainOrder> = {}): DrainOrder =>
      order(noticeS, { id: "aws-1", source: "aws", confirmed: true, replace: true, ...more }),
    leave,
    watchIsLive: () => {
      watch.staleSince = null;
      drainer.podsChanged();
    },
    arrive: (one: Pod) => {
      present.set(one.metadata.uid ?? "", one);
      drainer.podsChanged();
    },
    phases: () =>
      reports.map((report) =>
        report.class === undefined ? report.phase : `${report.phase} ${report.class}`,
      ),
  };
}
