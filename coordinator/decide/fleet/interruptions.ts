// Interruptions as they are counted over time: how long spot nodes were seen and how many of them were taken, per
// stock for the price of risk, per policy for its limit. Over the limit new capacity goes less to spot for a day. A
// drill is no interruption, and neither is a hint that one may come. What it costs is for the market to say.

import type { Machine } from "../../../shared/contract/notice.ts";
import { capacityTypeOf } from "../../../shared/model/node.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { after, elapsed, millis, ratio } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { Memory, RiskMemory } from "../snapshot-memory.ts";
import type { NoticeInput } from "../snapshot.ts";
import type { Fleet, PoolState } from "./fleet.ts";
import { isGapless } from "./idle.ts";
import { poolId } from "./ownership.ts";
import type { NodeState } from "./standing.ts";
import { readStock, stockKeysOf, stockOfMachine, stockOfNode } from "./stock.ts";
import type { Stock, StockParts } from "./stock.ts";

const DAY_MS = 24 * 3600_000;
/** Of a stock, what was measured so long ago counts half. */
const STOCK_HALF_LIFE_MS = 7 * DAY_MS;
/** Of a policy it fades so that all of it together weighs as much as one day. */
const POLICY_HALF_LIFE_MS = DAY_MS * Math.LN2;
/** Nobody knows what happened in a longer pause between two decisions. */
const LONGEST_GAP_MS = 60_000;
/** Spot is taken to have run so long unharmed before anybody looked: one early loss is bad luck and no rate. */
const PRIOR_NODE_DAYS = 1;
/** Of less than that nobody says how often it is interrupted. */
const LEAST_NODE_DAYS = 0.5;
/** Less than that says nothing any more. */
const FORGOTTEN = 1e-3;
/** By how much the target for spot falls, and for how long, while interruptions are too many. */
const LESS_SPOT = 0.1;
const LESS_SPOT_MS = millis(DAY_MS);

type Counts = Required<Pick<Memory, "risk" | "countedNotices" | "lessSpot">>;

export function countInterruptions(fleet: Fleet, memory: Memory): Counts {
  const { at } = fleet;
  // Summed in place: a fleet of spot is many nodes of few offerings.
  const risk = new Map<string, Sum>();
  for (const [key, entry] of Object.entries(memory.risk ?? {})) risk.set(key, faded(key, entry, at));
  /** However little one look adds, it adds up: a single node is seen for seconds at a time. */
  const grown = new Set<string>();
  const add = (stocks: readonly Stock[], nodeDays: number, interruptions: number): void => {
    for (const { key, zoneId } of stocks) {
      const sum = risk.get(key) ?? { nodeDays: 0, interruptions: 0, at };
      if (nodeDays > 0) grown.add(key);
      sum.nodeDays += nodeDays;
      sum.interruptions += interruptions;
      if (zoneId !== null) sum.zoneId = zoneId;
      risk.set(key, sum);
    }
  };
  for (const pool of fleet.pools) {
    for (const state of pool.nodes)
      if (state.standing === "up" && isSpot(pool, state, null))
        add(stocksOf(pool, state, null), nodeDaysSeen(fleet, memory, state), 0);
  }

  const counted: Record<string, EpochMs> = {};
  const before = memory.countedNotices ?? {};
  // A machine ends once, by however many notices that is said. One that survived its end may have another.
  const ended = new Set(
    fleet.notices.flatMap(({ id, node, survived }) =>
      before[id] !== undefined && survived !== true ? [node] : [],
    ),
  );
  for (const notice of fleet.notices) {
    const stocks = stocksOfNotice(fleet, notice);
    if (stocks === null) continue;
    if (before[notice.id] === undefined && !ended.has(notice.node)) add(stocks, 0, 1);
    if (notice.survived !== true) ended.add(notice.node);
    counted[notice.id] = before[notice.id] ?? at;
  }
  // A notice may be missed for a moment; what it cost was counted.
  for (const [id, since] of Object.entries(before)) if (at - since < DAY_MS) counted[id] ??= since;

  const kept = Object.fromEntries(
    [...risk].filter(
      ([key, entry]) => grown.has(key) || entry.nodeDays > FORGOTTEN || entry.interruptions > FORGOTTEN,
    ),
  );
  return { risk: kept, countedNotices: counted, lessSpot: lessSpotOf(fleet, memory, kept) };
}

/** Interruptions of one node of spot in a day, as measured; what is known of several stocks is added up. */
export function ratePerNodeDay(keys: readonly string[], memory: Memory, at: EpochMs): number {
  const { nodeDays, interruptions } = sumOf(keys, memory, at);
  return interruptions / (PRIOR_NODE_DAYS + nodeDays);
}

export interface MeasuredRate {
  readonly nodeDays: number;
  readonly interruptions: number;
}

/** Where, and of what; null: not known. */
export interface StockRate extends MeasuredRate, StockParts {
  readonly zoneId: string | null;
}

/** Of every stock of which enough was seen. What an older version counted without its region is in the pools' rates. */
export function stockRates(memory: Memory, at: EpochMs): readonly StockRate[] {
  return Object.entries(memory.risk ?? {}).flatMap(([key, { zoneId = null }]) => {
    const stock = readStock(key);
    const rate = stock === null ? null : measuredRate([key], memory, at);
    return stock === null || rate === null ? [] : [{ ...stock, zoneId, ...rate }];
  });
}

