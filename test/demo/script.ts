// What happens on the way, apart from the trace: a drill that hits a busy spot node and asks for a
// replacement, and a while without NATS. With `--break NAME` a saboteur does one thing more, and exactly that
// check has to notice.

import type { World } from "../../coordinator/replay/world.ts";
import type { Node, Pod } from "../../shared/model/kube.ts";
import { CLUSTER_API, NODE_ANNOTATION, NODE_LABEL } from "../../shared/model/names.ts";
import { evictionClass } from "../../shared/model/pod.ts";
import { elapsed, epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { CheckName } from "./checks.ts";
import { gpusUsedOn, isUsable, podsOn, poolOf } from "./cluster.ts";
import type { DrillRecord, Limits, Span } from "./evidence.ts";
import { busySpotNodes, mayAddNodeOfWork, mayReplace, needsNewNode, roomElsewhere } from "./moment.ts";
import type { Look } from "./moment.ts";
import type { Narrator } from "./narrator.ts";
import { GPUS_PER_NODE, ON_DEMAND_POOL, SPOT_POOL } from "./scene.ts";
import { demoJob } from "./workload.ts";
import type { DemoJob, Priority } from "./workload.ts";

/** No drill in the first seconds: the fleet has to be busy. */
const DRILL_NOT_BEFORE_MS = 20_000;
/** From here on the rest of the fleet is filled at the moment of the drill, so that a replacement is needed. */
const FILL_FROM_MS = 40_000;
/** From here on the script brings work of its own when the trace gives no node that a drill would hurt. */
const OWN_WORK_FROM_MS = 45_000;
/** From here on the script ends a job when the trace keeps the other pool at its maximum. */
const MAKE_ROOM_FROM_MS = 60_000;
const DRILL_LENGTH_MS = 60_000;
const NATS_AWAY_MS = 12_000;
const LOOK_EVERY = millis(250);

export interface Stagehands {
  /** To look at. */
  readonly world: World;
  /** Changes the world from outside, as its API server would see it. */
  readonly change: (make: (world: World) => void) => void;
  readonly clock: Clock;
  readonly narrator: Narrator;
  readonly seed: number;
  readonly sabotage: CheckName | null;
  readonly nats: { stop(): Promise<void>; restart(): Promise<void> };
  /** Ends the agent of a node and does not start it again. */
  killAgent(node: string): Promise<void>;
  /** Jobs that the script adds, for the fleet's utilisation. */
  addJob(job: DemoJob): void;
  readonly endsAt: Look["endsAt"];
  readonly limits: Limits;
  readonly signal: AbortSignal;
}

export interface ScriptRecord {
  drill: DrillRecord | null;
  readonly natsAway: Span[];
}

/** Runs the acts one after the other; returns when the last is over. */
export async function runScript(hands: Stagehands, startedAt: EpochMs, record: ScriptRecord): Promise<void> {
  const { change, clock, narrator, sabotage, signal } = hands;
  if (sabotage === "placed") submitImpossible(hands);

  // 1. A spot node gets a drill while it is busy.
  const { node, companions } = await stageDrill(hands, startedAt);
  record.drill = startDrill(hands, node);
  await podsGone(hands, record.drill);
  for (const companion of companions) change((each) => each.cancelJob(companion));
  await clock.sleep(millis(2000), signal);
  endDrill(hands, node);

  // 2. NATS is away for a while.
  if (sabotage === "limits") growBeyond(hands);
  await clock.sleep(millis(3000), signal);
  narrator.say("NATS goes away: growth goes on, idle nodes stay, empty nodes may go");
  const from = clock.now();
  record.natsAway.push({ from, to: null });
  await hands.nats.stop();
  await clock.sleep(millis(NATS_AWAY_MS), signal);
  await hands.nats.restart();
  record.natsAway[record.natsAway.length - 1] = { from, to: clock.now() };
  narrator.say(`NATS is back after ${NATS_AWAY_MS / 1000} s`);

  if (sabotage === "stale") await removeBlindly(hands);
  if (sabotage === "orphans") leaveMachine(hands);
}

/**
 * The busiest spot node, at a moment when its pods would not fit elsewhere, so that a replacement is needed, and
 * with pods of every class on it. Where the trace does not give such a moment, the script makes one, and says so.
 */
async function stageDrill(
  hands: Stagehands,
  startedAt: EpochMs,
): Promise<{ readonly node: string; readonly companions: readonly string[] }> {
  const { world, clock, signal, change, limits } = hands;
  let ownWork = false;
  let roomMade = false;
  for (;;) {
    await clock.sleep(LOOK_EVERY, signal);
    const passed = elapsed(startedAt, clock.now());
    if (passed < DRILL_NOT_BEFORE_MS) continue;
    if (!roomMade && passed > MAKE_ROOM_FROM_MS && !mayReplace(world, limits)) roomMade = makeRoom(hands);
    const node = candidate(hands, passed);
    if (node !== undefined) {
      const companions = await addCompanions(hands, node);
      // Without a pause from here to the notice: what was true must still be.
      if (isMoment(hands, node, "as they are")) return { node, companions };
      if (isMoment(hands, node, "filled")) {
        fillElsewhere(hands, node);
        return { node, companions };
      }
      hands.narrator.say(`jobs on ${node} ended meanwhile; the small pods leave again, the drill waits`);
      for (const companion of companions) change((each) => each.cancelJob(companion));
    } else if (!ownWork && passed > OWN_WORK_FROM_MS && mayAddNodeOfWork(world, limits)) {
      addOwnWork(hands);
      ownWork = true;
    }
  }
}

function candidate(hands: Stagehands, passed: number): string | undefined {
  const busy = busySpotNodes(hands.world);
  const found = busy.find((name) => isMoment(hands, name, "as they are"));
  if (found !== undefined || passed < FILL_FROM_MS) return found;
  return busy.find((name) => isMoment(hands, name, "filled"));
}

function isMoment(hands: Stagehands, node: string, others: "as they are" | "filled"): boolean {
  const { world, limits, endsAt, clock } = hands;
  return mayReplace(world, limits) && needsNewNode({ world, endsAt, now: clock.now() }, node, others);
}

/** For each other node one job of the size of its free GPUs, tied to it. */
function fillElsewhere({ world, narrator, addJob, seed }: Stagehands, than: string): void {
  const rooms = roomElsewhere(world, than);
  for (const [at, [node, gpus]] of rooms.entries()) {
    const nodeSelector = { [NODE_LABEL.hostname]: node };
    addJob(demoJob({ id: `filler-${at}`, gpus, durationMs: 20_000, priority: "medium", seed, nodeSelector }));
  }
  const total = rooms.reduce((sum, [, gpus]) => sum + gpus, 0);
  narrator.say(
    `the other nodes have room for the pods of ${than}; fillers take ${total} GPUs, so that a drill needs a new node`,
  );
}

function addOwnWork({ narrator, addJob, seed }: Stagehands): void {
  narrator.say(
    `the trace has no work that a drill would hurt; the script adds one job for ${GPUS_PER_NODE} GPUs`,
  );
  const gpus = GPUS_PER_NODE;
  addJob(demoJob({ id: "own-work", gpus, durationMs: 60_000, priority: "high", seed }));
}

/** Ends the jobs of the on-demand node that has fewest; true when there was one. */
function makeRoom({ world, change, narrator }: Stagehands): boolean {
  const [least] = world
    .list("nodes")
    .filter((node) => poolOf(node) === ON_DEMAND_POOL && isUsable(node))
    .map((node) => node.metadata.name)
    .toSorted((a, b) => gpusUsedOn(world, a) - gpusUsedOn(world, b));
  if (least === undefined) return false;
  const jobs = new Set(podsOn(world, least).map(jobOf));
  narrator.say(
    `the pools are at their maximum and stay there; the script ends what runs on ${least}, so that a replacement is possible`,
  );
  for (const job of jobs) change((each) => each.cancelJob(job));
  return true;
}

function jobOf(pod: Pod): string {
  return pod.metadata.ownerReferences?.[0]?.name ?? "";
}

/**
 * Small jobs without GPUs, one of each class, on the node: a trace has no priorities, and a real pod of a class
 * may end by itself in the very second of the drill.
 */
async function addCompanions(
  { addJob, world, clock, narrator, seed, signal }: Stagehands,
  node: string,
): Promise<readonly string[]> {
  const classes: readonly Priority[] = ["low", "medium", "high"];
  const companions = classes.map((priority) => {
    const job = demoJob({
      id: `companion-${priority}`,
      gpus: 0,
      durationMs: 300_000,
      priority,
      seed,
      nodeSelector: { [NODE_LABEL.hostname]: node },
    });
    addJob(job);
    return job.spec.id;
  });
  narrator.say(
    `three small pods without GPUs join ${node}, one of each priority, so that each class is there`,
  );
  while (
    world.get("nodes", { name: node }) !== null &&
    companions.some(
      (id) =>
        !podsOn(world, node).some(
          (pod) => pod.metadata.name.startsWith(id) && pod.status?.phase === "Running",
        ),
    )
  ) {
    await clock.sleep(millis(100), signal);
  }
  return companions;
}

function startDrill({ world, change, narrator, sabotage }: Stagehands, name: string): DrillRecord {
  const pods = podsOn(world, name);
  const count = (wanted: string): number => pods.filter((pod) => evictionClass(pod).class === wanted).length;
  const load = `${count("low")} low, ${count("medium")} medium, ${count("high")} high`;
  let at = world.now;
  change((cluster) => {
    // The world's own instant: its clock and ours differ by the time that it took to start.
    at = cluster.now;
    if (sabotage === "order") evictHighFirst(cluster, name);
    annotate(cluster, name, {
      [NODE_ANNOTATION.interruptionWarning]: "true",
      [NODE_ANNOTATION.terminationTime]: new Date(at + DRILL_LENGTH_MS).toISOString(),
      ...(sabotage === "replaced" ? {} : { [NODE_ANNOTATION.drillReplace]: "true" }),
    });
  });
  narrator.say(`DRILL on ${name}: ${DRILL_LENGTH_MS / 1000} s, replacement wanted; on it ${load}`);
  return {
    node: name,
    pool: SPOT_POOL,
    at,
    deadline: epochMs(at + DRILL_LENGTH_MS),
    pods: pods.map((pod) => pod.metadata.uid ?? ""),
  };
}

/** Until every pod that the drill found is gone, or the deadline has passed. */
async function podsGone({ world, clock, narrator, signal }: Stagehands, drill: DrillRecord): Promise<void> {
  const left = (): number =>
    podsOn(world, drill.node).filter((pod) => drill.pods.includes(pod.metadata.uid ?? "")).length;
  while (left() > 0 && clock.now() < drill.deadline) await clock.sleep(LOOK_EVERY, signal);
  narrator.say(
    left() === 0
      ? `${drill.node} is drained`
      : `the deadline passed with ${left()} pods left on ${drill.node}`,
  );
}

function endDrill({ world, change, narrator }: Stagehands, name: string): void {
  if (world.get("nodes", { name }) === null) return;
  const { interruptionWarning, terminationTime, drillReplace } = NODE_ANNOTATION;
  narrator.say(`the drill on ${name} is over: its annotation goes, its agent uncordons it`);
  change((cluster) =>
    annotate(cluster, name, { [interruptionWarning]: null, [terminationTime]: null, [drillReplace]: null }),
  );
}

/** Sets and, with null, removes annotations as a person with kubectl would. */
function annotate(world: World, name: string, changes: Readonly<Record<string, string | null>>): void {
  const node = world.get("nodes", { name });
  if (node === null) return;
  const annotations = { ...node.metadata.annotations };
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) delete annotations[key];
    else annotations[key] = value;
  }
  world.put("nodes", { ...node, metadata: { ...node.metadata, annotations } });
}

