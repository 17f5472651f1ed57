// One coordinator in virtual time: the shipped loop, observer, decision, journal and act layer, wired as main.ts wires them,
// over the world instead of sockets. What reports to people is left out, and the idle timers are kept in a variable that
// stands for the NATS bucket, with what failed to launch, which a report would have written into the status.

import { createActuator } from "../../../coordinator/act/actuator.ts";
import { createJournal } from "../../../coordinator/act/journal.ts";
import { journalOf } from "../../../coordinator/act/moves.ts";
import { launchFailureOf } from "../../../coordinator/cloud/group.ts";
import { groupKey, targetOf } from "../../../coordinator/cloud/target.ts";
import { decideInTurns } from "../../../coordinator/decide/decide.ts";
import { scheduleProblems } from "../../../coordinator/decide/limits/schedule-check.ts";
import type { Decision } from "../../../coordinator/decide/plan.ts";
import { allowedNow, removalRefusedNow } from "../../../coordinator/decide/recheck.ts";
import type { Memory, OfferingMemory } from "../../../coordinator/decide/snapshot-memory.ts";
import type { Snapshot } from "../../../coordinator/decide/snapshot.ts";
import { runCycles } from "../../../coordinator/loop.ts";
import { createClouds } from "../../../coordinator/observe/clouds.ts";
import { createCluster } from "../../../coordinator/observe/cluster.ts";
import { createGroups } from "../../../coordinator/observe/groups.ts";
import type { MemoryKeeper } from "../../../coordinator/observe/memory.ts";
import { createNotices } from "../../../coordinator/observe/notices.ts";
import { createPolicies } from "../../../coordinator/observe/policies.ts";
import { createObserver } from "../../../coordinator/observe/snapshot.ts";
import type { World } from "../../../coordinator/replay/world.ts";
import { COORDINATOR_METRICS } from "../../../coordinator/report/metrics.ts";
import { createWake } from "../../../coordinator/wake.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import { AppError, describe } from "../../../shared/runtime/errors.ts";
import type { Predecessor } from "../../../shared/runtime/kube/lease-record.ts";
import { createMetrics } from "../../../shared/runtime/metrics.ts";
import { unasked, unaskedWatch } from "../../build/observed.ts";
import type { Agents } from "./agents.ts";
import { createVirtualClient } from "./api.ts";
import { createVirtualAccount } from "./cloud.ts";
import type { GroupWrite } from "./cloud.ts";
import { quietLog } from "./log.ts";
import type { VirtualTime } from "./time.ts";
import type { Troubles } from "./troubles.ts";
import { createWatches } from "./watches.ts";

/** What stands for the NATS bucket. */
export interface Bucket {
  memory: Memory | null;
  /** Policy → what failed to launch, as the last decision knew it. */
  readonly offerings: Map<string, readonly OfferingMemory[]>;
}

export interface Replica {
  /** Brings the watches up to date. True when there was something new. */
  feed(): boolean;
  /** True until all that it does waits for time to pass. */
  readonly busy: boolean;
  readonly alive: boolean;
  /** For how long its watches have brought nothing, in milliseconds. */
  readonly lateMs: number;
  /** Dies as a process does that is killed. */
  die(): void;
  /** Gives up the lease in order. */
  stop(): void;
  setClock(byMs: number): void;
}

export interface ReplicaOptions {
  readonly name: string;
  readonly seed: number;
  readonly world: World;
  readonly time: VirtualTime;
  readonly troubles: Troubles;
  readonly agents: Agents;
  readonly bucket: Bucket;
  readonly predecessor: Predecessor["kind"];
  readonly conditional: boolean;
  readonly onWrite: (write: GroupWrite) => () => void;
  readonly onCycle: (snapshot: Snapshot, decision: Decision) => void;
  readonly onBroken: (part: string, detail: string) => void;
  /** It has ended, by being killed or in order. */
  readonly onEnd: (how: "killed" | "stopped") => void;
}

/** As by default, but for the beat, which is longer: what changes wakes the loop, and hours have to pass in milliseconds. */
const BEAT_MS = millis(120_000);
export const LEASE_MS = millis(15_000);
const CALL_MS = millis(10_000);

