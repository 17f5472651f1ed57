// The decision of a replay at one moment, in the words of `gpuasctl decide --explain`; and why a policy did nothing at the
// moments at which another one moved. Both play the run once more and look on.

import { toInstantText } from "../../../shared/model/instant.ts";
import { after, millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import { decideAndExplain } from "../../decide/explained.ts";
import type { Plan } from "../../decide/plan.ts";
import type { Snapshot } from "../../decide/snapshot.ts";
import { createForecastFeed } from "../../forecast/feed.ts";
import { play } from "../../replay/engine/play.ts";
import { lengthText } from "../../replay/inputs/times.ts";
import type { Part } from "../../replay/page/parts.ts";
import type { Scenario } from "../../replay/scenario.ts";
import { sizerOf } from "../../replay/task.ts";
import { decisionText } from "../../report/decision-text.ts";
import { podsText } from "../../report/explanation-text.ts";

export interface ExplainedAt {
  readonly text: string;
  readonly snapshot: Snapshot;
  readonly plan: Plan;
}

/** The last decision up to `at`. @throws AppError bad-input for a moment outside of what is played. */
export async function explainAt(scenario: Scenario, at: EpochMs): Promise<ExplainedAt> {
  const endMs = scenario.lengthMs + scenario.drainMs;
  const atMs = at - scenario.start;
  if (atMs < 0 || atMs > endMs)
    throw new AppError(
      "bad-input",
      `--explain ${toInstantText(at)}: played is from ${toInstantText(scenario.start)} to ${toInstantText(after(scenario.start, millis(endMs)))}`,
    );
  const [last = null] = await snapshotsAt(scenario, [at]);
  if (last === null)
    throw new AppError("bad-input", `--explain ${toInstantText(at)}: nothing was decided up to then`);
  const { decision, explain } = decideAndExplain(last);
  const waiting = explain.waiting();
  const text = [
    `Replay of ${scenario.name}, ${lengthText(decision.plan.at - scenario.start)} after its start: the last decision up to ${toInstantText(at)}`,
    decisionText(decision.plan),
    ...(waiting.length === 0 ? [] : ["Pods that wait, and every pool", podsText(waiting)]),
  ].join("\n\n");
  return { text, snapshot: last, plan: decision.plan };
}

/** The last snapshot up to each instant, by one run; null: nothing had been asked yet. */
async function snapshotsAt(
  scenario: Scenario,
  instants: readonly EpochMs[],
): Promise<readonly (Snapshot | null)[]> {
  const last: (Snapshot | null)[] = instants.map(() => null);
  play(scenario, await sizerOf({ kind: "ours" }), {
    forecast: createForecastFeed(),
    stopAtMs: Math.min(scenario.lengthMs + scenario.drainMs, Math.max(...instants) - scenario.start + 1),
    onSnapshot: (snapshot) => {
      for (const [index, at] of instants.entries()) if (snapshot.at <= at) last[index] = snapshot;
    },
  });
  return last;
}

/** A side of a part that did nothing, and whose reasons a run can tell. */
interface Asked {
  readonly part: number;
  readonly side: number;
  readonly pool: string;
  readonly at: EpochMs;
}

/**
 * Parts with the holds of those that did nothing then, or that they have no such pool. `scenarios`: of each policy, for each
 * start. `most`: so many runs are played once more for it; parts of further ones stay without reasons.
 */
export async function partsWithHolds(
  parts: readonly Part[],
  scenarios: ReadonlyMap<string, readonly Scenario[]>,
  most: number,
): Promise<readonly Part[]> {
  const sides = parts.map((part) => [...part.sides]);
  const asked = new Map<Scenario, Asked[]>();
  for (const [index, { sides: told, offset, pool, atMs }] of parts.entries())
    for (const [at, side] of told.entries()) {
      const scenario = scenarios.get(side.policy)?.[offset];
      if (side.because.length > 0 || scenario === undefined) continue;
      if (!scenario.pools.some(({ name }) => name === pool)) {
        sides[index]?.splice(at, 1, { ...side, said: "has no such pool" });
        continue;
      }
      const moment = { part: index, side: at, pool, at: after(scenario.start, millis(atMs)) };
      const known = asked.get(scenario);
      if (known === undefined) asked.set(scenario, [moment]);
      else known.push(moment);
    }
  for (const [scenario, moments] of [...asked].slice(0, most)) {
    const snapshots = await snapshotsAt(
      scenario,
      moments.map(({ at }) => at),
    );
    for (const [index, { part, side, pool }] of moments.entries()) {
      const snapshot = snapshots[index] ?? null;
      const before = sides[part]?.[side];
      if (snapshot === null || before === undefined) continue;
      const held = decideAndExplain(snapshot).decision.plan.holds.find((hold) => hold.pool === pool);
      sides[part]?.splice(side, 1, { ...before, because: held?.because ?? [] });
    }
  }
  return parts.map((part, index) => ({ ...part, sides: sides[index] ?? part.sides }));
}
