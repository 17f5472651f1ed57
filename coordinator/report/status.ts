// A policy's status for people and tools: sizes, what was decided and why, cooldown ends, conditions. Pure: the
// status that stands and one cycle give the next status, or the same one when only clocks have moved. What the
// journal keeps in the same object (moves, additions, last times) passes through untouched.

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { takesNode } from "../../shared/model/interruption.ts";
import type { Reason } from "../../shared/model/reasons.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Hold, Move, Plan, PolicyFigures } from "../decide/plan.ts";
import type { NoticeInput, PolicyInput, Snapshot } from "../decide/snapshot.ts";
import type { Rate } from "../money/rate.ts";
import { verdictsOf, withVerdicts } from "./conditions.ts";
import { sentence } from "./explain.ts";
import { forecastStatus, forecastVerdict } from "./forecast-verdict.ts";
import type { PolicyForecast } from "./forecast-verdict.ts";
import type { MoveReport } from "./move-report.ts";
import { rivalVerdict } from "./rival-verdict.ts";
import type { RivalOfPool } from "./rival-verdict.ts";
import { nodesOfPolicy, savedOf } from "./saved.ts";
import { shortened } from "./sentences/words.ts";
import { costOf, marketOf, priceOf } from "./status-market.ts";

type PoolStatus = PolicyStatus["pools"][number];

/** The status object is bounded: reasons of one pool beyond this are left out, the last entry saying how many. */
const MAX_REASONS = 12;
/** Of all pools together, so that the object stays below what a server takes, whatever else it holds. */
const MAX_REASONS_OF_ALL = 300;
const LEAST_REASONS = 2;
const LONGEST_SENTENCE = 1_000;
/** Ages, shares, counts and whose turn it is to be busy change in each cycle; so old they may get on paper. */
const DRIFT_MS = 30_000;
const DAY_MS = 24 * 3600_000;
/** Interruptions that keep what their pods saved. */
const MAX_WITH_SAVED = 20;

export interface StatusInput {
  readonly policy: PolicyInput;
  readonly generation: number | undefined;
  readonly plan: Plan;
  readonly snapshot: Snapshot;
  /** What this cycle carried out. */
  readonly done: readonly MoveReport[];
  /** When this status was last written by us; null: never since the start. */
  readonly writtenAt: EpochMs | null;
  /** Absent, or null: the policy has no forecast. */
  readonly forecast?: PolicyForecast | null;
  /** What its machines cost now. Absent, or null: nobody has counted at this moment. */
  readonly rate?: Rate | null;
}

/** The next status; `status` itself when it says the same already. */
export function nextStatus(status: PolicyStatus, input: StatusInput): PolicyStatus {
  const next =
    input.policy.kind === "valid"
      ? validStatus(status, input.policy, input)
      : invalidStatus(status, input.policy, input);
  const drifted = input.writtenAt === null || input.plan.at - input.writtenAt >= DRIFT_MS;
  const same = drifted ? sameJson(status, next) : sameJson(withoutDrift(status), withoutDrift(next));
  return same ? status : next;
}

function validStatus(
  status: PolicyStatus,
  policy: Extract<PolicyInput, { kind: "valid" }>,
  input: StatusInput,
): PolicyStatus {
  const { plan, snapshot, generation } = input;
  const figures = plan.figures.find((candidate) => candidate.policy === policy.name);
  const answers = answersOf(plan, policy.name);
  const pools = policy.spec.nodePools.map(({ name }) =>
    poolStatus(name, status, figures, answers.get(name), plan.at),
  );
  const byType = (type: string): number =>
    policy.spec.nodePools.reduce(
      (sum, pool) =>
        pool.capacityType === type ? sum + (pools.find(({ name }) => name === pool.name)?.ready ?? 0) : sum,
      0,
    );
  const interruptions = interruptionsOf(status, policy, snapshot);
  const expected = forecastVerdict(input.forecast ?? null);
  const {
    averageGPUUtilization: _utilization,
    lastScalingAction: _action,
    lastScalingReason: _reason,
    observedGeneration: _generation,
    schedules: _schedules,
    forecast: _forecast,
    cost: _cost,
    ...kept
  } = status;
  return {
    ...kept,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    currentNodes: pools.reduce((sum, { ready }) => sum + ready, 0),
    desiredNodes: pools.reduce((sum, { size, ready, booting }) => sum + (size ?? ready + booting), 0),
    spotNodes: byType("spot"),
    onDemandNodes: byType("on-demand"),
    reservedNodes: byType("reserved"),
    ...(typeof figures?.utilization === "number"
      ? { averageGPUUtilization: Math.round(figures.utilization * 1000) / 1000 }
      : {}),
    pendingPods: figures?.pendingPods ?? 0,
    ...lastAction(status, input, policy.name),
    spotInterruptions: interruptions.length,
    interruptions: [...interruptions],
    pools,
    ...costOf(input.rate ?? null),
    ...marketOf(figures),
    ...forecastStatus(input.forecast ?? null),
    conditions: withVerdicts(
      status.conditions,
      [
        ...verdictsOf(policy, reasonsOf(answers)),
        rivalVerdict(rivalsOf(answers)),
        ...(expected === null ? [] : [expected]),
      ],
      { at: plan.at, generation },
    ),
  };
}