/** Breaks `placed`: a job that no node can hold. */
function submitImpossible({ addJob, narrator, seed }: Stagehands): void {
  narrator.say("SABOTAGE: a job arrives that wants 4 TiB of memory, more than any node has");
  const job = demoJob({ id: "impossible", gpus: 1, durationMs: 5000, priority: "low", seed });
  addJob({ ...job, spec: { ...job.spec, memory: "4Ti" } });
}

/** Breaks `order`: somebody evicts the pods of the highest class before the agent evicts any. */
function evictHighFirst(world: World, name: string): void {
  for (const pod of podsOn(world, name)) {
    if (evictionClass(pod).class !== "high") continue;
    world.evict({ namespace: pod.metadata.namespace ?? "default", name: pod.metadata.name });
  }
}

/** Breaks `limits`: somebody else writes a size beyond the pool's maximum. */
function growBeyond({ change, narrator }: Stagehands): void {
  narrator.say("SABOTAGE: somebody sets the on-demand pool to 5, its maximum is 4");
  change((world) => world.scale({ namespace: "default", name: ON_DEMAND_POOL }, 5));
}

/** Breaks `stale`: a busy node is taken away while its agent is dead. */
async function removeBlindly(hands: Stagehands): Promise<void> {
  const { world, change, narrator, clock, signal, seed } = hands;
  hands.addJob(demoJob({ id: "victim", gpus: 1, durationMs: 15_000, priority: "low", seed }));
  const find = (): Node | undefined =>
    world.list("nodes").find((node) => isUsable(node) && gpusUsedOn(world, node.metadata.name) > 0);
  let victim = find();
  while (victim === undefined) {
    await clock.sleep(LOOK_EVERY, signal);
    victim = find();
  }
  const { name } = victim.metadata;
  const machine = world.list("machines").find((each) => each.status?.nodeRef?.name === name);
  const group = machine?.metadata.labels?.[CLUSTER_API.deploymentName];
  if (machine === undefined || group === undefined) return;
  narrator.say(`SABOTAGE: the agent of ${name} is killed and the node taken away with pods on it`);
  await hands.killAgent(name);
  change((cluster) => {
    const annotations = { ...machine.metadata.annotations, [CLUSTER_API.deleteMachine]: "sabotage" };
    cluster.put("machines", { ...machine, metadata: { ...machine.metadata, annotations } });
    const size =
      cluster.get("machinedeployments", { namespace: "default", name: group })?.spec?.replicas ?? 0;
    cluster.scale({ namespace: "default", name: group }, size - 1);
  });
}

/** Breaks `orphans`: a machine that belongs to nobody and never becomes a node. */
function leaveMachine({ change, narrator }: Stagehands): void {
  narrator.say("SABOTAGE: a machine is left behind that belongs to no group");
  change((world) =>
    world.put("machines", {
      metadata: { name: "left-behind", namespace: "default" },
      spec: { clusterName: "demo" },
      status: { phase: "Provisioning" },
    }),
  );
}
