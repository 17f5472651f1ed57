// Lives of pods as jobs: a try that was lost and the one that took its place are one job, and a gang is one. The run time is
// that of the last try, from its start to its end, since what went before was lost; where a pod saved its work it is less.

import { gpusIn } from "../../shared/model/resources.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { PodInput } from "../decide/snapshot-pod.ts";
import type { JobModel } from "../replay/scenario.ts";
import type { Life } from "./lives.ts";
import { numbered } from "./numbered.ts";

export interface JobsOfLives {
  /** In order of arrival. */
  readonly jobs: readonly JobModel[];
  readonly begunBefore: number;
  readonly stillRunning: number;
  readonly neverStarted: number;
  readonly triedAgain: number;
  readonly cutShort: number;
}

interface Span {
  readonly from: EpochMs;
  readonly to: EpochMs;
  readonly shapeOf: (pod: PodInput) => Pick<JobModel, "gpuTypes" | "cpu" | "memory">;
}

/** The last try, with the arrival of the first. */
interface Chain {
  readonly arrival: EpochMs;
  readonly last: Life;
}

export function jobsOfLives(lives: readonly Life[], span: Span): JobsOfLives {
  const chains = [...Map.groupBy(lives, ownerOf).values()].flatMap(chained);
  const teams = [...Map.groupBy(chains, ({ last }) => last.pod.gang?.id ?? last.pod.uid).values()];
  const taken = new Map<string, number>();
  let begunBefore = 0;
  let stillRunning = 0;
  let neverStarted = 0;
  let cutShort = 0;
  const jobs = teams.flatMap((team): JobModel[] => {
    const [first] = team;
    if (first === undefined) return [];
    const starts = team.flatMap(({ last }) => last.startedAt ?? []);
    // A gang works when all of it does.
    if (starts.length < team.length) {
      neverStarted++;
      return [];
    }
    const started = Math.max(...starts);
    const ends = team.map(({ last }) => last.endedAt);
    const isOpen = ends.includes(null);
    const ended = Math.max(...ends.map((end) => end ?? span.to));
    if (isOpen) stillRunning++;
    else if (team.some(({ last }) => last.cut)) cutShort++;
    if (started < span.from) begunBefore++;
    const { pod } = first.last;
    const id = pod.gang?.id ?? pod.key;
    const arrival = Math.min(...team.map((each) => each.arrival));
    return [
      {
        id: numbered(id, taken),
        arrivalMs: Math.max(0, arrival - span.from),
        durationMs: Math.max(0, ended - Math.max(started, span.from)),
        gpus: team.reduce((sum, { last }) => sum + gpusIn(last.pod.requests), 0),
        ...(team.length === 1 ? {} : { workers: team.length }),
        ...(pod.gang === undefined || team.length === 1 ? {} : { gang: true }),
        ...span.shapeOf(pod),
      },
    ];
  });
  return {
    jobs: jobs.toSorted((a, b) => a.arrivalMs - b.arrivalMs || (a.id < b.id ? -1 : 1)),
    begunBefore,
    stillRunning,
    neverStarted,
    triedAgain: lives.length - chains.length,
    cutShort,
  };
}

function ownerOf({ pod }: Life): string {
  return pod.owner?.uid ?? pod.uid;
}

/** Of one owner: the first pod that was made after one was lost is its next try. */
function chained(lives: readonly Life[]): readonly Chain[] {
  const chains: Chain[] = [];
  const lost: Chain[] = [];
  for (const life of lives.toSorted((a, b) => a.createdAt - b.createdAt)) {
    const at = lost.findIndex(({ last }) => lostAt(last) <= life.createdAt);
    const [before] = at < 0 ? [] : lost.splice(at, 1);
    const chain = { arrival: before?.arrival ?? life.createdAt, last: life };
    if (life.cut && life.pod.owner !== null) lost.push(chain);
    else chains.push(chain);
  }
  return [...chains, ...lost];
}

function lostAt({ pod, endedAt }: Life): number {
  return pod.endingSince ?? endedAt ?? Number.POSITIVE_INFINITY;
}
