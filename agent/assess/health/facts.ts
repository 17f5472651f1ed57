// What the rules look at: one GPU's readings of this moment, with what only time or other GPUs can tell (shares and
// rates of counters, peers on the same node), and the state of the source for the node as a whole. A reading that is
// not a value is absent here, never a number.

import { valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample, GpuSource, GpuUuid } from "../../../shared/model/gpu.ts";
import { RESET_REQUIRED } from "../../../shared/model/nvml-status.ts";

export interface GpuFacts {
  readonly identity: GpuIdentity | undefined;
  readonly lost: boolean;
  /** Some call on it answered that it has to be reset. */
  readonly resetRequired: boolean;
  readonly value: (name: GpuReadingName) => number | undefined;
  /** Growth of a counter over the last 10 minutes, or the last minute; undefined before its second reading. */
  readonly growth: (counter: WatchedCounter) => number | undefined;
  /** The most NVLinks that were up at once since the agent began. */
  readonly nvlinksSeenUp: number | undefined;
  readonly peers: Peers | undefined;
}

/** Of the other GPUs of the same model that are as busy: the middle of two or more. Absent when it is not busy itself. */
export interface Peers {
  readonly count: number;
  readonly power: number | undefined;
  readonly smClock: number | undefined;
}

export interface NodeFacts {
  readonly source: GpuSource;
  /** How long a driver call hangs; 0 when none does. */
  readonly hungMs: number;
  /** How many GPUs the node must have; null when nobody says. */
  readonly expected: number | null;
}

const WATCHED_COUNTERS = {
  throttledHwThermal: 600_000,
  throttledHwPowerBrake: 600_000,
  pcieReplays: 60_000,
} as const satisfies Partial<Record<GpuReadingName, number>>;
export type WatchedCounter = keyof typeof WATCHED_COUNTERS;
const COUNTERS = Object.keys(WATCHED_COUNTERS) as readonly WatchedCounter[];

/** Counters are read each 10 s and shown in each cycle until then. */
const POINTS_APART_MS = 5_000;
/** From this share of time on a GPU counts as busy beside its peers. */
const BUSY = 0.9;
const PEERS_AT_LEAST = 2;

export interface FactKeeper {
  /** `at` on the caller's steady time line. */
  readonly of: (
    sample: GpuSample,
    identity: GpuIdentity | undefined,
    peers: Peers | undefined,
    at: number,
  ) => GpuFacts;
}

interface Kept {
  readonly points: Readonly<Record<WatchedCounter, { at: number; value: number }[]>>;
  nvlinksSeenUp: number | undefined;
}

export function createFacts(): FactKeeper {
  const kept = new Map<GpuUuid, Kept>();
  return {
    of: (sample, identity, peers, at) => {
      const { readings } = sample;
      const own = kept.get(sample.uuid) ?? newlyKept();
      kept.set(sample.uuid, own);
      for (const name of COUNTERS)
        keepPoint(own.points[name], valueOf(readings, name), at, WATCHED_COUNTERS[name]);
      const up = valueOf(readings, "nvlinksActive");
      if (up !== undefined) own.nvlinksSeenUp = Math.max(up, own.nvlinksSeenUp ?? 0);
      return {
        identity,
        lost: sample.state === "lost",
        resetRequired: readings.codes.includes(RESET_REQUIRED),
        value: (name) => valueOf(readings, name),
        growth: (name) => growthOf(own.points[name], valueOf(readings, name)),
        nvlinksSeenUp: own.nvlinksSeenUp,
        peers,
      };
    },
  };
}

function newlyKept(): Kept {
  return {
    points: { throttledHwThermal: [], throttledHwPowerBrake: [], pcieReplays: [] },
    nvlinksSeenUp: undefined,
  };
}

function keepPoint(
  points: { at: number; value: number }[],
  value: number | undefined,
  at: number,
  spanMs: number,
): void {
  while (points[0] !== undefined && at - points[0].at > spanMs) points.shift();
  if (value === undefined) return;
  const last = points.at(-1);
  // It fell: the driver was loaded anew or the GPU reset, and what was before counts no more.
  if (last !== undefined && value < last.value) points.length = 0;
  if (last === undefined || points.length === 0 || at - last.at >= POINTS_APART_MS)
    points.push({ at, value });
}

function growthOf(points: readonly { value: number }[], value: number | undefined): number | undefined {
  const first = points[0];
  return first === undefined || value === undefined || points.length < 2 ? undefined : value - first.value;
}

/** The peers of each GPU that is busy. */
export function peersOf(
  samples: readonly GpuSample[],
  identities: ReadonlyMap<GpuUuid, GpuIdentity>,
): ReadonlyMap<GpuUuid, Peers> {
  const busy = samples.filter(({ readings }) => (valueOf(readings, "utilization") ?? 0) >= BUSY);
  if (busy.length <= PEERS_AT_LEAST) return new Map();
  const modelOf = ({ uuid }: GpuSample): string | null => {
    const name = identities.get(uuid)?.name;
    return name?.kind === "value" ? name.value : null;
  };
  return new Map(
    busy.flatMap((one): [GpuUuid, Peers][] => {
      const model = modelOf(one);
      const others = busy.filter((other) => other !== one && model !== null && modelOf(other) === model);
      if (others.length === 0) return [];
      return [
        [
          one.uuid,
          { count: others.length, power: median(others, "power"), smClock: median(others, "smClock") },
        ],
      ];
    }),
  );
}

function median(samples: readonly GpuSample[], name: GpuReadingName): number | undefined {
  const values = samples.flatMap(({ readings }) => valueOf(readings, name) ?? []).sort((a, b) => a - b);
  return values.length < PEERS_AT_LEAST ? undefined : values[Math.floor(values.length / 2)];
}