/** Sizes and journal stay as they were last known; only the verdict on the policy is new. */
function invalidStatus(
  status: PolicyStatus,
  policy: Extract<PolicyInput, { kind: "invalid" }>,
  input: StatusInput,
): PolicyStatus {
  const answers = answersOf(input.plan, policy.name);
  return {
    ...status,
    ...(input.generation === undefined ? {} : { observedGeneration: input.generation }),
    pools: status.pools.map((pool) => ({
      ...pool,
      ...decisionOf(answers.get(pool.name), status.pools.length),
    })),
    conditions: withVerdicts(status.conditions, verdictsOf(policy, []), {
      at: input.plan.at,
      generation: input.generation,
    }),
  };
}

interface Answer {
  readonly moves: readonly Move[];
  readonly holds: readonly Hold[];
}

function answersOf(plan: Plan, policy: string): ReadonlyMap<string, Answer> {
  const answers = new Map<string, { moves: Move[]; holds: Hold[] }>();
  const at = (pool: string) => {
    const known = answers.get(pool) ?? { moves: [], holds: [] };
    answers.set(pool, known);
    return known;
  };
  for (const move of plan.moves) if (move.policy === policy) at(move.pool).moves.push(move);
  for (const hold of plan.holds) if (hold.policy === policy) at(hold.pool).holds.push(hold);
  return answers;
}

function reasonsOf(answers: ReadonlyMap<string, Answer>): readonly Reason[] {
  return [...answers.values()].flatMap(({ moves, holds }) =>
    [...moves, ...holds].flatMap(({ because }) => because),
  );
}

function rivalsOf(answers: ReadonlyMap<string, Answer>): readonly RivalOfPool[] {
  return [...answers].flatMap(([pool, { holds }]) =>
    holds.flatMap(({ because }) =>
      because.flatMap((reason) => (reason.code === "rival" ? [{ pool, reason }] : [])),
    ),
  );
}

function poolStatus(
  name: string,
  status: PolicyStatus,
  figures: PolicyFigures | undefined,
  answer: Answer | undefined,
  at: EpochMs,
): PoolStatus {
  const before = status.pools.find((pool) => pool.name === name);
  const figure = figures?.pools.find(({ pool }) => pool === name);
  const up = endsAt(before?.upCooldownEndsAt, figures?.upCooldownMs[name], at);
  const down = endsAt(before?.downCooldownEndsAt, figures?.downCooldownMs[name], at);
  return {
    name,
    ...(figure === undefined || figure.size === null ? {} : { size: figure.size }),
    ready: figure?.ready ?? 0,
    booting: figure?.booting ?? 0,
    ...(before?.lastUpAt === undefined ? {} : { lastUpAt: before.lastUpAt }),
    ...(before?.lastDownAt === undefined ? {} : { lastDownAt: before.lastDownAt }),
    ...(up === null ? {} : { upCooldownEndsAt: up }),
    ...(down === null ? {} : { downCooldownEndsAt: down }),
    ...priceOf(figure),
    ...(figure?.interruptions === undefined
      ? {}
      : { interruptionsPerNodeDay: perNodeDay(figure.interruptions) }),
    ...launchesOf(figure),
    ...decisionOf(answer, figures?.pools.length ?? status.pools.length),
  };
}

function perNodeDay({ interruptions, nodeDays }: { interruptions: number; nodeDays: number }): number {
  return Math.round((interruptions / nodeDays) * 100) / 100;
}

/** What was measured stays as it was while there is nothing new; seconds are as exact as anybody reads. */
function launchesOf(
  figure: PolicyFigures["pools"][number] | undefined,
): Pick<PoolStatus, "backEnd" | "stages"> {
  const { backEnd, stages } = figure ?? {};
  return {
    ...(backEnd === undefined ? {} : { backEnd }),
    ...(stages === undefined
      ? {}
      : {
          stages: stages.map(({ stage, medianMs, p90Ms, machines }) => ({
            stage,
            medianSeconds: Math.round(medianMs / 1000),
            p90Seconds: Math.round(p90Ms / 1000),
            machines,
          })),
        }),
  };
}

