// Chaos in real time: shipped agents and coordinators, a real nats-server, and a list of faults, for some minutes; then all
// faults are over, and the fleet has half a minute to come to rest. What happened is judged from outside alone.

import { seededRandom } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import { systemClock } from "../../../shared/runtime/clock.ts";
import { eventually } from "../../build/eventually.ts";
import { lastLines } from "../../build/program.ts";
import { createBook } from "../book.ts";
import type { Entry } from "../book.ts";
import { drawFaults } from "../draw.ts";
import { endOf } from "../fault.ts";
import type { Fault } from "../fault.ts";
import { markedNodes, policyFor, POLICY_NAME, unsettled, workOf, ZONES } from "../fleet.ts";
import { violationsOf } from "../invariants.ts";
import type { Bounds, Violation } from "../invariants.ts";
import { createRecorder } from "../recorder.ts";
import { createLivePlay, LIVE_KINDS, openMoves } from "./play.ts";
import { LIVE_TIMES, openLiveStage } from "./stage.ts";

export interface LiveRun {
  readonly seed: number;
  readonly minutes: number;
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly entries: readonly Entry[];
  readonly recoveryMs: number | null;
  /** Processes that were started, beyond the first of each. */
  readonly restarts: number;
  /** What was called at the cloud and at the API server. */
  readonly calls: number;
}

const MINUTE_MS = 60_000;
const BOUNDS: Bounds = { editMs: 10_000, freshMs: 20_000, chanceMs: 8_000, recoveryMs: 30_000 };
const LOOK_MS = 50;
const STORM_MS = 1_500;
/** Arrives while nobody can act, and takes nodes of its own. */
const LAST_JOB = { id: "last", gpus: 24, maxGpusPerPod: 8, durationMs: millis(600_000) } as const;
const LAST_JOB_BEFORE_MS = 1_000;
/** It has to last so long to be rest. */
const RESTED_MS = 2_000;
/** How long a fleet is watched that does not come to rest. */
const REST_MS = 60_000;

export function liveFaults(seed: number, minutes: number): readonly Fault[] {
  const drawn = drawFaults({
    seed,
    kinds: LIVE_KINDS,
    lengthMs: minutes * MINUTE_MS,
    gapMs: 3_000,
    spansMs: [300, 8_000],
    zones: ZONES,
    bursts: { gapMs: 30_000, withinMs: 3_000, most: 3, noticesMs: [11_000, 16_000] },
    stepMs: 60_000,
  });
  // A machine that was given notice may go long after.
  return [...drawn, ...storm(seed, Math.max(minutes * MINUTE_MS, ...drawn.map(endOf)))];
}

/** Last of all, when all others have ended: machines go, nobody leads, and all that one would turn to is away, so that there is something to recover from. */
function storm(seed: number, at: number): readonly Fault[] {
  const random = seededRandom(seed ^ 0x5702);
  const forMs = STORM_MS;
  return [
    { kind: "node-lost", at, pick: random() },
    { kind: "node-lost", at, pick: random() },
    { kind: "leader-dies", at, point: "now", nth: 1 },
    { kind: "agent-dies", at, forMs, pick: random() },
    { kind: "api-away", at, forMs },
    { kind: "cloud-away", at, forMs },
    { kind: "nats-away", at, forMs },
  ];
}

