// The coordinator's process: reads settings, builds the parts in the order in which they depend on each other,
// and runs them until a signal. Wiring only; what each part promises stands in its own file.

import { FIELD_MANAGER, KV_BUCKET } from "../shared/model/names.ts";
import { seededRandom } from "../shared/model/random.ts";
import { bytes, millis } from "../shared/model/units.ts";
import type { EpochMs } from "../shared/model/units.ts";
import { startAdmin } from "../shared/runtime/admin.ts";
import { asksForVersion, versionLine } from "../shared/runtime/build-info.ts";
import { systemClock as clock } from "../shared/runtime/clock.ts";
import { describe, ERROR_KINDS, kindOf } from "../shared/runtime/errors.ts";
import { createEventRecorder } from "../shared/runtime/kube/events.ts";
import { createDiscovery } from "../shared/runtime/kube/resources.ts";
import { createLog, createQuietLog } from "../shared/runtime/log.ts";
import { createMetrics } from "../shared/runtime/metrics.ts";
import { openBucket } from "../shared/runtime/nats-kv.ts";
import { runProgram } from "../shared/runtime/process.ts";
import type { Program } from "../shared/runtime/process.ts";
import { effectiveSettings, loadSettings, readEnvironment } from "../shared/runtime/settings.ts";
import { createActuator } from "./act/actuator.ts";
import { createJournal } from "./act/journal.ts";
import { journalOf } from "./act/moves.ts";
import { answerLogins, calloutKeys } from "./auth/callout.ts";
import { cloudTargetsOf, createBackEnds } from "./back-ends.ts";
import { launchFailureOf } from "./cloud/group.ts";
import { rightsAt } from "./cloud/rights.ts";
import { connectKubernetes, connectToNats } from "./connect.ts";
import { decideInTurns } from "./decide/decide.ts";
import { decideAndExplain } from "./decide/explained.ts";
import { isCheckpointed } from "./decide/fleet/tenants.ts";
import { scheduleProblems } from "./decide/limits/schedule-check.ts";
import { priceBook } from "./decide/market/price.ts";
import type { Decision } from "./decide/plan.ts";
import { allowedNow, removalRefusedNow } from "./decide/recheck.ts";
import type { Snapshot } from "./decide/snapshot.ts";
import { identityOf, leadWhenElected } from "./leader.ts";
import { runCycles } from "./loop.ts";
import { chargesOf } from "./money/paid.ts";
import { createCluster } from "./observe/cluster.ts";
import { createFleet } from "./observe/fleet.ts";
import { readHistoryFile } from "./observe/forecast-history.ts";
import { createForecasts } from "./observe/forecasts.ts";
import { createMemoryKeeper } from "./observe/memory.ts";
import { receiveEvents, receiveReports } from "./observe/messages.ts";
import { createNotices } from "./observe/notices.ts";
import { createPolicies } from "./observe/policies.ts";
import { createPrices, wantedPrices } from "./observe/prices.ts";
import { createRivals } from "./observe/rivals.ts";
import { createObserver } from "./observe/snapshot.ts";
import { LIVE_CHECKS, readyChecks } from "./probes.ts";
import { createRecording } from "./record/recording.ts";
import { createExplainPages } from "./report/explain-pages.ts";
import { createForecastPage } from "./report/forecast-page.ts";
import { forecastAnswer } from "./report/forecast-text.ts";
import { recordAccounts, recordCall } from "./report/metrics-calls.ts";
import { createForecastRecorder } from "./report/metrics-forecast.ts";
import { COORDINATOR_METRICS } from "./report/metrics.ts";
import { createMoney } from "./report/money.ts";
import { createPeerTeller } from "./report/peers.ts";
import { createReporter } from "./report/reporter.ts";
import { createRightsPage } from "./report/rights-page.ts";
import { COORDINATOR_SETTINGS } from "./settings.ts";
import { createTasks } from "./tasks.ts";
import { createWake } from "./wake.ts";

if (asksForVersion(process.argv.slice(2))) {
  process.stdout.write(`${versionLine("gpu-autoscaler-coordinator")}\n`);
  process.exit(0);
}

