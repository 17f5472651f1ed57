// Plays a scenario to whoever decides: the simulated world, the shipped observer, the door that moves go through, and what
// all of it costs, in virtual time from one event to the next. The same scenario, seed and sizer give the same run, byte
// for byte. It reads no clock and no file; who decides is handed in.

import { parsePolicy } from "../../../shared/contract/policy.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { EMPTY_MEMORY } from "../../decide/snapshot-memory.ts";
import type { Memory } from "../../decide/snapshot-memory.ts";
import type { ForecastInput, Snapshot } from "../../decide/snapshot.ts";
import type { Run } from "../run.ts";
import type { Scenario, ServiceModel } from "../scenario.ts";
import type { MakeSizer, SizerStep } from "../sizer.ts";
import type { LedgerEntry } from "../world-core.ts";
import { createWorld } from "../world.ts";
import { createAgents } from "./agents.ts";
import { createBook } from "./book.ts";
import { boundOf } from "./bound.ts";
import { checkScenario } from "./check.ts";
import { createDoor } from "./door.ts";
import { createHappenings } from "./happenings.ts";
import { createJobs } from "./jobs.ts";
import { createMeter } from "./meter.ts";
import { clockOf, createWatching, writePolicies } from "./observer.ts";
import type { News } from "./observer.ts";
import { groupOf, longest } from "./pools.ts";
import { createPrices } from "./prices.ts";
import { scoreOf } from "./score.ts";
import type { Counts } from "./score.ts";
import { createStocks } from "./stocks.ts";
import { binWidth, createTimeline } from "./timeline.ts";
import type { Forecasted } from "./timeline.ts";
import { createWork } from "./work.ts";

export interface Progress {
  readonly atMs: number;
  readonly ofMs: number;
  readonly decisions: number;
}

export interface PlayOptions {
  /** Now and then, at most some 200 times. */
  readonly onProgress?: (progress: Progress) => void;
  /** Plays no further, as if the scenario ended there. Milliseconds from its start. */
  readonly stopAtMs?: number;
  /** At every question, before the moves of its answer take effect. */
  readonly onSnapshot?: (snapshot: Snapshot, step: SizerStep) => void;
  /** Every fact of the simulated world, in order. */
  readonly onFact?: (fact: LedgerEntry) => void;
  /** It remembers: a new one for each run. */
  readonly forecast?: Forecasting;
  /** Width of the timeline's bins. */
  readonly binMs?: number;
  readonly maxHappenings?: number;
}

/** What a replay needs of a forecast: it sees each snapshot, and says what policies are told. */
export interface Forecasting {
  look(snapshot: Snapshot): void;
  inputOf(policy: string): ForecastInput | undefined;
  /** For the timeline, all policies together. Absent, or null: it says nothing. */
  shown?(): Forecasted | null;
}

/** As the live coordinator wakes: a burst of pods is one question, and two questions lie so far apart. */
const BATCH_MS = 200;
const GAP_MS = 100;
/** A forecast thinks in bins of five minutes and has to see each of them. */
const BIN_MS = 300_000;
const MAX_HAPPENINGS = 5_000;
const PROGRESS_STEPS = 200;
/** More rounds than this at one instant mean that sizer and world undo each other. */
const MAX_ROUNDS = 1_000;

