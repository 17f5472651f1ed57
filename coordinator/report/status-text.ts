// Status as text for a terminal: one block for each policy, one line for each pool with its decision under it.
// Pure; what is not known is shown as a dash, never as 0.

import type { PolicyStatus } from "../../shared/contract/policy/status.ts";
import { isEstimate } from "../../shared/model/instance-types.ts";
import { parseInstant } from "../../shared/model/instant.ts";
import { CONDITION } from "../../shared/model/names.ts";
import { millis } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { table } from "../../shared/runtime/table.ts";
import { savedText } from "./saved.ts";
import { count, duration, offering } from "./sentences/words.ts";

/** The next windows of schedules; all of them stand in the status itself. */
const SHOWN_WINDOWS = 3;
const SHOWN_SAVED = 10;

export interface PolicyLines {
  readonly name: string;
  readonly generation: number | null;
  readonly pools: readonly { readonly name: string; readonly minSize: number; readonly maxSize: number }[];
  /** Null: none has been written, or it cannot be read. */
  readonly status: PolicyStatus | null;
}

export interface NoticeLine {
  readonly node: string;
  readonly cause: string;
  readonly source: string;
  readonly phase: string;
  readonly deadline: string;
}

export function statusText(
  policies: readonly PolicyLines[],
  notices: readonly NoticeLine[],
  now: EpochMs,
): string {
  const blocks =
    policies.length === 0
      ? ["No AutoscalingPolicy in the cluster."]
      : policies.map((policy) => policyText(policy, now));
  if (notices.length > 0) {
    const rows = notices.map((notice) => [
      notice.node,
      notice.cause,
      notice.source,
      notice.phase,
      leftText(notice.deadline, now),
    ]);
    blocks.push(
      `Nodes that are being emptied\n${table([["node", "cause", "source", "phase", "left"], ...rows])}`,
    );
  }
  return blocks.join("\n\n");
}

function policyText({ name, generation, pools, status }: PolicyLines, now: EpochMs): string {
  if (status === null)
    return `Policy ${name}\n  no status yet: no coordinator has looked at it, or its status cannot be read`;
  const lag =
    generation !== null && status.observedGeneration !== undefined && status.observedGeneration < generation;
  const parts = [
    `Policy ${name}  ${conditionsText(status)}${lag ? "  (a newer spec has not been looked at yet)" : ""}`,
    ...costText(status.cost, now),
    `  GPU pods that wait ${status.pendingPods}, utilisation ${percent(status.averageGPUUtilization)}, nodes ${status.currentNodes} of ${status.desiredNodes}`,
    table([
      [
        "pool",
        "back end",
        "size",
        "ready",
        "booting",
        "min",
        "max",
        "$/h",
        "taken/day",
        "up in",
        "down in",
        "decision",
      ],
      ...status.pools.map((pool) => {
        const limits = pools.find((candidate) => candidate.name === pool.name);
        return [
          pool.name,
          pool.backEnd ?? "-",
          number(pool.size),
          number(pool.ready),
          number(pool.booting),
          number(limits?.minSize),
          number(limits?.maxSize),
          priceText(pool),
          number(pool.interruptionsPerNodeDay),
          leftText(pool.upCooldownEndsAt, now),
          leftText(pool.downCooldownEndsAt, now),
          pool.decision ?? "-",
        ];
      }),
    ]),
    ...(status.pools.some(isGuessed) ? ["  ~: an estimate of the catalogue, which counts as no money"] : []),
    ...status.pools.flatMap((pool) =>
      (pool.because ?? []).map(({ code, sentence }) => `  ${pool.name}: ${sentence} [${code}]`),
    ),
    ...stagesText(status.pools),
    ...(status.offerings ?? [])
      .filter(({ until }) => Date.parse(until) > now)
      .map(
        ({ offering: of, kind, failures, until, detail }) =>
          `  paused: ${offering(of)} for ${leftText(until, now)} more, ${kind}, ${count(failures, "failure")}${detail === undefined || detail === "" ? "" : `: ${detail}`}`,
      ),
    ...(status.schedules ?? [])
      .slice(0, SHOWN_WINDOWS)
      .map(({ name, opens, closes }) => `  window: ${name} from ${opens} to ${closes}`),
    ...savedLines(status),
    ...status.conditions
      .filter(isTrouble)
      .map(({ type, reason, message }) => `  ! ${type} ${reason}: ${message}`),
    ...status.moves
      .filter(({ phase }) => phase === "intended" || phase === "draining")
      .map(
        (move) =>
          `  in flight: ${move.kind} ${move.pool} ${move.node ?? ""} ${move.from} -> ${move.to}, ${move.phase}${move.detail === undefined ? "" : `: ${move.detail}`}`,
      ),
  ];
  return parts.join("\n");
}

