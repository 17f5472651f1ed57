// Brings a fault about in virtual time, and ends it when it is over. Which machine it hits is picked when it comes.

import type { World } from "../../../coordinator/replay/world.ts";
import { after, epochMs, millis } from "../../../shared/model/units.ts";
import { pickOf } from "../bursts.ts";
import type { Fault, FaultKind } from "../fault.ts";
import { edited, writePolicy } from "../fleet.ts";
import type { Recorder } from "../recorder.ts";
import type { Agents } from "./agents.ts";
import type { Replica } from "./replica.ts";
import type { VirtualTime } from "./time.ts";
import type { Troubles } from "./troubles.ts";

/** Those that mean something without sockets. */
export const HOURS_KINDS = [
  "stock-out",
  "launches-fail",
  "cloud-throttles",
  "cloud-away",
  "cloud-answers-lost",
  "cloud-late",
  "api-away",
  "api-slow",
  "api-answers-lost",
  "api-conflicts",
  "api-refuses",
  "watches-stale",
  "watches-expire",
  "leader-dies",
  "leader-stops",
  "agent-dies",
  "nats-away",
  "node-lost",
  "node-not-ready",
  "reclaim",
  "policy-edit",
  "clock-step",
] as const satisfies readonly FaultKind[];

export interface Stage {
  readonly world: World;
  readonly time: VirtualTime;
  readonly troubles: Troubles;
  readonly agents: Agents;
  readonly recorder: Recorder;
  readonly spec: Readonly<Record<string, unknown>>;
  /** Null while nobody leads. */
  leader(): Replica | null;
  /** What the wall clocks of replicas that start later are set to. */
  setClock(byMs: number): void;
}

/** An agent sees a notice within so long. */
const SEEN_MS = 1_000;

export function playFault(fault: Fault, stage: Stage): void {
  const { world, time, troubles, agents, spec } = stage;
  const then = (ms: number, run: () => void): void => void time.alarm(time.ms + ms, run);
  switch (fault.kind) {
    case "stock-out":
      world.clouds.setCapacity({ zone: fault.zone }, fault.left);
      then(fault.forMs, () => world.clouds.setCapacity({ zone: fault.zone }, null));
      break;
    case "launches-fail": {
      const { name } = pickOf(world.clouds.groups(), fault.pick);
      world.clouds.failLaunches(name, { kind: fault.why, code: fault.why, message: "told to fail" });
      then(fault.forMs, () => world.clouds.failLaunches(name, null));
      break;
    }
    case "cloud-throttles":
      troubles.cloudThrottledMs = fault.retryAfterMs;
      then(fault.forMs, () => {
        troubles.cloudThrottledMs = 0;
      });
      break;
    case "cloud-away":
      troubles.cloudAway += 1;
      then(fault.forMs, () => {
        troubles.cloudAway -= 1;
      });
      break;
    case "cloud-answers-lost":
      troubles.cloudLost = fault.count;
      break;
    case "cloud-late":
      troubles.cloudLate = { count: fault.count, ms: fault.lateMs };
      break;
    case "api-away":
      troubles.apiAway += 1;
      then(fault.forMs, () => {
        troubles.apiAway -= 1;
      });
      break;
    case "api-slow":
      troubles.apiSlowMs = fault.ms;
      then(fault.forMs, () => {
        troubles.apiSlowMs = 0;
      });
      break;
    case "api-answers-lost":
      troubles.apiLost = fault.count;
      break;
    case "api-conflicts":
      troubles.apiConflicts = fault.count;
      break;
    case "api-refuses":
      troubles.apiRefusals = { code: fault.code, count: fault.count };
      break;
    case "watches-stale": {
      const stale = { silent: fault.silent };
      troubles.watchesStale = stale;
      then(fault.forMs, () => {
        if (troubles.watchesStale === stale) troubles.watchesStale = null;
      });
      break;
    }
    case "watches-expire":
      world.compact();
      break;
    case "leader-dies":
      if (fault.point === "now") stage.leader()?.die();
      else troubles.trap = { point: fault.point, nth: fault.nth };
      break;
    case "leader-stops":
      stage.leader()?.stop();
      break;
    case "agent-dies": {
      const node = nodeAt(world, fault.pick);
      if (node === null) break;
      agents.kill(node);
      then(fault.forMs, () => agents.revive(node));
      break;
    }
    case "nats-away":
      troubles.natsAway += 1;
      then(fault.forMs, () => {
        troubles.natsAway -= 1;
      });
      break;
    case "node-lost": {
      const node = nodeAt(world, fault.pick);
      if (node !== null) world.interrupt(node, world.now);
      break;
    }
    case "node-not-ready": {
      const node = nodeAt(world, fault.pick);
      if (node === null) break;
      world.setNodeReady(node, false);
      then(fault.forMs, () => {
        if (world.get("nodes", { name: node }) !== null) world.setNodeReady(node, true);
      });
      break;
    }
    case "reclaim":
      reclaim(fault, stage);
      break;
    case "policy-edit":
      writePolicy(world, edited(spec, fault.edit, fault.pick));
      then(fault.forMs, () => writePolicy(world, spec));
      break;
    case "clock-step":
      stage.setClock(fault.byMs);
      then(fault.forMs, () => stage.setClock(0));
      break;
    case "api-cut":
    case "metadata-away":
      throw new RangeError(`${fault.kind} means nothing in virtual time`);
    default:
      fault satisfies never;
  }
}

function nodeAt(world: World, pick: number): string | null {
  const nodes = world.list("nodes");
  return nodes.length === 0 ? null : pickOf(nodes, pick).metadata.name;
}

function reclaim(
  { zone, pick, noticeMs }: Extract<Fault, { kind: "reclaim" }>,
  { world, time, agents, recorder, troubles }: Stage,
): void {
  const held = world.clouds
    .groups()
    .filter(({ shape }) => shape.capacityType === "spot")
    .flatMap(({ instances }) => instances)
    .filter((one) => one.zone === zone && one.node !== null && one.state === "running");
  if (held.length === 0) return;
  const { node } = pickOf(held, pick);
  if (node === null) return;
  const deadline = after(world.now, millis(noticeMs));
  const begun = time.ms;
  const chance = { ms: 0, since: null as number | null };
  // What of its time the agent and the API server were there.
  const look = (): void => {
    const able = agents.isAlive(node) && troubles.apiAway === 0;
    if (able) chance.since ??= time.ms;
    else if (chance.since !== null) {
      chance.ms = Math.max(chance.ms, time.ms - chance.since);
      chance.since = null;
    }
    if (time.ms < begun + noticeMs) time.alarm(time.ms + SEEN_MS, look);
  };
  look();
  recorder.noticed(node, deadline, () =>
    Math.max(chance.ms, chance.since === null ? 0 : time.ms - chance.since),
  );
  const see = (): void => {
    if (time.ms >= begun + noticeMs) return;
    if (agents.isAlive(node) && troubles.apiAway === 0) agents.notice(node, deadline);
    else time.alarm(time.ms + SEEN_MS, see);
  };
  time.alarm(begun + Math.min(SEEN_MS, noticeMs / 4), see);
  world.interrupt(node, epochMs(deadline));
}
