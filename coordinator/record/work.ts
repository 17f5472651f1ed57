// The work that a recorded cluster was given, as a replay takes it: jobs with their run times, services as replicas over
// time. With it other policies are played over one's own past. What a recording cannot know (work that began before it,
// goes on after it, never ran) is counted and said, and no run time is made up.

import { GPU_MODEL_LABELS } from "../../shared/model/names.ts";
import { gpusIn } from "../../shared/model/resources.ts";
import { epochMs, millis } from "../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { PolicyInput, PricePoint, Snapshot } from "../decide/snapshot.ts";
import type { JobModel, ServiceModel, Workload } from "../replay/scenario.ts";
import { jobsOfLives } from "./jobs.ts";
import type { Head } from "./line.ts";
import { livesOf } from "./lives.ts";
import type { Life } from "./lives.ts";
import { numbered } from "./numbered.ts";

export interface WorkCounts {
  readonly pods: number;
  readonly jobs: number;
  readonly services: number;
  readonly withoutGpus: number;
  /** Of DaemonSets, or static: each node brings its own. */
  readonly daemons: number;
  /** Ran before the recording: what is left of them begins with it. */
  readonly begunBefore: number;
  /** Run on after it: their run time is what was seen of it. */
  readonly stillRunning: number;
  /** Had no node while it lasted: no run time, so left out. */
  readonly neverStarted: number;
  /** Lost and begun again: one job from its first arrival, with the run time of its last try. */
  readonly triedAgain: number;
  /** Told to go, and nobody began them again: their run time is what they had. */
  readonly cutShort: number;
  readonly gaps: number;
  /** Ended in one of them, so their end is the end of the gap. */
  readonly inGaps: number;
  /** Recorded without names, which began anew: nobody knows who of before is who of after. */
  readonly namesAnew: number;
}

export interface RecordedWork {
  readonly start: EpochMs;
  readonly lengthMs: Millis;
  readonly work: Workload;
  /** In order of time, each from when it was so. */
  readonly prices: readonly PricePoint[];
  /** As seen last. */
  readonly policies: readonly { readonly name: string; readonly spec: unknown }[];
  readonly counts: WorkCounts;
  /** The counts as sentences. */
  readonly notes: readonly string[];
}

interface Seen {
  readonly snapshot: Snapshot;
  /** Of its file: which set of stand-ins its names are from. */
  readonly head?: Pick<Head, "names">;
}

/** Kinds of owners whose pods serve until somebody wants fewer of them. */
const SERVING = new Set(["ReplicaSet", "StatefulSet", "LeaderWorkerSet", "ReplicationController"]);

/** @throws AppError bad-input when nothing was recorded that can be read as work. */
export async function recordedWork(moments: AsyncIterable<Seen>): Promise<RecordedWork> {
  const prices = createPrices();
  let policies: readonly PolicyInput[] = [];
  let namesAnew = 0;
  const noted = notingNames(moments, () => namesAnew++);
  const { lives, from, to, gaps } = await livesOf(noted, (snapshot) => {
    prices.look(snapshot.prices ?? []);
    ({ policies } = snapshot);
  });
  if (from === null || to === null)
    throw new AppError(
      "bad-input",
      "the recording has no decision with a complete list of pods; record longer",
    );

  const own = lives.filter(({ pod }) => !pod.daemon && !pod.mirror);
  const withGpus = own.filter(({ pod }) => gpusIn(pod.requests) > 0);
  const serving = withGpus.filter(({ pod }) => SERVING.has(pod.owner?.kind ?? ""));
  const working = withGpus.filter(({ pod }) => !SERVING.has(pod.owner?.kind ?? ""));
  const services = servicesOf(serving, from);
  const { jobs, ...found } = jobsOfLives(working, { from, to, shapeOf: jobShape });
  const counts: WorkCounts = {
    pods: lives.length,
    jobs: jobs.length,
    services: services.length,
    withoutGpus: own.length - withGpus.length,
    daemons: lives.length - own.length,
    gaps,
    inGaps: withGpus.filter(({ inGap }) => inGap).length,
    namesAnew,
    ...found,
  };
  return {
    start: from,
    lengthMs: millis(to - from),
    work: { jobs, services },
    prices: prices.list(),
    policies: policies.flatMap((policy) =>
      policy.kind === "valid" ? [{ name: policy.name, spec: policy.spec }] : [],
    ),
    counts,
    notes: notesOf(counts),
  };
}