/** @throws AppError bad-input for a scenario that cannot be played: field, value and way out. */
export function play(scenario: Scenario, make: MakeSizer, options: PlayOptions = {}): Run {
  checkScenario(scenario);
  const { start, seed, pools, times, warmInMs } = scenario;
  const lengthMs = Math.min(scenario.lengthMs, options.stopAtMs ?? Infinity);
  const endMs = Math.min(scenario.lengthMs + scenario.drainMs, options.stopAtMs ?? Infinity);
  const sizer = make();

  // 1. The world, a boot before the start, so that nodes that are there at the start are there.
  const world = createWorld({
    start: epochMs(start - longest(times.nodeReadyMs)),
    seed,
    heartbeatMs: null,
    keepFinishedMs: millis(0),
    launchRetryMs: times.launchRetryMs,
    holdsGangs: true,
  });
  writePolicies(world, scenario);
  const clock = clockOf(world);
  const book = createBook(world, pools);
  const prices = createPrices(scenario.prices);
  const specs = scenario.policies.flatMap(({ spec }) => {
    const parsed = parsePolicy(spec ?? {});
    return parsed.kind === "valid" ? [parsed.spec] : [];
  });
  const happenings = createHappenings(specs, options.maxHappenings ?? MAX_HAPPENINGS);
  const jobs = createJobs(book, { fromMs: warmInMs, toMs: lengthMs });
  const services = new Map<string, { readonly model: ServiceModel; readonly name: string; wanted: number }>();
  let serviceGpus = 0;
  const meter = createMeter({ book, prices, pools }, () => ({
    gpus: jobs.openGpus + serviceGpus,
    replicas: services.values(),
  }));
  const timeline = createTimeline(options.binMs ?? binWidth(lengthMs));
  const counts: Counts = { interruptions: 0, clean: 0, added: 0, removed: 0, launchesFailed: 0 };

  const agents = createAgents(world, book);
  const door = createDoor({
    world,
    book,
    agents,
    clock,
    random: seededRandom(seed),
    onActed: (acted) => happenings.acted(acted, msOf(world.now)),
  });
  let acting = false;
  let isUrgent = false;
  let podsSince: number | null = null;
  let otherSince: number | null = null;
  const watching = createWatching({
    world,
    clock,
    fleet: agents.fleet,
    journalOf: (policy) => door.journalOf(policy),
    onNews: (news: News) => {
      if (news === "pods") podsSince ??= world.now;
      // What follows from a move at once is no news to whoever made it.
      else if (!acting) otherSince ??= world.now;
    },
  });
  const stocks = createStocks({
    scenario,
    world,
    book,
    agents,
    onNotice: ({ pool, node }) => {
      happenings.machine("notice", pool.name, node, msOf(world.now));
      isUrgent = true;
    },
    onTaken: ({ pool, node }, clean) => {
      happenings.machine("interrupted", pool.name, node, msOf(world.now));
      if (!isCounted()) return;
      counts.interruptions += 1;
      if (clean) counts.clean += 1;
    },
  });
  const work = createWork(scenario, world, {
    onJob: (job) => jobs.arrived(job),
    onReplicas: (model, replicas) => {
      const known = services.get(model.name);
      serviceGpus += (replicas - (known?.wanted ?? 0)) * model.gpusPerReplica;
      services.set(model.name, { model, name: model.name, wanted: replicas });
    },
  });

  function msOf(at: EpochMs): number {
    return at - start;
  }

  function isCounted(): boolean {
    const atMs = msOf(world.now);
    return atMs >= warmInMs && atMs < lengthMs;
  }

  // 2. What follows from what has happened at this instant.
  let read = 0;
  function readLedger(): void {
    const { ledger } = world;
    for (let fact = ledger[read]; fact !== undefined; fact = ledger[read]) {
      read += 1;
      const atMs = msOf(fact.at);
      options.onFact?.(fact);
      jobs.take(fact, atMs);
      const { ended } = book.take(fact);
      if (ended !== undefined && isCounted()) meter.ended(ended, world.now - ended.createdAt);
      if (fact.kind === "machine-starved") happenings.machine("launch-failed", fact.pool, null, atMs);
      // What a group does of itself shows when it is read, live within seconds.
      if (fact.kind === "machine-starved" || (fact.kind === "machine-created" && !acting))
        otherSince ??= world.now;
      if (!isCounted()) continue;
      if (fact.kind === "machine-created") counts.added += 1;
      if (fact.kind === "machine-deleting") counts.removed += 1;
      if (fact.kind === "machine-starved") counts.launchesFailed += 1;
    }
    meter.changed();
  }

  function absorb(): void {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const before = read;
      readLedger();
      door.finish();
      if (read === world.ledger.length && !agents.look() && before === read) break;
    }
    watching.feed();
  }

  // 3. Questions.
  let askedAt = -Infinity;
  let againAt = -Infinity;
  let decisions = 0;
  let memory: Memory = EMPTY_MEMORY;

  function dueAt(): number {
    const earliest = askedAt + GAP_MS;
    // A notice waits for no batch.
    if (isUrgent) return earliest;
    const news = Math.min(
      podsSince === null ? Infinity : podsSince + BATCH_MS,
      // While a batch is open, other news waits with it.
      otherSince === null ? Infinity : podsSince === null ? otherSince : podsSince + BATCH_MS,
    );
    return Math.max(earliest, Math.min(againAt, news));
  }

  function ask(): void {
    askedAt = world.now;
    isUrgent = false;
    podsSince = null;
    otherSince = null;
    decisions += 1;
    const seen = watching.snapshot(prices.known(), memory);
    const snapshot = withForecasts(seen, options.forecast);
    const step = sizer.step(snapshot);
    memory = step.memory ?? EMPTY_MEMORY;
    options.onSnapshot?.(snapshot, step);
    agents.fleet.decided(world.now);
    // At the end of each bin, as a coordinator that looks every few seconds sees it.
    const binEndsInMs = options.forecast === undefined ? Infinity : BIN_MS - (world.now % BIN_MS);
    againAt = world.now + Math.min(step.againInMs ?? Infinity, binEndsInMs);
    acting = true;
    door.act(step, snapshot);
    absorb();
    acting = false;
  }

  // 4. Time passes.
  let passedMs = 0;
  function passTo(toMs: number): void {
    while (passedMs < Math.min(toMs, lengthMs)) {
      const untilMs = Math.min(toMs, lengthMs, timeline.endMs, passedMs < warmInMs ? warmInMs : Infinity);
      const ms = untilMs - passedMs;
      timeline.pass(meter.level(), ms, options.forecast?.shown?.() ?? null);
      if (passedMs >= warmInMs) meter.pass(ms);
      passedMs = untilMs;
    }
  }

  function nextAt(): number {
    return Math.min(
      world.nextEventAt() ?? Infinity,
      prices.nextAt() ?? Infinity,
      stocks.nextAt() ?? Infinity,
      work.nextAt() ?? Infinity,
      dueAt(),
    );
  }

  // What the traces say of the start holds before the first machine is asked for.
  stocks.moveTo(start);
  for (const pool of pools) world.clouds.addGroup(groupOf(pool, times));
  world.advance(start);
  prices.moveTo(start);
  work.moveTo(start);
  absorb();
  const endAt = start + endMs;
  let shown = 0;
  for (;;) {
    const next = Math.min(Math.max(nextAt(), world.now), endAt);
    passTo(next - start);
    if (next >= endAt) {
      if (world.now < endAt) world.advance(epochMs(endAt));
      absorb();
      break;
    }
    world.advance(epochMs(next));
    if (prices.moveTo(world.now)) meter.changed();
    stocks.moveTo(world.now);
    work.moveTo(world.now);
    absorb();
    if (dueAt() <= world.now) ask();
    if (msOf(world.now) * PROGRESS_STEPS >= shown * endMs) {
      shown += 1;
      options.onProgress?.({ atMs: msOf(world.now), ofMs: endMs, decisions });
    }
    if (msOf(world.now) >= lengthMs && work.done && jobs.open === 0) break;
  }
  options.onProgress?.({ atMs: endMs, ofMs: endMs, decisions });

  return {
    scenario: scenario.name,
    sizer: sizer.name,
    seed,
    score: scoreOf({
      meter,
      jobs: jobs.figures(Math.min(msOf(world.now), endMs)),
      counts,
      bound: boundOf(scenario, lengthMs),
      hasServices: scenario.work.services.length > 0,
    }),
    timeline: timeline.bins(),
    happenings: happenings.list,
    happeningsLeftOut: happenings.leftOut,
    decisions,
  };
}

function withForecasts(snapshot: Snapshot, forecast: Forecasting | undefined): Snapshot {
  if (forecast === undefined) return snapshot;
  forecast.look(snapshot);
  return {
    ...snapshot,
    policies: snapshot.policies.map((policy) => {
      const input = policy.kind === "valid" ? forecast.inputOf(policy.name) : undefined;
      return input === undefined ? policy : { ...policy, forecast: input };
    }),
  };
}