function decisionOf(answer: Answer | undefined, pools: number): Pick<PoolStatus, "decision" | "because"> {
  if (answer === undefined) return {};
  const most = Math.max(LEAST_REASONS, Math.min(MAX_REASONS, Math.floor(MAX_REASONS_OF_ALL / pools)));
  const reasons = [...answer.moves, ...answer.holds].flatMap(({ because }) => because);
  const shown = reasons
    .slice(0, reasons.length > most ? most - 1 : most)
    .map((reason) => ({ code: reason.code, sentence: shortened(sentence(reason), LONGEST_SENTENCE) }));
  const left = reasons.length - shown.length;
  return {
    decision: answer.moves[0]?.kind ?? "hold",
    because: left > 0 ? [...shown, { code: "more", sentence: `${left} more reasons` }] : shown,
  };
}

/** In whole seconds, and the one that stands when it is the same within two: cycles do not fall on seconds. */
function endsAt(before: string | undefined, leftMs: number | undefined, at: EpochMs): string | null {
  if (leftMs === undefined || leftMs <= 0) return null;
  const end = Math.round((at + leftMs) / 1000) * 1000;
  if (before !== undefined && Math.abs(Date.parse(before) - end) <= 2000) return before;
  return new Date(end).toISOString();
}

/** Of moves that were carried out; what was only decided, or failed, is no action. */
function lastAction(
  status: PolicyStatus,
  { plan, done }: StatusInput,
  policy: string,
): Pick<PolicyStatus, "lastScalingAction" | "lastScalingReason"> {
  const last = done.findLast((report) => report.policy === policy && report.outcome.kind === "applied");
  if (last === undefined) {
    return {
      ...(status.lastScalingAction === undefined ? {} : { lastScalingAction: status.lastScalingAction }),
      ...(status.lastScalingReason === undefined ? {} : { lastScalingReason: status.lastScalingReason }),
    };
  }
  const { key, kind, pool, from, to } = last.move;
  const reason = plan.moves.find((move) => move.key === key)?.because[0];
  const words = reason === undefined ? last.outcome.detail : sentence(reason);
  return {
    lastScalingAction: `${kind} ${pool} from ${from} to ${to}`,
    ...(words === undefined ? {} : { lastScalingReason: words }),
  };
}

/** Real notices on the policy's nodes in the last 24 h. Instances are few; the ids keep one from counting twice. */
function interruptionsOf(
  status: PolicyStatus,
  policy: Extract<PolicyInput, { kind: "valid" }>,
  snapshot: Snapshot,
): PolicyStatus["interruptions"] {
  const recent = status.interruptions.filter(({ at }) => Date.parse(at) > snapshot.at - DAY_MS);
  const nodes = nodesOfPolicy(policy);
  const notices = new Map(
    snapshot.notices
      .filter((notice) => notice.source !== "drill" && takesNode(notice))
      .map((notice) => [notice.id, notice]),
  );
  const fresh = [...notices.values()].filter(
    ({ id, node }) => nodes.has(node) && !recent.some((known) => known.id === id),
  );
  const all = [
    ...recent,
    ...fresh.map(({ id, node, seenAt }) => ({ id, at: new Date(seenAt).toISOString(), node })),
  ].slice(-200);
  return all.map((entry, index) =>
    withSaved(entry, notices.get(entry.id), all.length - index <= MAX_WITH_SAVED),
  );
}

/** What was said to be saved stays when its notice is over; of old interruptions nobody asks for it. */
function withSaved(
  { saved, ...entry }: PolicyStatus["interruptions"][number],
  notice: NoticeInput | undefined,
  isRecent: boolean,
): PolicyStatus["interruptions"][number] {
  const said = savedOf(notice?.checkpoints);
  const now = said.length > 0 ? [...said] : saved;
  return isRecent && now !== undefined ? { ...entry, saved: now } : entry;
}

/** The status less what moves in each cycle of a busy cluster: each write is a revision in etcd. */
function withoutDrift(status: PolicyStatus): unknown {
  const { averageGPUUtilization, pendingPods, lastScalingReason: _, forecast = [], cost, ...rest } = status;
  return {
    ...rest,
    ...(cost === undefined ? {} : { cost: { ...cost, priceAt: cost.priceAt !== undefined } }),
    acts: forecast.map(({ acts, standsDown }) => ({ acts, standsDown })),
    utilizationKnown: averageGPUUtilization !== undefined,
    podsWait: pendingPods > 0,
    pools: status.pools.map(({ interruptionsPerNodeDay, ...pool }) => ({
      ...pool,
      because: codesOf(pool),
      isMeasured: interruptionsPerNodeDay !== undefined,
    })),
  };
}

/** Which reasons there are, whichever node each is about. */
function codesOf({ because = [] }: PoolStatus): readonly string[] {
  return [...new Set(because.map(({ code }) => code))].sort();
}

function sameJson(a: unknown, b: unknown): boolean {
  return JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));
}

/** Keys in order, because the server gives an object back in its own. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, canonical(inner)]),
  );
}