type Pool = PolicyStatus["pools"][number];

function isGuessed({ usdPerHour, priceSource = "" }: Pool): boolean {
  return usdPerHour !== undefined && isEstimate(priceSource);
}

function priceText(pool: Pool): string {
  return `${isGuessed(pool) ? "~" : ""}${number(pool.usdPerHour)}`;
}

function costText(cost: PolicyStatus["cost"], now: EpochMs): readonly string[] {
  if (cost === undefined) return [];
  const { usdPerHour, usdPerMonthOf720Hours, estimatedUsdPerHour, priceAt } = cost;
  const readAt = priceAt === undefined ? null : parseInstant(priceAt);
  const age =
    readAt === null ? "" : `; the oldest price is from ${duration(millis(Math.max(0, now - readAt)))} ago`;
  if (usdPerHour !== undefined && usdPerMonthOf720Hours !== undefined)
    return [
      `  its nodes cost ${usdPerHour.toFixed(2)} USD an hour, ${usdPerMonthOf720Hours.toFixed(2)} in a month of 720 h${age}`,
    ];
  const estimate =
    estimatedUsdPerHour === undefined
      ? ""
      : `; with the catalogue's estimates it would be ${estimatedUsdPerHour.toFixed(2)} USD an hour`;
  return [
    `  its nodes cost: unknown, since the price of one of them is not known; gpuasctl cost says of which${estimate}${age}`,
  ];
}

/** Where pods stood when they lost their node, the latest last. */
function savedLines({ interruptions }: PolicyStatus): readonly string[] {
  return interruptions
    .flatMap(({ at, node, saved = [] }) => saved.map((one) => ({ at, node: node ?? "unknown", one })))
    .slice(-SHOWN_SAVED)
    .map(({ at, node, one }) => `  saved: ${savedText(one)}, when node ${node} was taken at ${at}`);
}

function conditionsText(status: PolicyStatus): string {
  return status.conditions.map(({ type, status: value }) => `${type}=${value}`).join(" ");
}

/** One line for each pool that has measured machines, one column for each stage that any of them has. */
function stagesText(pools: PolicyStatus["pools"]): readonly string[] {
  const measured = pools.filter(({ stages = [] }) => stages.length > 0);
  if (measured.length === 0) return [];
  const found = new Set(measured.flatMap(({ stages = [] }) => stages.map(({ stage }) => stage)));
  const known = Object.keys(STAGE_WORDS).filter((stage) => found.has(stage));
  const columns = [...known, ...[...found].filter((stage) => !known.includes(stage))];
  const rows = measured.map(({ name, stages = [] }) => [
    name,
    ...columns.map((column) => stageText(stages.find(({ stage }) => stage === column))),
  ]);
  return [
    "  how long the last machines took to each stage, median and p90 in seconds",
    table([["pool", ...columns.map((stage) => STAGE_WORDS[stage] ?? stage)], ...rows]),
  ];
}

function stageText(stage: Stage | undefined): string {
  return stage === undefined ? "-" : `${stage.medianSeconds} / ${stage.p90Seconds}`;
}

type Stage = NonNullable<Pool["stages"]>[number];

const STAGE_WORDS: Readonly<Record<string, string>> = {
  accepted: "accepted",
  launched: "launched",
  registered: "registered",
  ready: "GPUs ready",
  "first-pod": "first pod",
  total: "in all",
};

const GOOD_WHEN_TRUE: ReadonlySet<string> = new Set([
  CONDITION.valid,
  CONDITION.active,
  CONDITION.groupsMatch,
]);

/** The others are good when False. */
function isTrouble({ type, status }: PolicyStatus["conditions"][number]): boolean {
  return GOOD_WHEN_TRUE.has(type) ? status !== "True" : status === "True";
}

function number(value: number | null | undefined): string {
  return value === null || value === undefined ? "-" : String(value);
}

function percent(value: number | undefined): string {
  return value === undefined ? "not known" : `${Math.round(value * 100)} %`;
}

function leftText(until: string | undefined, now: EpochMs): string {
  if (until === undefined) return "-";
  const seconds = Math.ceil((Date.parse(until) - now) / 1000);
  return seconds > 0 ? `${seconds} s` : "now";
}