export function startReplica(options: ReplicaOptions): Replica {
  const { name, world, time, troubles, agents, bucket, onBroken } = options;
  const random = seededRandom(options.seed);
  // Two, so that it is known of each of them whether it waits: the loop, and the polling of the cloud.
  const clock = time.clock();
  const pollClock = time.clock();
  const ended = new AbortController();
  const polls = new AbortController();
  let alive = true;
  let polling = false;
  const log = quietLog((text) => onBroken(name, text));

  const die = (): void => {
    if (!alive) return;
    alive = false;
    polls.abort(new AppError("unavailable", "killed"));
    options.onEnd("killed");
  };
  const wake = createWake({ clock, gapMs: millis(100), batchMs: millis(200), beatMs: BEAT_MS });
  const news = (): void => wake.trigger("other");

  // 1. Observe.
  const watch = { ...unaskedWatch(), clock, random, log };
  const fleet = agents.fleetOf(() => clock.now());
  const notices = createNotices({
    now: () => clock.now(),
    subjectRoot: "gpuas.v1",
    onRefused: () => {},
    onNotice: () => wake.trigger("urgent"),
  });
  const client = createVirtualClient({ world, clock, troubles, alive: () => alive, die });
  const journal = createJournal({
    client,
    onUnreadable: (policy) => onBroken(name, `the status of ${policy} cannot be read`),
  });
  const cluster = createCluster({
    watch,
    discover: unasked,
    onProblem: ({ kind, detail }) => onBroken(name, `${kind}: ${detail}`),
    onChange: (what) => wake.trigger(what),
  });
  const policies = createPolicies({
    watch,
    problemsOf: scheduleProblems,
    onObject: (object) => journal.seen(object),
    onGone: (policy) => journal.gone(policy),
    onChange: () => {
      observer.follow();
      news();
    },
  });
  const account = createVirtualAccount({
    world,
    time,
    clock,
    troubles,
    alive: () => alive,
    die,
    conditional: options.conditional,
    onWrite: options.onWrite,
    onWritten: () => clouds.touched({ kind: "simulated", simulated: { url: "http://cloud", name: "" } }),
  });
  const clouds = createClouds({
    accounts: { account: async () => await Promise.resolve(account) },
    clock: pollClock,
    random,
    log,
    machines: cluster.machines,
    isNodeReady: (node) => cluster.isReady(node),
    onChange: news,
    spawn: (_name, task) => {
      polling = true;
      task(polls.signal).catch((error: unknown) => {
        if (!polls.signal.aborted) onBroken(name, `polling: ${describe(error)}`);
      });
    },
  });
  const observer = createObserver({
    cluster,
    policies,
    fleet,
    notices,
    groups: createGroups({
      scale: { reading: () => ({ group: { kind: "missing", detail: "none is here" }, instances: [] }) },
      clouds,
    }),
    journalOf: (policy) => {
      const offerings = bucket.offerings.get(policy);
      return { ...journalOf(journal.status(policy)), ...(offerings === undefined ? {} : { offerings }) };
    },
  });
  const watches = createWatches({ world, cluster, policies, troubles, now: () => clock.now() });

  // 2. Decide, act.
  const actuator = createActuator({
    journal,
    limits: { allowedGrowth: allowedNow, removalRefused: removalRefusedNow },
  });
  const parts = {
    clock,
    log,
    metrics: createMetrics(COORDINATOR_METRICS),
    wake,
    observer,
    decide: function* (snapshot: Snapshot): Generator<void, Decision> {
      const decision = yield* decideInTurns(snapshot);
      for (const { policy, offerings } of decision.plan.figures)
        if (offerings !== undefined) bucket.offerings.set(policy, offerings);
      options.onCycle(snapshot, decision);
      return decision;
    },
    decided: (at: Snapshot["at"]) => fleet.decided(at),
    memory: keeper(bucket, troubles),
    memoryWaitMs: millis(500),
    identity: name,
    journal,
    leaseMs: LEASE_MS,
    actuator,
    act: {
      client,
      clock,
      random,
      log,
      drainTimeoutMs: millis(5 * 60_000),
      groupOf: (policy: Parameters<typeof policyGroup>[0], pool: string) => {
        const key = policyGroup(policy, pool);
        return key === null ? null : account.group(key);
      },
      launchFailureOf,
    },
    callDeadlineMs: CALL_MS,
    reporter: { report: async () => {} },
    peers: { tell: async () => {} },
  };
  const leadership = {
    term: 1,
    // Renewals are not played: while he lives he holds it.
    validForMs: () => (alive && !ended.signal.aborted ? LEASE_MS : millis(0)),
    predecessor:
      options.predecessor === "silent"
        ? { kind: "silent" as const, identity: "before", lastSeenMs: millis(0) }
        : { kind: options.predecessor },
    sinceMs: clock.monotonic(),
    resign: (reason: AppError) => ended.abort(reason),
  };
  observer.follow();
  watches.feed();
  let running = true;
  runCycles(parts, ended.signal, leadership).then(
    () => over(),
    (error: unknown) => {
      if (!ended.signal.aborted) onBroken(name, `the loop ended: ${describe(error)}`);
      over();
    },
  );
  function over(): void {
    running = false;
    if (!alive) return;
    alive = false;
    polls.abort(new AppError("unavailable", "stopped"));
    options.onEnd("stopped");
  }

  return {
    feed: () => alive && watches.feed(),
    get busy() {
      return alive && ((running && clock.sleeping === 0) || (polling && pollClock.sleeping === 0));
    },
    get alive() {
      return alive;
    },
    get lateMs() {
      return watches.lateSince === null ? 0 : world.now - watches.lateSince;
    },
    die,
    stop: () => ended.abort(new AppError("unavailable", "asked to stop")),
    setClock: (byMs) => {
      clock.set(byMs);
      pollClock.set(byMs);
    },
  };
}

function policyGroup(
  policy: {
    readonly spec: { readonly nodePools: readonly { readonly name: string; readonly group?: unknown }[] };
  },
  pool: string,
): string | null {
  const group = policy.spec.nodePools.find((one) => one.name === pool)?.group;
  const target = targetOf(group as Parameters<typeof targetOf>[0]);
  return target === null || target.kind === "scale" ? null : groupKey(target);
}

function keeper(bucket: Bucket, troubles: Troubles): MemoryKeeper {
  let isNew = bucket.memory === null;
  return {
    read: async () => await Promise.resolve(troubles.natsAway > 0 ? null : bucket.memory),
    withLate: (memory) => memory,
    takeNews: () => {
      const news = isNew ? "new" : null;
      isNew = false;
      return news;
    },
    keep: (memory) => {
      if (troubles.natsAway === 0) bucket.memory = memory;
    },
    run: async () => {},
  };
}