/** What was measured of a pool's spot nodes, by the stock that it draws on; null: too little, or it is no spot. */
export function rateOfPool(pool: PoolState, memory: Memory, at: EpochMs): MeasuredRate | null {
  return pool.pool.capacityType === "spot" ? measuredRate(stockKeysOf(pool), memory, at) : null;
}

/** Without anything that is only taken for granted; null: too little was seen. */
export function measuredRate(
  keys: readonly string[],
  memory: Pick<Memory, "risk">,
  at: EpochMs,
): MeasuredRate | null {
  const sum = sumOf(keys, memory, at);
  return sum.nodeDays < LEAST_NODE_DAYS ? null : sum;
}

/** What is known of all of them, as it weighs now. */
function sumOf(keys: readonly string[], { risk = {} }: Pick<Memory, "risk">, at: EpochMs): MeasuredRate {
  let nodeDays = 0;
  let interruptions = 0;
  for (const key of keys) {
    const entry = risk[key];
    if (entry === undefined) continue;
    const now = faded(key, entry, at);
    nodeDays += now.nodeDays;
    interruptions += now.interruptions;
  }
  return { nodeDays, interruptions };
}

/** How many points the policy's target for spot is lower at present. */
export function spotLess(policy: string, { lessSpot }: Memory, at: EpochMs): number {
  const until = lessSpot?.[policy];
  return until !== undefined && at < until ? LESS_SPOT : 0;
}

/** Why a spot pool gets less of what is new; null when it does not. */
export function lessSpotReason(
  { policy, spec, pool }: PoolState,
  memory: Memory,
  at: EpochMs,
): Reason | null {
  const until = memory.lessSpot?.[policy];
  const limit = spec.spot.maxInterruptionsPerNodeDay;
  if (pool.capacityType !== "spot" || until === undefined || at >= until || limit === undefined) return null;
  return {
    code: "interruption-rate",
    perNodeDay: Math.round(ratePerNodeDay([policyKey(policy)], memory, at) * 100) / 100,
    limit,
    spotTarget: ratio(Math.max(0, Math.round((spec.spotInstancePercentage - LESS_SPOT) * 1e6) / 1e6)),
    until,
  };
}

function lessSpotOf(fleet: Fleet, memory: Memory, risk: Memory["risk"]): Record<string, EpochMs> {
  const { at } = fleet;
  const less: Record<string, EpochMs> = {};
  for (const { policy, spec } of fleet.pools) {
    const limit = spec.spot.maxInterruptionsPerNodeDay;
    if (limit === undefined || less[policy] !== undefined) continue;
    const until = memory.lessSpot?.[policy];
    const rate = ratePerNodeDay(
      [policyKey(policy)],
      { ...memory, ...(risk === undefined ? {} : { risk }) },
      at,
    );
    if (until !== undefined && at < until) less[policy] = until;
    else if (rate > limit) less[policy] = after(at, LESS_SPOT_MS);
  }
  return less;
}

/** What a node or its machine says of itself comes first: a group may mix both. */
function isSpot(pool: PoolState, state: NodeState | null, machine: Machine | null): boolean {
  const said = (state && capacityTypeOf(state.node.labels)) ?? machine?.lifecycle;
  return (said ?? pool.pool.capacityType) === "spot";
}

/** At first sight, what the nodes have lived through, up to a day: so much is known to have gone well. */
function nodeDaysSeen({ sync, at }: Fleet, memory: Memory, { node }: NodeState): number {
  if (memory.risk === undefined) return Math.min(DAY_MS, elapsed(node.createdAt, at)) / DAY_MS;
  if (memory.at === null || sync.kind !== "synced") return 0;
  const gap = elapsed(memory.at, at);
  return gap <= LONGEST_GAP_MS || isGapless(memory.at, sync) ? gap / DAY_MS : 0;
}

/** Null: no interruption of a spot node of ours. */
function stocksOfNotice(fleet: Fleet, notice: NoticeInput): readonly Stock[] | null {
  if (notice.source === "drill") return null;
  const claim = fleet.ownerOf.get(notice.node);
  const pool = claim === undefined ? undefined : fleet.poolsById.get(poolId(claim.policy, claim.pool));
  if (pool === undefined) return null;
  const state = fleet.nodesByName.get(notice.node) ?? null;
  const machine = notice.machine ?? null;
  return isSpot(pool, state, machine) ? stocksOf(pool, state, machine) : null;
}

function stocksOf(pool: PoolState, state: NodeState | null, machine: Machine | null): readonly Stock[] {
  return [
    state === null ? stockOfMachine(machine, pool) : stockOfNode(state.node, pool),
    { key: policyKey(pool.policy), zoneId: null },
  ];
}

export function policyKey(policy: string): string {
  return `policy/${policy}`;
}

interface Sum {
  nodeDays: number;
  interruptions: number;
  at: EpochMs;
  zoneId?: string;
}

function faded(key: string, { nodeDays, interruptions, at: since, zoneId }: RiskMemory, at: EpochMs): Sum {
  const halfLifeMs = key.startsWith("policy/") ? POLICY_HALF_LIFE_MS : STOCK_HALF_LIFE_MS;
  const share = 0.5 ** (Math.max(0, at - since) / halfLifeMs);
  return {
    nodeDays: nodeDays * share,
    interruptions: interruptions * share,
    at,
    ...(zoneId === undefined ? {} : { zoneId }),
  };
}
