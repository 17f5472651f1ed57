// One run in virtual time: a fleet, its work and its faults, all from one seed, and a coordinator that dies and comes
// back; stepped from one event to the next. At the end all faults are over, and the fleet has a while to come to rest.
// The book of the run is judged by what must hold (invariants.ts).

import { createWorld } from "../../../coordinator/replay/world.ts";
import { parsePolicyStatus } from "../../../shared/contract/policy/status.ts";
import { seededRandom } from "../../../shared/model/random.ts";
import { millis } from "../../../shared/model/units.ts";
import { createBook } from "../book.ts";
import type { Entry } from "../book.ts";
import { drawFaults } from "../draw.ts";
import { endOf } from "../fault.ts";
import type { Fault } from "../fault.ts";
import {
  groupShape,
  markedNodes,
  policyFor,
  POLICY_NAME,
  POOLS,
  startOf,
  unsettled,
  workOf,
  writePolicy,
  ZONES,
} from "../fleet.ts";
import { violationsOf } from "../invariants.ts";
import type { Bounds, Violation } from "../invariants.ts";
import { createRecorder } from "../recorder.ts";
import { createAgents } from "./agents.ts";
import type { GroupWrite } from "./cloud.ts";
import { HOURS_KINDS, playFault } from "./play.ts";
import { LEASE_MS, startReplica } from "./replica.ts";
import type { Bucket, Replica } from "./replica.ts";
import { createTime, turn } from "./time.ts";
import { noTroubles } from "./troubles.ts";

export interface HoursRun {
  readonly seed: number;
  readonly hours: number;
  readonly faults: readonly Fault[];
  readonly violations: readonly Violation[];
  readonly entries: readonly Entry[];
  readonly cycles: number;
  /** From the last fault's end to rest; null: it did not come to rest. */
  readonly recoveryMs: number | null;
}

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const TIMES = {
  bootMs: [millis(40_000), millis(120_000)],
  readyMs: [millis(10_000), millis(40_000)],
  jobGapMs: 10 * MINUTE_MS,
  jobMs: [2 * MINUTE_MS, 50 * MINUTE_MS],
} as const;
/** Machines boot in minutes and what failed to launch is tried again after some more. */
const BOUNDS: Bounds = { editMs: 30_000, freshMs: 20_000, chanceMs: 5_000, recoveryMs: 40 * MINUTE_MS };
const REST_MS = 45 * MINUTE_MS;
/** A new process needs so long to begin, where nobody waits for a lease. */
const START_MS = 2_000;
const TURNS = 20_000;

export function hoursFaults(seed: number, hours: number): readonly Fault[] {
  return drawFaults({
    seed,
    kinds: HOURS_KINDS,
    lengthMs: hours * HOUR_MS,
    gapMs: 6 * MINUTE_MS,
    spansMs: [5_000, 12 * MINUTE_MS],
    zones: ZONES,
    bursts: { gapMs: 80 * MINUTE_MS, withinMs: 3 * MINUTE_MS, most: 4, noticesMs: [30_000, 120_000] },
    stepMs: 120_000,
  });
}