async function* notingNames(moments: AsyncIterable<Seen>, onAnew: () => void): AsyncGenerator<Seen> {
  let names: string | null | undefined;
  for await (const moment of moments) {
    const now = moment.head?.names ?? null;
    if (names !== undefined && now !== names) onAnew();
    names = now;
    yield moment;
  }
}

/** One for each owner: how many of its pods were there and not on their way out. */
function servicesOf(lives: readonly Life[], from: EpochMs): readonly ServiceModel[] {
  const byOwner = Map.groupBy(lives, ({ pod }) => pod.owner?.uid ?? pod.uid);
  const taken = new Map<string, number>();
  return [...byOwner.values()].flatMap((pods) => {
    const [first] = pods;
    if (first === undefined) return [];
    const changes = pods
      .flatMap(({ pod, createdAt, endedAt }) => [
        { at: Math.max(0, createdAt - from), by: 1 },
        ...(endedAt === null ? [] : [{ at: Math.max(0, (pod.endingSince ?? endedAt) - from), by: -1 }]),
      ])
      .toSorted((a, b) => a.at - b.at);
    const steps: { atMs: number; replicas: number }[] = [];
    let replicas = 0;
    for (const [index, { at, by }] of changes.entries()) {
      replicas += by;
      if (changes[index + 1]?.at !== at && steps.at(-1)?.replicas !== replicas)
        steps.push({ atMs: at, replicas });
    }
    return [
      {
        name: numbered(first.pod.key.replace(/-[^-/]*$/, ""), taken),
        gpusPerReplica: Math.max(...pods.map(({ pod }) => gpusIn(pod.requests))),
        steps,
        ...typesOf(first.pod),
      },
    ];
  });
}

function jobShape(pod: PodInput): Pick<JobModel, "gpuTypes" | "cpu" | "memory"> {
  const { cpu, memory } = pod.requests;
  return {
    ...typesOf(pod),
    ...(cpu === undefined ? {} : { cpu: `${cpu}m` }),
    ...(memory === undefined ? {} : { memory: String(memory) }),
  };
}

function typesOf(pod: PodInput): { readonly gpuTypes?: readonly string[] } {
  const labels = GPU_MODEL_LABELS.flatMap((label) => pod.nodeSelector[label] ?? []);
  const wanted = pod.gpuModel ?? labels[0];
  return wanted === undefined ? {} : { gpuTypes: [wanted] };
}

/** Each price when it is new or another one; the same one read again says nothing. */
function createPrices() {
  const last = new Map<string, number>();
  const points: PricePoint[] = [];
  let seen: readonly PricePoint[] = [];
  return {
    look: (now: readonly PricePoint[]): void => {
      if (now === seen) return;
      seen = now;
      for (const point of now) {
        const { provider, region, zone = "*", instanceType, tier, usdPerHour } = point;
        const key = [provider, region, zone, instanceType, tier].join("|");
        if (last.get(key) === usdPerHour) continue;
        last.set(key, usdPerHour);
        points.push({ ...point, at: epochMs(point.at) });
      }
    },
    list: (): readonly PricePoint[] => points.toSorted((a, b) => a.at - b.at),
  };
}

function notesOf(counts: WorkCounts): readonly string[] {
  const said: readonly (readonly [number, string])[] = [
    [counts.withoutGpus, "pods without GPUs are left out"],
    [counts.daemons, "pods of DaemonSets and static pods are left out"],
    [counts.begunBefore, "jobs ran before the recording: they begin with it, with what was left of them"],
    [counts.stillRunning, "jobs run on after the recording: their run time is what was seen, so too short"],
    [counts.neverStarted, "jobs had no node while it lasted: no run time is known, so they are left out"],
    [
      counts.triedAgain,
      "tries were lost and begun again: their job is one, from its first arrival, with the run time of its last try",
    ],
    [counts.cutShort, "jobs were told to go and not begun again: their run time is what they had"],
    [counts.gaps, "times longer than two minutes were not recorded"],
    [counts.inGaps, "pods ended in such a time: their end is its end"],
    [
      counts.namesAnew,
      "times names began anew (recorded without names, by a program that started): what ran then is two jobs here, each too short",
    ],
  ];
  return said.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
}
