// Leader election on a coordination.k8s.io Lease: at most one leader acts, and it knows for how long it may.
// Holds under one assumption, that clocks run at about the same speed; nobody compares wall clocks. A rival
// measures a lease from when it saw it change, the leader from before it wrote it, so the leader stops first.

import type { Random } from "../../model/random.ts";
import { millis } from "../../model/units.ts";
import type { Millis } from "../../model/units.ts";
import { AppError } from "../errors.ts";
import type { Log } from "../log.ts";
import { pause } from "../retry.ts";
import { createLeaseRecord, leftOf } from "./lease-record.ts";
import type { HeldLease, LeaseRecordOptions, Predecessor, TakenLease } from "./lease-record.ts";

export interface LeaderElectionOptions extends LeaseRecordOptions {
  /** A leader that has not renewed for so long steps down. Shorter than the lease: the rest is for stopping. */
  readonly renewMs: Millis;
  /** Between two tries of the leader to renew. The others look twice as often, and when the lease runs out. */
  readonly retryMs: Millis;
  readonly random: Random;
  readonly log: Pick<Log, "info" | "warn">;
}

export interface Leadership {
  /** Grows with each change of leader (leaseTransitions). Starts again at 1 when somebody deletes the Lease. */
  readonly term: number;
  /** How long nobody else can be leader, as far as we know now; 0 when lost. Bounds the deadline of a write. */
  validForMs(): Millis;
  readonly predecessor: Predecessor;
  /** When the lease became ours, on our monotonic clock. Whoever held it before could not begin anything after that. */
  readonly sinceMs: Millis;
  /**
   * Ends it from within, because somebody else was found to lead: `leaderSignal` aborts with the reason, the lease is
   * given back if it is still ours, and we stand again after a pause that leaves others the turn.
   */
  resign(reason: AppError): void;
}

export type Lead = (leaderSignal: AbortSignal, leadership: Leadership) => Promise<void>;

export interface LeaderElection {
  /**
   * Waits for the lease and then runs `lead`, again after each loss, until `signal` aborts, `lead` returns or
   * it throws. `leaderSignal` aborts when leadership ends; the lease is kept renewed until `lead` has returned
   * and given back then. After a loss, `lead` is awaited before we stand again.
   */
  run(signal: AbortSignal, lead: Lead): Promise<void>;
}

export function createLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const { namespace, name, leaseMs, renewMs, retryMs, clock, random, log } = options;
  if (!(retryMs < renewMs && renewMs < leaseMs)) {
    const got = `retry ${retryMs} ms, renew ${renewMs} ms, lease ${leaseMs} ms`;
    throw new AppError("settings", `cannot elect a leader: retry < renew < lease must hold, got ${got}`);
  }
  const record = createLeaseRecord(options);
  const where = { namespace, name };

  /** Null when the signal ended it. */
  async function campaign(signal: AbortSignal): Promise<TakenLease | null> {
    while (!signal.aborted) {
      try {
        const held = await record.take({ signal, deadlineMs: callDeadline(renewMs) });
        if (held !== null) return held;
      } catch (error) {
        if (signal.aborted) return null;
        if (!(error instanceof AppError)) throw error;
        // Another candidate was faster: that is what the lease is for.
        if (error.kind !== "conflict") log.warn({ ...where, error }, "cannot read or take the lease");
      }
      const lookAgainMs = jittered(millis(retryMs / 2));
      await pause(clock, millis(Math.min(lookAgainMs, record.freeInMs() ?? lookAgainMs)), signal);
    }
    return null;
  }

  async function reign(
    first: TakenLease,
    signal: AbortSignal,
    lead: Lead,
  ): Promise<"over" | "lost" | "resigned"> {
    const { term, predecessor, sentAtMs: sinceMs } = first;
    const ended = new AbortController();
    let resigned = false;
    const working = new AbortController();
    let held: HeldLease = first;

    // 1. Renew beside the work, until the work has ended or the lease is lost.
    const renewing = (async () => {
      while (await pause(clock, retryMs, working.signal)) {
        const renewed = await renewInTime(held, working.signal);
        if (renewed === "lost")
          throw new AppError("conflict", `lost the lease ${namespace}/${name} of term ${term}`);
        held = renewed;
      }
    })().catch((error: unknown) => {
      // A call that the end of the work interrupted is no loss; whatever else it is, we may not lead on.
      if (working.signal.aborted) return;
      log.warn({ ...where, term, error }, "leadership is lost");
      ended.abort(error);
    });

    // 2. The work itself.
    log.info({ ...where, term }, "leading");
    const leaderSignal = AbortSignal.any([signal, ended.signal]);
    const validForMs = (): Millis =>
      ended.signal.aborted ? millis(0) : leftOf(held, leaseMs, clock.monotonic());
    const resign = (reason: AppError): void => {
      if (ended.signal.aborted || working.signal.aborted) return;
      log.warn({ ...where, term, error: reason }, "leadership is given up");
      resigned = true;
      ended.abort(reason);
    };
    try {
      await lead(leaderSignal, { term, validForMs, predecessor, sinceMs, resign });
    } catch (error) {
      // What lead throws because it was stopped is no failure of its own.
      if (!leaderSignal.aborted) throw error;
    } finally {
      // 3. Nothing acts in our name any more: the next one need not wait.
      working.abort();
      await renewing;
      if (resigned || !ended.signal.aborted) await giveBack(held);
    }
    if (resigned) return "resigned";
    return ended.signal.aborted ? "lost" : "over";
  }

  /** Tries until the lease is renewed, somebody else has it, or the time to renew is up. */
  async function renewInTime(held: HeldLease, signal: AbortSignal): Promise<HeldLease | "lost"> {
    for (;;) {
      const leftMs = leftOf(held, renewMs, clock.monotonic());
      if (leftMs === 0) return "lost";
      try {
        return await record.renew(held, { signal, deadlineMs: callDeadline(leftMs) });
      } catch (error) {
        signal.throwIfAborted();
        if (!(error instanceof AppError)) throw error;
        log.warn({ ...where, leftMs, error }, "cannot renew the lease");
      }
      await clock.sleep(
        millis(Math.min(jittered(retryMs), leftOf(held, renewMs, clock.monotonic()))),
        signal,
      );
    }
  }

  async function giveBack(held: HeldLease): Promise<void> {
    const leftMs = leftOf(held, leaseMs, clock.monotonic());
    if (leftMs === 0) return;
    try {
      await record.giveBack(held, { deadlineMs: callDeadline(leftMs) });
      log.info({ ...where, term: held.term }, "the lease is given back");
    } catch (error) {
      // It runs out by itself; the next leader only waits longer.
      log.warn({ ...where, term: held.term, error }, "cannot give the lease back");
    }
  }

  /** One call may use half of the time to renew, so that a call that hangs leaves room for a second. */
  function callDeadline(leftMs: Millis): Millis {
    return millis(Math.max(1, Math.min(leftMs, renewMs / 2)));
  }

  /** Up to a fifth longer: candidates that started together must not stay in step. */
  function jittered(ms: Millis): Millis {
    return millis(Math.round(ms * (1 + 0.2 * random())));
  }

  return {
    run: async (signal, lead) => {
      while (!signal.aborted) {
        const held = await campaign(signal);
        const how = held === null ? "over" : await reign(held, signal, lead);
        if (how === "over") return;
        if (how === "resigned") await pause(clock, jittered(retryMs), signal);
      }
    },
  };
}