/** @param faults to play instead of those of the seed. */
export async function runLive(
  seed: number,
  minutes: number,
  faults: readonly Fault[] = liveFaults(seed, minutes),
  say: (line: string) => void = () => {},
): Promise<LiveRun> {
  await using stage = await openLiveStage(LIVE_TIMES, seed, say);
  const { scene, cloud, agents, coordinators } = stage;
  const random = seededRandom(seed ^ 0xfa11);
  const book = createBook();
  const start = scene.world.now;
  const passed = (): number => systemClock.now() - start;
  const noticed = new Set<string>();
  const recorder = createRecorder({
    world: scene.world,
    book,
    start,
    reading: (node) => stage.reading(node),
    // A watch that was cut is back within seconds; the policy may be old for as long as any fault keeps it.
    staleMs: () => 10_000,
    ordered: (node) => !noticed.has(node),
  });
  const spec = policyFor(cloud.url, policyFields(random));
  const play = createLivePlay({ stage, spec, notice });

  // 1. What is seen from outside.
  scene.server.onRequest(({ when }) => {
    if (when === "after") recorder.follow();
  });
  const pending = new Map<string, ReturnType<typeof recorder.change>>();
  const sizes = new Map<string, number>();
  cloud.onRequest(({ phase, action, groups: [group = ""], write, parameters }) => {
    if (!write) return;
    const size = scene.world.clouds.group(group)?.desired ?? 0;
    const { instance = null } = parameters as { readonly instance?: string };
    const id = `${group} ${action} ${instance ?? ""}`;
    if (phase === "arrived") {
      recorder.follow();
      pending.set(id, recorder.change(group, instance));
      sizes.set(id, size);
      return;
    }
    const note = pending.get(id);
    if (cloud.calls.at(-1)?.effect !== "done") return;
    const what = action === "desired" ? "grow" : (action as "remove" | "release" | "cancel");
    note?.({ what, from: sizes.get(id) ?? 0, to: size });
    recorder.follow();
  });

  function notice(node: string, deadline: number): void {
    noticed.add(node);
    let longest = 0;
    let current = 0;
    // Counted by looks that were made: on a machine that is too busy to look, nobody else had the chance either.
    const timer = setInterval(() => {
      current = agents.isAble(node) && play.apiWorks ? current + LOOK_MS : 0;
      longest = Math.max(longest, current);
      if (systemClock.now() >= deadline) clearInterval(timer);
    }, LOOK_MS);
    scene.also(async () => await Promise.resolve(clearInterval(timer)));
    recorder.noticed(node, deadline, () => longest);
  }

  // 2. What happens.
  scene.policy(spec, POLICY_NAME);
  const timers = workOf(seed, minutes * MINUTE_MS, LIVE_TIMES).map((work) =>
    setTimeout(() => scene.server.change((world) => work.start(world)), work.at),
  );
  const follow = setInterval(() => {
    agents.follow();
    coordinators.follow();
    recorder.follow();
  }, LOOK_MS);
  // Before anything else ends: who has stopped is not to be started again.
  using _stopped = {
    [Symbol.dispose]: () => {
      clearInterval(follow);
      for (const timer of timers) clearTimeout(timer);
    },
  };
  coordinators.follow();
  await scene.until(() => coordinators.leader() !== null, { withinMs: 60_000 });
  const begun = passed();
  for (const fault of faults)
    timers.push(
      setTimeout(() => {
        say(`${(fault.at / 1000).toFixed(1)} s ${JSON.stringify(fault)}`);
        play.play(fault);
      }, fault.at),
    );

  say("the faults are planned");
  // 3. The end of all faults, and rest.
  const lastMs = begun + Math.max(minutes * MINUTE_MS, ...faults.map(endOf));
  // A group replaces what it loses by itself; for this somebody has to decide again.
  timers.push(
    setTimeout(
      () => scene.server.change((world) => world.submitJob(LAST_JOB)),
      lastMs - passed() - LAST_JOB_BEFORE_MS,
    ),
  );
  await eventually(() => passed() >= lastMs, { withinMs: lastMs - begun + MINUTE_MS });
  say("all faults are over");
  await play.mend();
  const faultsEnd = passed();
  let settledAt: number | null = null;
  const leftNow = (): readonly string[] => [
    ...unsettled(scene.world, openMoves(scene.world)).filter((what) => !what.startsWith("group ")),
    ...markedNodes(scene.world),
  ];
  const lookAtRest = (): boolean => {
    if (leftNow().length > 0) settledAt = null;
    else settledAt ??= passed();
    return settledAt !== null && passed() - settledAt >= RESTED_MS;
  };
  await eventually(lookAtRest, { withinMs: REST_MS }).catch(() => {});

  function forgotten(): readonly string[] {
    const members = new Set(
      scene.world.clouds.groups().flatMap(({ instances }) => instances.map(({ node }) => node)),
    );
    return scene.world
      .list("nodes")
      .map(({ metadata }) => metadata.name)
      .filter((name) => !members.has(name));
  }

  if (settledAt === null)
    say(`${JSON.stringify(scene.status(POLICY_NAME))}\n${lastLines(coordinators.leader()?.logs ?? [], 30)}`);
  recorder.follow();
  for (const line of coordinators.bugs())
    book.add({ at: passed(), kind: "broken", part: "coordinator", detail: line });
  book.add({
    at: passed(),
    kind: "last",
    faultsEnd,
    settledAt,
    left: leftNow(),
    cordoned: settledAt === null ? markedNodes(scene.world) : [],
    forgotten: forgotten(),
  });
  return {
    seed,
    minutes,
    faults,
    violations: violationsOf(book.entries, BOUNDS),
    entries: book.entries,
    recoveryMs: settledAt === null ? null : settledAt - faultsEnd,
    restarts: coordinators.starts - 2,
    calls: cloud.calls.length + scene.server.audit.length,
  };
}

function policyFields(random: () => number): Readonly<Record<string, unknown>> {
  return {
    maxNodes: 5,
    // A minute here is an hour of a fleet's life: by default ten nodes in ten minutes would be all there is.
    maxPercentOrNodesAdded: { nodes: 1000, percent: 100 },
    maxPercentOrNodesRemoved: { nodes: 1000, percent: 100 },
    pendingPodTimeoutSeconds: 0,
    scaleUpCooldownSeconds: 0,
    scaleDownCooldownSeconds: 0,
    scaleDownDelayAfterAddSeconds: 1,
    emptySeconds: 2,
    idleSeconds: 4,
    reclaimIdleHolders: random() < 0.5,
    ...(random() < 0.5 ? { consolidation: { enabled: true, afterSeconds: 3 } } : {}),
    disruption: { budgets: [{ nodes: "50%" }] },
    provisioning: { launchTimeoutSeconds: 30, registrationTimeoutSeconds: 60, gpuReadyTimeoutSeconds: 60 },
  };
}
