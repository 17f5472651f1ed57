// One cycle: observe, decide, act, report. A stage that fails is logged and counted, and the next cycle goes on;
// a replica that does not lead never comes here. When a cycle begins is wake.ts's business; before its first, each policy
// is marked as ours, and one that bears the mark of another ends our leading.

import { millis } from "../shared/model/units.ts";
import type { Millis } from "../shared/model/units.ts";
import type { Clock } from "../shared/runtime/clock.ts";
import type { Leadership } from "../shared/runtime/kube/lease.ts";
import type { Log } from "../shared/runtime/log.ts";
import { nextTurn } from "../shared/runtime/stream.ts";
import type { Actuator, Done } from "./act/actuator.ts";
import { createCallLimits, lingering } from "./act/context.ts";
import type { ActContext, CallLimits } from "./act/context.ts";
import type { PolicyJournal } from "./act/journal.ts";
import { inheritedAfter, LATE_CALLS_MS, quietAfter } from "./act/quiet.ts";
import { FIRST_PACE, learned, workUnitsOf } from "./calibrate.ts";
import type { Pace } from "./calibrate.ts";
import { changesAfterMs } from "./decide/next.ts";
import type { Decision } from "./decide/plan.ts";
import { EMPTY_MEMORY } from "./decide/snapshot-memory.ts";
import type { Memory } from "./decide/snapshot-memory.ts";
import type { Snapshot } from "./decide/snapshot.ts";
import type { MemoryKeeper } from "./observe/memory.ts";
import type { Observer } from "./observe/snapshot.ts";
import type { CoordinatorMetrics } from "./report/metrics.ts";
import type { PeerTeller } from "./report/peers.ts";
import type { Reporter } from "./report/reporter.ts";
import type { Wake } from "./wake.ts";

export interface LoopParts {
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: CoordinatorMetrics;
  readonly wake: Wake;
  readonly observer: Observer;
  /** In pieces, between which the process may do other things. */
  readonly decide: (snapshot: Snapshot) => Generator<void, Decision>;
  /** The decision has seen all reports up to then. */
  readonly decided: (at: Snapshot["at"]) => void;
  readonly memory: MemoryKeeper;
  readonly memoryWaitMs: Millis;
  /** Who we are in the lease, and so in each policy's status. */
  readonly identity: string;
  readonly journal: PolicyJournal;
  readonly leaseMs: Millis;
  readonly actuator: Actuator;
  readonly act: Omit<ActContext, "call" | "quietMs" | "maybeMs" | "inheritedMs" | "hurries">;
  readonly callDeadlineMs: Millis;
  readonly reporter: Reporter;
  readonly peers: PeerTeller;
}

/** Runs cycles until leadership ends, by the signal or because a policy turns out to be led by somebody else. */
export async function runCycles(
  parts: LoopParts,
  signal: AbortSignal,
  leadership: Leadership,
): Promise<void> {
  const { journal, identity, clock, log } = parts;
  const call = createCallLimits({
    signal,
    calls: lingering(signal, clock),
    validForMs: () => leadership.validForMs(),
    callDeadlineMs: parts.callDeadlineMs,
  });
  const end = journal.begin({ leader: identity, onDeposed: (error) => leadership.resign(error) });
  const quietMs = quietAfter(leadership, {
    clock,
    leaseMs: parts.leaseMs,
    wasLed: (policy) => (journal.claimOf(policy)?.before ?? 0) > 0,
  });
  const inheritedMs = inheritedAfter(leadership, parts);
  const hurries = (): boolean => parts.wake.isUrgent();
  const act = { ...parts.act, quietMs, maybeMs: LATE_CALLS_MS, inheritedMs, hurries };
  const claim = async (): Promise<void> => {
    for (const { policy, error } of await journal.claim(call)) {
      signal.throwIfAborted();
      log.warn({ policy, error }, "cannot claim a policy, so it is left alone; trying again");
    }
  };

  try {
    const [kept] = await Promise.all([parts.memory.read(parts.memoryWaitMs, signal), claim()]);
    let outlook: Outlook = { memory: kept ?? EMPTY_MEMORY, pace: FIRST_PACE, withinMs: millis(0) };
    for (;;) {
      await parts.wake.next(signal, outlook.withinMs);
      if (!parts.observer.listed()) {
        outlook = { ...outlook, withinMs: null };
        continue;
      }
      // What was just made is claimed before anybody looks at it.
      await claim();
      outlook = await cycle({ ...parts, signal, act }, outlook, call);
      const waits = [quietMs(), inheritedMs(), parts.actuator.waitsMs(act)];
      outlook = { ...outlook, withinMs: soonest([outlook.withinMs, ...waits.map(orNever)]) };
    }
  } finally {
    end();
  }
}

