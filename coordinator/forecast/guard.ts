// What keeps a forecast from being dear: nodes that it asked for and nobody used count against it, three times in a row
// halve what it may ask for, and a day has its budget. It counts and judges; what it says is carried out elsewhere.

import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { DAY_MS, MINUTE_MS } from "./options.ts";

export interface PreWarm {
  readonly askedAt: EpochMs;
  /** When the demand is expected. */
  readonly at: EpochMs;
  /** Nodes before it, and with it. */
  readonly from: number;
  readonly to: number;
  /** The most GPUs that were wanted since then, and the most nodes that there were. */
  readonly peak: number;
  readonly reached: number;
}

export interface Guard {
  /** Of the nodes above present demand, the share that may be asked for: 1, or halved. */
  readonly share: number;
  readonly wastedInARow: number;
  /** When the share last changed; null: it never did. */
  readonly shareAt: EpochMs | null;
  /** Nothing is asked for until then, since what was asked for last was not needed. Null: it does not rest. */
  readonly restsUntil: EpochMs | null;
  /** Days since 1970 of the local calendar, and what was held in that day. */
  readonly day: number;
  readonly nodeHours: number;
  readonly open: PreWarm | null;
  /** Nodes, since the series began. */
  readonly useful: number;
  readonly wasted: number;
}

export const NEW_GUARD: Guard = {
  share: 1,
  wastedInARow: 0,
  shareAt: null,
  restsUntil: null,
  day: 0,
  nodeHours: 0,
  open: null,
  useful: 0,
  wasted: 0,
};

const IN_A_ROW = 3;
const LEAST_SHARE = 1 / 8;
/** After a node that nobody used: long enough for it to go, and for the hour that was meant to pass. */
const REST_MS = 60 * MINUTE_MS;
/** A share that was halved doubles again after a day. */
const RECOVERY_MS = DAY_MS;
const HOUR_MS = 60 * MINUTE_MS;

export interface Moment {
  readonly now: EpochMs;
  /** Since the last moment. */
  readonly ms: number;
  /** Days since 1970 of the local calendar. */
  readonly day: number;
  /** GPUs wanted now, and those of one node. */
  readonly gpus: number;
  readonly gpusPerNode: number;
  /** There or on their way. */
  readonly nodes: number;
  /** What the forecast has asked for so far; 0: nothing. */
  readonly floor: number;
  /** How long after the expected moment a node may stand unused. */
  readonly ttlMs: number;
}

/** What has become of what was asked for. */
export function followed(guard: Guard, moment: Moment): Guard {
  const { now, ms, day, gpus, gpusPerNode, nodes, floor } = moment;
  const needed = nodesFor(gpus, gpusPerNode);
  const held = Math.max(0, Math.min(floor, nodes) - needed);
  const spent = (day === guard.day ? guard.nodeHours : 0) + (held * ms) / HOUR_MS;
  const open =
    guard.open === null
      ? null
      : {
          ...guard.open,
          peak: Math.max(guard.open.peak, gpus),
          reached: Math.max(guard.open.reached, nodes),
        };
  const next = recovered({ ...guard, day, nodeHours: spent, open }, now);
  return open !== null && now >= open.at + moment.ttlMs ? settled(next, open, moment) : next;
}

/** A node more than are there was asked for. */
export function asked(
  guard: Guard,
  floor: { readonly nodes: number; readonly at: EpochMs },
  { now, nodes, gpus }: Pick<Moment, "now" | "nodes" | "gpus">,
): Guard {
  if (floor.nodes <= nodes && guard.open === null) return guard;
  if (guard.open === null)
    return {
      ...guard,
      open: { askedAt: now, at: floor.at, from: nodes, to: floor.nodes, peak: gpus, reached: nodes },
    };
  if (floor.nodes <= guard.open.to) return guard;
  return { ...guard, open: { ...guard.open, to: floor.nodes } };
}

export function nodesFor(gpus: number, gpusPerNode: number): number {
  return Math.ceil(gpus / gpusPerNode);
}

function settled(guard: Guard, open: PreWarm, { now, gpusPerNode }: Moment): Guard {
  const nodes = Math.min(open.to, open.reached) - open.from;
  // A limit kept them away: nothing was bought and nothing is known.
  if (nodes <= 0) return { ...guard, open: null };
  const useful = Math.min(nodes, Math.max(0, nodesFor(open.peak, gpusPerNode) - open.from));
  const counted = {
    ...guard,
    open: null,
    useful: guard.useful + useful,
    wasted: guard.wasted + nodes - useful,
  };
  if (useful > 0) {
    const share = Math.min(1, 2 * guard.share);
    return { ...counted, wastedInARow: 0, share, ...(share === guard.share ? {} : { shareAt: now }) };
  }
  const wastedInARow = guard.wastedInARow + 1;
  const isHalved = wastedInARow % IN_A_ROW === 0;
  return {
    ...counted,
    wastedInARow,
    restsUntil: epochMs(now + REST_MS),
    ...(isHalved ? { share: Math.max(LEAST_SHARE, guard.share / 2), shareAt: now } : {}),
  };
}

function recovered(guard: Guard, now: EpochMs): Guard {
  if (guard.share >= 1 || guard.shareAt === null || now - guard.shareAt < RECOVERY_MS) return guard;
  return { ...guard, share: Math.min(1, 2 * guard.share), shareAt: now };
}
