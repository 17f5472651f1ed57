// The stages of a launch in numbers: which of them ended between two looks at a machine, and what the last machines of a
// pool took to each. A stage is counted from the nearest moment before it that is known.

import { elapsed, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import { LAUNCH_STAGES } from "../snapshot-memory.ts";
import type { LaunchedMachine, LaunchLedger, LaunchStage } from "../snapshot-memory.ts";

/** Of the last machines, of each stage. */
const KEPT = 20;

export interface FinishedStage {
  readonly stage: LaunchStage;
  readonly ms: Millis;
}

/** With its first pod, which the ledger itself does not keep: the machine leaves it then. */
export type Progress = LaunchedMachine & { readonly firstPodAt?: EpochMs };

/** `was`: undefined where the machine is seen for the first time. */
export function stagesBetween(
  was: LaunchedMachine | undefined,
  now: Progress,
  at: EpochMs,
): readonly FinishedStage[] {
  const moments: readonly (readonly [LaunchStage, keyof Progress & MomentName])[] = [
    ["accepted", "acceptedAt"],
    ["launched", "launchedAt"],
    ["registered", "registeredAt"],
    ["ready", "readyAt"],
    ["first-pod", "firstPodAt"],
  ];
  const finished: FinishedStage[] = [];
  let last: EpochMs | undefined = now.intendedAt;
  for (const [stage, name] of moments) {
    const moment = now[name];
    if (moment === undefined) continue;
    const before = name === "firstPodAt" ? undefined : was?.[name];
    if (last !== undefined && before === undefined) finished.push({ stage, ms: elapsed(last, moment) });
    last = moment;
  }
  if (now.firstPodAt !== undefined && now.intendedAt !== undefined)
    finished.push({ stage: "total", ms: elapsed(now.intendedAt, at) });
  return finished;
}

type MomentName = "acceptedAt" | "launchedAt" | "registeredAt" | "readyAt" | "firstPodAt";

/** With these at the end, the last twenty of each stage. */
export function withFinished(
  stageMs: LaunchLedger["stageMs"],
  finished: readonly FinishedStage[],
): LaunchLedger["stageMs"] {
  if (finished.length === 0) return stageMs;
  if (finished.length === 0) return stageMs;
  return Object.fromEntries(
    LAUNCH_STAGES.flatMap((stage) => {
      const ended = finished.filter((one) => one.stage === stage).map(({ ms }) => ms);
      const all = [...(stageMs[stage] ?? []), ...ended.sort((a, b) => a - b)].slice(-KEPT);
      return all.length === 0 ? [] : [[stage, all]];
    }),
  );
}

export interface StageFigure {
  readonly stage: LaunchStage;
  readonly medianMs: Millis;
  readonly p90Ms: Millis;
  readonly machines: number;
}

/** In the order of the stages; those that were never measured are left out. */
export function stageFigures({ stageMs }: LaunchLedger): readonly StageFigure[] {
  const known = figures.get(stageMs);
  if (known !== undefined) return known;
  const made = LAUNCH_STAGES.flatMap((stage): StageFigure[] => {
    const measured = (stageMs[stage] ?? []).toSorted((a, b) => a - b);
    const median = atShare(measured, 0.5);
    const p90 = atShare(measured, 0.9);
    return median === null || p90 === null
      ? []
      : [{ stage, medianMs: median, p90Ms: p90, machines: measured.length }];
  });
  figures.set(stageMs, made);
  return made;
}

/** By the very record: it is the same from decision to decision as long as no stage ends. */
const figures = new WeakMap<LaunchLedger["stageMs"], readonly StageFigure[]>();

/** The smallest of the sorted values that so large a share of them does not exceed; null: there is none. */
export function atShare(sorted: readonly number[], share: number): Millis | null {
  const value = sorted[Math.ceil(sorted.length * share) - 1];
  return value === undefined ? null : millis(value);
}