/** Moves that have to wait for what may still take effect are due when that is over. */
function soonest(times: readonly (Millis | null)[]): Millis | null {
  const known = times.filter((ms) => ms !== null);
  return known.length === 0 ? null : millis(Math.min(...known));
}

function orNever(leftMs: Millis | null): Millis | null {
  return leftMs === 0 ? null : leftMs;
}

type CycleParts = Omit<LoopParts, "act"> & {
  readonly signal: AbortSignal;
  readonly act: Omit<ActContext, "call">;
};

/** What the next cycle starts from, and how soon it is due without news. */
interface Outlook {
  readonly memory: Memory;
  readonly pace: Pace;
  readonly withinMs: Millis | null;
}

async function cycle(
  parts: CycleParts,
  { memory: before, pace }: Outlook,
  call: () => CallLimits,
): Promise<Outlook> {
  const { clock, metrics, observer, decide, actuator, reporter } = parts;
  const begunMs = clock.monotonic();
  const memory = parts.memory.withLate(before);

  // 1. Observe: what is known at this moment, frozen.
  const at = clock.now();
  const seen = await stage(parts, "observe", () => observer.snapshot(at, memory, workUnitsOf(pace)));
  if (seen === null) return { memory, pace, withinMs: null };
  const snapshot = afterNews(parts.memory.takeNews(), seen, parts);

  // 2. Decide: a function of that and nothing else.
  const decided = await stage(parts, "decide", async () => await inTurns(decide(snapshot), clock));
  if (decided === null) return { memory: snapshot.memory, pace, withinMs: null };
  const { value: decision, ms } = decided;
  const worked = { units: decision.plan.packing?.units ?? 0, ms };
  parts.decided(at);
  parts.memory.keep(decision.memory);

  // Nobody's decision, and of use for seconds only.
  await stage(parts, "peers", () => parts.peers.tell(snapshot));

  // 3. Act: finish what was begun, then what was decided.
  const done: readonly Done[] =
    (await stage(
      parts,
      "act",
      async () => await actuator.act(decision.plan, snapshot, { ...parts.act, call }),
    )) ?? [];

  // 4. Report: to status, events and metrics.
  await stage(parts, "report", async () => {
    await reporter.report({ snapshot, plan: decision.plan, done }, call);
  });
  metrics.observe("gpu_autoscaler_reconcile_duration_seconds", {}, (clock.monotonic() - begunMs) / 1000);
  metrics.set("gpu_autoscaler_last_reconcile_timestamp", {}, clock.now() / 1000);
  return {
    memory: decision.memory,
    pace: learned(pace, worked),
    withinMs: changesAfterMs(decision.plan),
  };
}

/** A bucket that is new where somebody has led before is one that was lost, and with it what he knew. */
function afterNews(
  news: ReturnType<MemoryKeeper["takeNews"]>,
  snapshot: Snapshot,
  { journal, log }: Pick<CycleParts, "journal" | "log">,
): Snapshot {
  const wasLed = (): boolean =>
    snapshot.policies.some(({ name }) => (journal.claimOf(name)?.before ?? 0) > 0);
  if (news !== "lost" && !(news === "new" && wasLed())) return snapshot;
  log.warn({ part: "nats" }, "what was remembered is gone; no node is removed for ten minutes");
  return { ...snapshot, memory: { ...snapshot.memory, lostAt: snapshot.at } };
}

/** Lets whatever waits have its turn after each piece. `ms`: the time of the pieces alone. */
async function inTurns<T>(
  pieces: Generator<void, T>,
  clock: Clock,
): Promise<{ readonly value: T; readonly ms: Millis }> {
  let spentMs = 0;
  for (;;) {
    const begunMs = clock.monotonic();
    const piece = pieces.next();
    spentMs += clock.monotonic() - begunMs;
    if (piece.done === true) return { value: piece.value, ms: millis(spentMs) };
    await nextTurn();
  }
}

/** Null when it failed. What ends because leadership ended is no failure, and ends the loop. */
async function stage<T>(
  { log, metrics, clock, signal }: CycleParts,
  phase: string,
  run: () => T | Promise<T>,
): Promise<T | null> {
  const begunMs = clock.monotonic();
  try {
    // Stages of a large fleet are long, and reports that come meanwhile have waited enough.
    await nextTurn();
    return await run();
  } catch (error) {
    if (signal.aborted) throw error;
    metrics.inc("gpu_autoscaler_reconcile_errors_total", {});
    log.error(
      { phase, error, ms: Math.round(clock.monotonic() - begunMs) },
      "stage failed; the next cycle goes on",
    );
    return null;
  }
}
