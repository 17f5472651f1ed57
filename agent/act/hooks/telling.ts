// Tells pods to save their state: each once for an occasion, all at the same time, and none longer than its own time-out
// and the moment at which it may have to leave. A pod that takes its time holds up no other. What it is told by is in
// http-hook.ts and exec-hook.ts; who is told, and what waits for it, is the drain's business.

import type { Checkpoint } from "../../../shared/contract/checkpoint.ts";
import { millis } from "../../../shared/model/units.ts";
import type { Clock } from "../../../shared/runtime/clock.ts";
import { describe } from "../../../shared/runtime/errors.ts";
import type { PodExec } from "../../../shared/runtime/kube/client.ts";
import type { Log } from "../../../shared/runtime/log.ts";
import { callOf } from "./call.ts";
import type { HookCaller } from "./exchange.ts";
import { tellByExec } from "./exec-hook.ts";
import type { HookOccasion, Hooks, HookTarget } from "./hooks.ts";
import { tellByHttp } from "./http-hook.ts";
import type { Told } from "./http-hook.ts";
import { createTurns } from "./turns.ts";

export interface HooksOptions {
  /** `callPod` of exchange.ts. */
  readonly http: HookCaller;
  /** Null: commands inside pods are off. */
  readonly exec: PodExec["exec"] | null;
  /** Whether the pod of this UID is still on the node: its address may be another's afterwards. Left out: it is. */
  readonly isThere?: (uid: string) => boolean;
  /** Once for each pod and occasion, unless the agent ends before. */
  readonly onResult: (target: HookTarget, occasion: HookOccasion, checkpoint: Checkpoint) => void;
  /** An answer has come or will not come any more: whoever waits for it looks again. */
  readonly onChange: () => void;
  readonly clock: Clock;
  readonly log: Log;
  /** The agent's end: nobody is told any more, and no results are made up. */
  readonly signal: AbortSignal;
  /** How many connections are being made at once. */
  readonly atOnce?: number;
}

interface Call {
  readonly target: HookTarget;
  readonly occasion: HookOccasion;
  readonly stop: AbortController;
  /** Monotonic: until when anybody waits for the answer. */
  waitUntilMs: number;
  timer: AbortController;
  result: Checkpoint | null;
}

const AT_ONCE = 16;
/** A connection that nobody takes or refuses holds its turn no longer; and so long it may be out though nobody waits. */
const OUT_WITHIN_MS = 1_000;
/** Occasions that are remembered; a node sees a few in its life. */
const OCCASIONS_MAX = 64;
const DETAIL_MAX = 300;
const NAME_MAX = 512;

const WHY_OVER = {
  timeout: "its time-out was over",
  by: "its turn to leave had come",
  gone: "its pod is gone",
  givenUp: "nobody waits for it any more",
} as const;

