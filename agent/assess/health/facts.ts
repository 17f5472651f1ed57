// What the rules look at: one GPU's readings of this moment, with what only time or other GPUs can tell (shares and
// rates of counters, peers on the same node), and the state of the source for the node as a whole. A reading that is
// not a value is absent here, never a number.

import { valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName } from "../../../shared/model/gpu-readings.ts";
import type { GpuIdentity, GpuSample, GpuSource, GpuUuid } from "../../../shared/model/gpu.ts";
import { meaningOf, RESET_REQUIRED, SUCCESS } from "../../../shared/model/nvml-status.ts";
import type { RememberedGpu } from "./memory.ts";

export interface GpuFacts {
  readonly identity: GpuIdentity | undefined;
  readonly lost: boolean;
  /** It has answered something. A GPU that is not lost may still fail in everything. */
  readonly answers: boolean;
  /** A code of what failed, where nothing was answered; null when something was, or nothing was asked. */
  readonly failure: number | null;
  /** Some call on it answered that it has to be reset. */
  readonly resetRequired: boolean;
  readonly value: (name: GpuReadingName) => number | undefined;
  /** Growth of a counter over the last 10 minutes, or the last minute; undefined before its second reading. */
  readonly growth: (counter: WatchedCounter) => number | undefined;
  /** The most that it was seen to have at once in this boot: NVLinks that were up, and PCIe lanes. */
  readonly nvlinksSeenUp: number | undefined;
  readonly pcieWidthSeen: number | undefined;
  /** The most of any GPU of its model on this node, now: what the machine can give. Absent when none can say. */
  readonly siblings: Siblings | undefined;
  readonly peers: Peers | undefined;
}

export interface Siblings {
  readonly nvlinksUp: number | undefined;
  readonly pcieWidth: number | undefined;
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

/** A window must hold two turns of the slow group, or the growth of one turn would be taken for the window's. */
const TURNS_IN_A_WINDOW = 2;
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
    beside: { readonly peers: Peers | undefined; readonly siblings: Siblings | undefined },
    at: number,
  ) => GpuFacts;
  /** What the next agent must know of what this one has seen. */
  readonly seen: (gpu: GpuUuid) => Pick<RememberedGpu, "nvlinksUp" | "pcieWidth">;
}

interface Kept {
  readonly points: Readonly<Record<WatchedCounter, { at: number; value: number }[]>>;
  nvlinksSeenUp: number | undefined;
  pcieWidthSeen: number | undefined;
}

/** `slowMs`: between two readings of a counter. */
export function createFacts(slowMs: number, remembered: readonly RememberedGpu[]): FactKeeper {
  const kept = new Map<GpuUuid, Kept>(remembered.map((one) => [one.gpu, newlyKept(one)]));
  const windowOf = (name: WatchedCounter): number =>
    Math.max(WATCHED_COUNTERS[name], TURNS_IN_A_WINDOW * slowMs);
  return {
    of: (sample, identity, { peers, siblings }, at) => {
      const { readings } = sample;
      const own = kept.get(sample.uuid) ?? newlyKept();
      kept.set(sample.uuid, own);
      const value = (name: GpuReadingName): number | undefined => finite(valueOf(readings, name));
      for (const name of COUNTERS) keepPoint(own.points[name], value(name), at, windowOf(name));
      own.nvlinksSeenUp = most(own.nvlinksSeenUp, value("nvlinksActive"));
      own.pcieWidthSeen = most(own.pcieWidthSeen, value("pcieWidth"));
      const lost = sample.state === "lost";
      const answers = !lost && readings.codes.includes(SUCCESS);
      return {
        identity,
        lost,
        answers,
        failure: answers ? null : (readings.codes.find((code) => meaningOf(code) === "failed") ?? null),
        resetRequired: readings.codes.includes(RESET_REQUIRED),
        value,
        growth: (name) => {
          const grown = growthOf(own.points[name], value(name));
          return grown === undefined ? undefined : (grown * WATCHED_COUNTERS[name]) / windowOf(name);
        },
        nvlinksSeenUp: own.nvlinksSeenUp,
        pcieWidthSeen: own.pcieWidthSeen,
        siblings,
        peers,
      };
    },
    seen: (gpu) => {
      const own = kept.get(gpu);
      return { nvlinksUp: own?.nvlinksSeenUp ?? null, pcieWidth: own?.pcieWidthSeen ?? null };
    },
  };
}

function newlyKept(seen?: RememberedGpu): Kept {
  return {
    points: { throttledHwThermal: [], throttledHwPowerBrake: [], pcieReplays: [] },
    nvlinksSeenUp: seen?.nvlinksUp ?? undefined,
    pcieWidthSeen: seen?.pcieWidth ?? undefined,
  };
}

/** What a driver calls a success and is no number says nothing. */
export function finite(value: number | undefined): number | undefined {
  return Number.isFinite(value) ? value : undefined;
}

function most(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.max(one, other);
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
  const modelOf = ({ uuid }: GpuSample): string | null => modelIn(identities.get(uuid));
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

/** The most of each model. */
export function siblingsOf(
  samples: readonly GpuSample[],
  identities: ReadonlyMap<GpuUuid, GpuIdentity>,
): ReadonlyMap<string | null, Siblings> {
  const best = new Map<string | null, Siblings>();
  for (const { uuid, readings } of samples) {
    const model = modelIn(identities.get(uuid));
    if (model === null) continue;
    const before = best.get(model);
    best.set(model, {
      nvlinksUp: most(before?.nvlinksUp, finite(valueOf(readings, "nvlinksActive"))),
      pcieWidth: most(before?.pcieWidth, finite(valueOf(readings, "pcieWidth"))),
    });
  }
  return best;
}

export function modelIn(identity: GpuIdentity | undefined): string | null {
  return identity?.name.kind === "value" ? identity.name.value : null;
}

function median(samples: readonly GpuSample[], name: GpuReadingName): number | undefined {
  const values = samples.flatMap(({ readings }) => valueOf(readings, name) ?? []).sort((a, b) => a - b);
  return values.length < PEERS_AT_LEAST ? undefined : values[Math.floor(values.length / 2)];
}
