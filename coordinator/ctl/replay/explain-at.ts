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
  let last: Snapshot | null = null;
  play(scenario, await sizerOf({ kind: "ours" }), {
    forecast: createForecastFeed(),
    stopAtMs: Math.min(endMs, atMs + 1),
    onSnapshot: (snapshot) => {
      if (snapshot.at <= at) last = snapshot;
    },
  });
  if (last === null)
    throw new AppError("bad-input", `--explain ${toInstantText(at)}: nothing was decided up to then`);
  const { decision, explain } = decideAndExplain(last as Snapshot);
  const waiting = explain.waiting();
  const text = [
    `Replay of ${scenario.name}, ${lengthText(decision.plan.at - scenario.start)} after its start: the last decision up to ${toInstantText(at)}`,
    decisionText(decision.plan),
    ...(waiting.length === 0 ? [] : ["Pods that wait, and every pool", podsText(waiting)]),
  ].join("\n\n");
  return { text, snapshot: last, plan: decision.plan };
}

/** Parts with the holds of those that did nothing then. `scenarios`: of each policy, for each start. */
export async function partsWithHolds(
  parts: readonly Part[],
  scenarios: ReadonlyMap<string, readonly Scenario[]>,
  most: number,
): Promise<readonly Part[]> {
  const told: Part[] = [];
  for (const part of parts.slice(0, most)) {
    const sides: Part["sides"][number][] = [];
    for (const side of part.sides) {
      const scenario = scenarios.get(side.policy)?.[part.offset];
      if (side.because.length > 0 || scenario === undefined) {
        sides.push(side);
        continue;
      }
      if (!scenario.pools.some(({ name }) => name === part.pool)) {
        sides.push({ ...side, said: "has no such pool" });
        continue;
      }
      const { plan } = await explainAt(scenario, after(scenario.start, millis(part.atMs)));
      const held = plan.holds.find(({ pool }) => pool === part.pool);
      sides.push({ ...side, because: held?.because ?? [] });
    }
    told.push({ ...part, sides });
  }
  return [...told, ...parts.slice(most)];
}