export function createHooks(options: HooksOptions): Hooks {
  const { clock, log, signal, onChange, onResult } = options;
  const turns = createTurns(options.atOnce ?? AT_ONCE);
  /** Event id → uid → call, the oldest occasion first. */
  const occasions = new Map<string, Map<string, Call>>();

  const all = (): readonly Call[] => [...occasions.values()].flatMap((calls) => [...calls.values()]);
  const isOut = ({ result, stop }: Call): boolean => result === null && !stop.signal.aborted;

  signal.addEventListener("abort", () => {
    for (const call of all()) call.stop.abort(WHY_OVER.givenUp);
  });

  /** Brings the end of the waiting nearer; never puts it off. The call itself gets a moment to be sent in any case. */
  const waitUntil = (call: Call, atMs: number, why: string): void => {
    if (atMs >= call.waitUntilMs) return;
    call.waitUntilMs = atMs;
    call.timer.abort();
    call.timer = new AbortController();
    const leftMs = Math.max(OUT_WITHIN_MS, atMs - clock.monotonic());
    clock.sleep(millis(leftMs), call.timer.signal).then(
      () => {
        call.stop.abort(why);
      },
      () => {}, // it ended before, or ends earlier now
    );
  };

  const tell = async (call: Call): Promise<{ readonly told: Told; readonly tookMs: number }> => {
    const { target, occasion, stop } = call;
    const { hook } = target;
    if (hook.kind === "refused") return { told: { result: "refused", detail: hook.why }, tookMs: 0 };
    if (hook.kind === "exec" && options.exec === null)
      return {
        told: { result: "refused", detail: "commands inside pods are off for this agent" },
        tookMs: 0,
      };

    const giveBack = await turns.take();
    const startedMs = clock.monotonic();
    if (stop.signal.aborted) {
      giveBack();
      return { told: { result: "late", detail: "it was not told" }, tookMs: 0 };
    }
    waitUntil(call, startedMs + hook.timeoutMs, WHY_OVER.timeout);
    const outOrNot = new AbortController();
    const onSent = (): void => {
      outOrNot.abort();
      giveBack();
    };
    clock.sleep(millis(OUT_WITHIN_MS), outOrNot.signal).then(giveBack, () => {});
    const common = { clock, signal: stop.signal, onSent };
    const http: HookCaller = async (request, limits) => {
      if (options.isThere?.(target.uid) !== false) return await options.http(request, limits);
      stop.abort(WHY_OVER.gone);
      return { kind: "ended", during: "connecting" };
    };
    try {
      const body = (): string =>
        JSON.stringify(callOf(target, occasion, call.waitUntilMs - clock.monotonic()));
      const told =
        hook.kind === "http"
          ? await tellByHttp({ ...common, hook, eventId: occasion.eventId, body, http })
          : await tellByExec({ ...common, hook, pod: target, exec: options.exec ?? never });
      return { told: withNote(told, hook.note), tookMs: clock.monotonic() - startedMs };
    } catch (error) {
      // None of them throws; a pod must not be held for ever if one does.
      return { told: { result: "failed", detail: describe(error) }, tookMs: clock.monotonic() - startedMs };
    } finally {
      onSent();
    }
  };

  const run = async (call: Call): Promise<void> => {
    const { target, occasion, stop } = call;
    const { told, tookMs } = await tell(call);
    call.timer.abort();
    if (signal.aborted) return;
    const over: unknown = told.result === "late" ? stop.signal.reason : undefined;
    const detail = [told.detail, typeof over === "string" ? over : undefined].filter(isText).join(": ");
    const checkpoint: Checkpoint = {
      ...told,
      pod: `${target.namespace}/${target.name}`.slice(0, NAME_MAX),
      tookMs: Math.max(0, Math.round(tookMs)),
      ...(detail === "" ? {} : { detail: detail.slice(0, DETAIL_MAX) }),
    };
    call.result = checkpoint;
    const fields = { part: "hooks", namespace: target.namespace, pod: target.name, ms: checkpoint.tookMs };
    const level = told.result === "saved" || told.result === "no-hook" ? "info" : "warn";
    log[level]({ ...fields, state: told.result, ...(detail === "" ? {} : { reason: detail }) }, "checkpoint");
    onResult(target, occasion, checkpoint);
    onChange();
  };

  return {
    call: (target, occasion, by) => {
      if (signal.aborted) return;
      const calls = occasions.get(occasion.eventId) ?? new Map<string, Call>();
      const known = calls.get(target.uid);
      const byMs = clock.monotonic() + Math.max(0, by - clock.now());
      if (known !== undefined) {
        if (isOut(known)) waitUntil(known, byMs, WHY_OVER.by);
        return;
      }
      const call: Call = {
        target,
        occasion,
        stop: new AbortController(),
        waitUntilMs: Number.POSITIVE_INFINITY,
        timer: new AbortController(),
        result: null,
      };
      calls.set(target.uid, call);
      occasions.set(occasion.eventId, calls);
      forgetOldest(occasions, isOut);
      waitUntil(call, byMs, WHY_OVER.by);
      run(call).catch((error: unknown) => {
        log.error({ part: "hooks", error }, "the result of a checkpoint could not be told");
      });
    },
    pending: (uid, eventId) => {
      const call = occasions.get(eventId)?.get(uid);
      return call !== undefined && isOut(call) && clock.monotonic() < call.waitUntilMs;
    },
    results: (eventId) =>
      [...(occasions.get(eventId)?.values() ?? [])].flatMap(({ result }) =>
        result === null ? [] : [result],
      ),
    giveUp: (eventId) => {
      for (const call of occasions.get(eventId)?.values() ?? []) {
        if (isOut(call)) call.stop.abort(WHY_OVER.givenUp);
      }
    },
  };
}

function withNote(told: Told, note: string | undefined): Told {
  return note === undefined ? told : { ...told, detail: [told.detail, note].filter(isText).join("; ") };
}

function isText(text: string | undefined): text is string {
  return text !== undefined && text !== "";
}

function forgetOldest(occasions: Map<string, Map<string, Call>>, isOut: (call: Call) => boolean): void {
  for (const [eventId, calls] of occasions) {
    if (occasions.size <= OCCASIONS_MAX) return;
    if (![...calls.values()].some(isOut)) occasions.delete(eventId);
  }
}

const never: PodExec["exec"] = () => Promise.reject(new Error("commands inside pods are off"));