/** @param faults to play instead of those of the seed. */
export async function runHours(
  seed: number,
  hours: number,
  faults: readonly Fault[] = hoursFaults(seed, hours),
): Promise<HoursRun> {
  const start = startOf(seed);
  const random = seededRandom(seed ^ 0xfa11);
  const time = createTime(start);
  const world = createWorld({ start, seed, heartbeatMs: null, nodeDomain: "" });
  for (const pool of POOLS) world.clouds.addGroup(groupShape(pool, TIMES));
  const troubles = noTroubles();
  const agents = createAgents({ world, time, troubles });
  const book = createBook();
  const bucket: Bucket = { memory: null, offerings: new Map() };
  let replica: Replica | null = null;
  let made = 0;
  let cycles = 0;
  let clockBy = 0;
  const recorder = createRecorder({
    world,
    book,
    start,
    reading: (node) => agents.reading(node),
    staleMs: () => replica?.lateMs ?? 0,
    ordered: () => true,
  });
  const spec = policyFor("http://cloud", policyFields(random));

  function begin(predecessor: Parameters<typeof startReplica>[0]["predecessor"]): void {
    made += 1;
    const name = `replica-${made}`;
    replica = startReplica({
      name,
      seed: seed + made,
      world,
      time,
      troubles,
      agents,
      bucket,
      predecessor,
      // As clouds are: some refuse what rests on an old reading, some do not.
      conditional: seed % 2 === 0,
      onWrite,
      onCycle: (snapshot, { plan }) => {
        cycles += 1;
        const answered = [...plan.moves, ...plan.holds].map(({ pool }) => pool);
        const pools = snapshot.policies.flatMap((policy) =>
          policy.kind === "valid" ? policy.pools.map((pool) => pool.name) : policy.pools,
        );
        if (pools.some((pool) => !answered.includes(pool)))
          book.add({ at: time.ms, kind: "cycle", pools, answered });
      },
      onBroken: (part, detail) => book.add({ at: time.ms, kind: "broken", part, detail }),
      onEnd: (how) => {
        replica = null;
        time.alarm(time.ms + (how === "killed" ? LEASE_MS : START_MS), () =>
          begin(how === "killed" ? "silent" : "gave-back"),
        );
      },
    });
    replica.setClock(clockBy);
  }

  function onWrite({ group, write, instance, from }: GroupWrite): () => void {
    const what = write === "desired" ? "grow" : write;
    const note = recorder.change(group, instance);
    return () => note({ what, from, to: world.clouds.group(group)?.desired ?? 0 });
  }

  // 1. What will happen.
  const lengthMs = hours * HOUR_MS;
  writePolicy(world, spec);
  for (const work of workOf(seed, lengthMs, TIMES)) time.alarm(work.at, () => work.start(world));
  const stage = {
    world,
    time,
    troubles,
    agents,
    recorder,
    spec,
    leader: () => replica,
    setClock: (byMs: number) => {
      clockBy = byMs;
      replica?.setClock(byMs);
    },
  };
  for (const fault of faults) time.alarm(fault.at, () => playFault(fault, stage));
  const faultsEnd = Math.max(lengthMs, ...faults.map(endOf));
  time.alarm(faultsEnd, () => {
    Object.assign(troubles, noTroubles());
  });
  begin("none");

  // 2. From one event to the next, until the fleet rests or its time is over.
  const openMoves = (): readonly string[] =>
    (parsePolicyStatus(world.get("autoscalingpolicies", { name: POLICY_NAME })?.status)?.moves ?? []).flatMap(
      ({ phase, key }) => (phase === "intended" || phase === "draining" ? [key] : []),
    );
  let settledAt: number | null = null;
  let seenVersion = -1;
  for (;;) {
    const next = Math.min(time.nextAt ?? Infinity, (world.nextEventAt() ?? Infinity) - start);
    if (next > faultsEnd + REST_MS) break;
    time.moveTo(Math.max(next, time.ms));
    world.advance(at(time.ms));
    time.ring();
    await rest();
    recorder.follow();
    if (time.ms < faultsEnd) continue;
    const isDone = unsettled(world, openMoves()).length === 0 && markedNodes(world).length === 0;
    if (!isDone) settledAt = null;
    else settledAt ??= time.ms;
    // It has to last.
    if (settledAt !== null && time.ms - settledAt > 2 * MINUTE_MS) break;
  }

  function at(ms: number): typeof start {
    return (start + ms) as typeof start;
  }

  async function rest(): Promise<void> {
    for (let turns = 0; ; turns++) {
      agents.look();
      replica?.feed();
      await turn();
      if (replica?.busy !== true && seenVersion === world.version) return;
      seenVersion = world.version;
      if (turns > TURNS)
        throw new Error(`seed ${seed}: the coordinator does not come to rest at ${time.ms} ms`);
    }
  }

  book.add({
    at: time.ms,
    kind: "last",
    faultsEnd,
    settledAt,
    left: [...unsettled(world, openMoves()), ...markedNodes(world)],
    cordoned: markedNodes(world),
    forgotten: forgotten(),
  });
  (replica as Replica | null)?.die();

  function forgotten(): readonly string[] {
    const members = new Set(world.clouds.groups().flatMap(({ instances }) => instances.map(({ id }) => id)));
    return world
      .list("nodes")
      .map(({ metadata }) => metadata.name)
      .filter((name) => !members.has(name));
  }

  return {
    seed,
    hours: time.ms / HOUR_MS,
    faults,
    violations: violationsOf(book.entries, BOUNDS),
    entries: book.entries,
    cycles,
    recoveryMs: settledAt === null ? null : settledAt - faultsEnd,
  };
}

/** Windows short enough that nodes come and go within an hour; some policies also move pods to save, or back to spot. */
function policyFields(random: () => number): Readonly<Record<string, unknown>> {
  return {
    pendingPodTimeoutSeconds: random() < 0.5 ? 0 : 30,
    scaleUpCooldownSeconds: random() < 0.5 ? 0 : 60,
    scaleDownCooldownSeconds: random() < 0.5 ? 0 : 60,
    scaleDownDelayAfterAddSeconds: 60,
    emptySeconds: 60,
    idleSeconds: 180,
    reclaimIdleHolders: random() < 0.5,
    ...(random() < 0.5 ? { consolidation: { enabled: true, afterSeconds: 120 } } : {}),
    disruption: { budgets: [{ nodes: "50%" }] },
    ...(random() < 0.5 ? { spot: { returnAfterSeconds: 120, returnPolicy: "Replace" } } : {}),
  };
}