const settings = readSettings();
const { values } = settings;
const log = createLog({ level: values.logLevel, base: { program: "coordinator" } });
await runProgram({ name: "coordinator", log, main: run });

async function run(program: Program): Promise<void> {
  log.info({ settings: effectiveSettings(COORDINATOR_SETTINGS, settings) }, "starting");
  const random = seededRandom(process.pid ^ clock.now());
  const quiet = createQuietLog(log, clock);
  const metrics = createMetrics(COORDINATOR_METRICS);
  const tasks = createTasks(program.signal);

  // 1. The two sides we talk to.
  const client = await connectKubernetes(values, clock);
  program.onStop("kubernetes", () => client.close());
  const nats = connectToNats(values, { log, clock, random });
  program.onStop("nats", async () => await nats.close());
  metrics.set("gpu_autoscaler_nats_connected", {}, 0);
  nats.onState(({ kind }) => {
    metrics.set("gpu_autoscaler_nats_connected", {}, kind === "connected" ? 1 : 0);
  });

  // Who may connect to NATS: answered by every replica, so that agents come in while nobody leads.
  const keys = calloutKeys(values);
  if (keys !== null) {
    const callout = {
      ...keys,
      nats,
      client,
      account: values.natsAccount,
      subjectRoot: values.subjectRoot,
      audience: values.natsAudience,
      serviceAccount: values.agentServiceAccount,
      clock,
      log,
      onAnswer: (result: string): void => metrics.inc("gpu_autoscaler_nats_logins_total", { result }),
    };
    tasks.spawn("nats logins", async (signal) => await answerLogins({ ...callout, signal }));
  }

  // 2. Observe.
  const wake = createWake({
    clock,
    gapMs: millis(100),
    batchMs: values.batchWindow,
    beatMs: values.cycleInterval,
  });
  const refused = (kind: string, reason: string, detail: string): void => {
    metrics.inc("gpu_autoscaler_messages_refused_total", { kind, reason });
    quiet.log(`${kind} ${reason}`, "warn", { reason, subject: kind, error: detail }, "message refused");
  };
  const unreadable = (kind: string, name: string, detail: string): void => {
    metrics.inc("gpu_autoscaler_objects_unreadable_total", { kind });
    quiet.log(
      `${kind} ${name}`,
      "warn",
      { resource: kind, name, reason: detail },
      "cannot read a part of an object",
    );
  };
  const watch = {
    client,
    clock,
    random,
    log,
    onTrouble: (kind: string): void => {
      metrics.inc("gpu_autoscaler_watch_errors_total", { kind });
    },
  };
  const news = (): void => {
    wake.trigger("other");
  };
  const { subjectRoot } = values;
  const fleet = createFleet({
    now: () => clock.now(),
    subjectRoot,
    onRefused: (code, detail) => refused("report", code, detail),
    onTurn: news,
    onAge: (ms) => metrics.observe("gpu_autoscaler_report_age_seconds", {}, ms / 1000),
  });
  const notices = createNotices({
    now: () => clock.now(),
    subjectRoot,
    onRefused: refused,
    onNotice: () => wake.trigger("urgent"),
  });
  const journal = createJournal({
    client,
    onUnreadable: (policy) => unreadable("status", policy, "its journal is begun anew"),
  });
  const discover = createDiscovery(client);
  const cluster = createCluster({
    watch,
    discover,
    onProblem: ({ kind, name, detail }) => unreadable(kind, name, detail),
    onChange: (what) => wake.trigger(what),
  });
  const policies = createPolicies({
    watch,
    problemsOf: scheduleProblems,
    onObject: (object) => journal.seen(object),
    onGone: (name) => journal.gone(name),
    onChange: () => {
      observer.follow();
      news();
    },
  });
  const backEnds = createBackEnds({
    client,
    discover,
    cluster,
    watch,
    clock,
    random,
    log,
    onCall: (call) => recordCall(metrics, call),
    onChange: news,
    spawn: (name, task) => tasks.spawn(name, task),
  });
  program.onStop("clouds", () => backEnds.accounts.close());
  const namespace = values.namespace ?? client.namespace;
  const rivals = createRivals({
    watch,
    discover,
    defaultNamespace: client.namespace,
    lease: { namespace, name: values.leaseName },
    leaderBefore: (policy) => journal.claimOf(policy)?.leaderBefore,
    takenBack: (policy) => {
      const claim = journal.claimOf(policy);
      return claim?.takenBack === true ? claim.term : undefined;
    },
    onChange: news,
  });
  const prices = createPrices({
    accounts: backEnds.accounts,
    wanted: () => wantedPrices(policies.list(), (group) => backEnds.groups.reading(group), cluster.nodes()),
    clock,
    random,
    log,
  });
  const observer = createObserver({
    cluster,
    policies,
    fleet,
    notices,
    rivals,
    groups: backEnds.groups,
    prices,
    journalOf: (policy) => journalOf(journal.status(policy)),
  });
  for (const watched of [...cluster.watches, policies.watch, ...cluster.optional, ...rivals.watches])
    tasks.spawn(`watch of ${watched.name}`, async (signal) => await watched.run(signal));
  const messages = { nats, subjectRoot, fleet, notices, replicas: values.natsReplicas, clock, random, log };
  tasks.spawn("prices", async (signal) => await prices.run(signal));
  tasks.spawn("reports", async (signal) => await receiveReports({ ...messages, signal }));
  tasks.spawn("events", async (signal) => await receiveEvents({ ...messages, signal }));
  const bucket = openBucket(nats, {
    name: KV_BUCKET.memory,
    maxBytes: bytes(64 * 1024 * 1024),
    replicas: values.natsReplicas,
    clock,
    log,
    random,
  });
  const memory = createMemoryKeeper({
    bucket,
    whenConnected: async (signal) => await nats.whenConnected(signal),
    clock,
    log,
  });
  tasks.spawn("memory", async (signal) => await memory.run(signal));
  const whenConnected = async (signal: AbortSignal) => await nats.whenConnected(signal);
  const forecasts = createForecasts({
    bucket: openBucket(nats, {
      name: KV_BUCKET.history,
      maxBytes: bytes(128 * 1024 * 1024),
      replicas: values.natsReplicas,
      clock,
      log,
      random,
    }),
    whenConnected,
    history: await readHistoryFile(values.forecastHistory, log),
    clock,
    log,
  });
  const recordForecasts = createForecastRecorder(metrics);

  // 3. Probes, metrics, and why the last decision was as it was.
  let leading = false;
  let leader: string | null = null;
  const pages = createExplainPages({
    explain: (snapshot) => decideAndExplain(snapshot).explain,
    leader: () => leader,
  });
  const asking = { accounts: backEnds.accounts, clock, signal: program.signal };
  const rights = createRightsPage({
    ask: async () => await rightsAt(cloudTargetsOf(policies.list()), asking),
    clock,
  });
  const { costLabels } = values;
  const money = createMoney({
    metrics,
    labels: costLabels,
    chargesOf: (fleetNow, pricesNow) => chargesOf(fleetNow, priceBook(pricesNow), costLabels),
    leader: () => leader,
    clock,
    log,
  });
  const expected = createForecastPage({
    views: () => forecasts.views(),
    now: () => clock.now(),
    isLeading: () => leading,
    leader: () => leader,
  });
  const admin = await startAdmin({
    host: values.metricsHost,
    port: values.metricsPort,
    log,
    metrics: async () => {
      recordAccounts(metrics, backEnds.accounts.rests(), backEnds.clouds.ages(clock.now()));
      return await metrics.text();
    },
    live: LIVE_CHECKS,
    ready: readyChecks({ observer, nats, isLeading: () => leading, clock }),
    routes: { ...pages.routes, ...rights, ...money.routes, ...expected },
  });
  program.onStop("admin", async () => await admin.close());
  log.info({ url: admin.url }, "listening");

  // 4. Decide, act, report: as long as we lead.
  const actuator = createActuator({
    journal,
    limits: { allowedGrowth: allowedNow, removalRefused: removalRefusedNow },
  });
  const record = createEventRecorder({ client, component: FIELD_MANAGER.coordinator, clock });
  const identityOfPolicy = (name: string) =>
    policies.list().find((policy) => policy.name === name) ?? { uid: undefined, generation: undefined };
  const reporter = createReporter({
    metrics,
    record,
    log,
    changeStatus: async (policy, change, call) => await journal.change(policy, change, call),
    identityOf: identityOfPolicy,
    rateOf: (policy, at) => money.rateOf(policy, at),
    forecastOf: (policy) => ({
      series: forecasts
        .views()
        .filter((view) => view.policy === policy)
        .map(forecastAnswer),
      problem: forecasts.problemOf(policy),
    }),
  });
  const peers = createPeerTeller({
    publish: (subject, data) => nats.publishLatest(subject, data),
    subjectRoot,
    saves: isCheckpointed,
    onTold: () => metrics.inc("gpu_autoscaler_peers_told_total", {}),
  });
  const cycleParts = {
    decided: (at: EpochMs) => fleet.decided(at),
    memoryWaitMs: values.memoryWait,
    callDeadlineMs: values.callDeadline,
    act: {
      client,
      clock,
      random,
      log,
      drainTimeoutMs: values.drainTimeout,
      groupOf: backEnds.groupOf,
      ...(values.nodePools ? { capped: backEnds.capped } : {}),
      launchFailureOf,
    },
    journal,
    leaseMs: values.leaseDuration,
  };
  const recording = createRecording({
    dir: values.recordDir,
    maxBytes: values.recordBytes,
    maxAgeMs: values.recordAge,
    anonymised: values.recordAnonymised,
    metrics,
    clock,
    log: quiet,
  });
  tasks.spawn("recording", async (signal) => await recording.run(signal));
  const decideAndKeep = function* (snapshot: Snapshot): Generator<void, Decision> {
    const { plan, memory: next, work } = yield* decideInTurns(snapshot);
    pages.keep(snapshot, plan);
    yield;
    if (work !== null) money.look(work.packing.fleet, snapshot.prices);
    recording.take({ snapshot, plan });
    return { plan, memory: next };
  };
  const election = {
    client,
    identity: identityOf(values.identity, process.pid, random),
    namespace,
    leaseName: values.leaseName,
    leaseMs: values.leaseDuration,
    renewMs: values.leaseRenew,
    retryMs: values.leaseRetry,
    clock,
    random,
    log,
    onLeading: (now: boolean) => {
      leading = now;
      leader = now ? election.identity : null;
      if (!now) pages.forget();
      if (now) recording.begin();
      metrics.set("gpu_autoscaler_leader", {}, now ? 1 : 0);
    },
    onHolder: (identity: string) => {
      leader = identity;
    },
  };
  tasks.spawn("leader", async (signal) => {
    await leadWhenElected(election, signal, async (leaderSignal, leadership) => {
      const parts = {
        ...cycleParts,
        clock,
        log,
        metrics,
        wake,
        observer: {
          ...observer,
          snapshot: (...asked: Parameters<typeof observer.snapshot>) => {
            const snapshot = forecasts.complete(observer.snapshot(...asked));
            recordForecasts(forecasts.views());
            return snapshot;
          },
        },
        decide: decideAndKeep,
        memory,
        actuator,
        reporter,
        peers,
        identity: election.identity,
      };
      const kept = {
        bucket,
        whenConnected: async (ends: AbortSignal) => await nats.whenConnected(ends),
        identity: election.identity,
      };
      await money.keepDuring(kept, leaderSignal, async () => {
        await forecasts.keepDuring(leaderSignal, async () => {
          await runCycles(parts, leaderSignal, leadership);
        });
      });
    });
  });

  await tasks.finished;
}

function readSettings() {
  try {
    return loadSettings(COORDINATOR_SETTINGS, readEnvironment(), process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`coordinator: ${describe(error)}\n`);
    return process.exit(ERROR_KINDS[kindOf(error)].exitCode);
  }
}
