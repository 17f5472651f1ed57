// How the packing went: the work that it took, what the new nodes cost, and what no plan for the same pods in the same
// tiers can cost less than. The distance between both says how good the plan is at most.

import type { PodKind } from "../fit/kind.ts";
import type { PackingReport } from "../plan.ts";
import type { Memory } from "../snapshot-memory.ts";
import { holds } from "./amounts.ts";
import type { Packing } from "./packing.ts";
import type { Parts } from "./parts.ts";
import type { Option, Range } from "./ranges.ts";

/** Empty where no new node was chosen and no pod left out. */
export function reportOf({ parts, leftOut, market, board }: Packing): { readonly packing?: PackingReport } {
  if (board.bins.length === board.fixed && leftOut.length === 0) return {};
  let usdPerHour: number | null = 0;
  for (const { pool, held } of board.bins.slice(board.fixed)) {
    if (pool === null || held !== null) continue;
    const { price } = market.offerOf(pool);
    usdPerHour = price.kind === "unknown" || usdPerHour === null ? null : usdPerHour + price.usdPerHour;
  }
  return {
    packing: {
      units: Math.round(parts.work.used),
      leftOut: leftOut.length,
      usdPerHour,
      lowerBoundUsdPerHour: usdPerHour === null ? null : lowerBound(parts),
    },
  };
}

const LEFT_OUT_AT_MOST = 2_000;

/** What the next decision begins with. Empty where all was looked at. */
export function rememberLeftOut({ leftOut }: Packing): Pick<Memory, "leftOut"> {
  return leftOut.length === 0 ? {} : { leftOut: leftOut.slice(0, LEFT_OUT_AT_MOST) };
}

/** More pairs of kind and option than that are not looked at one by one. */
const PAIRS = 2_000_000;

/** Bins that cannot take each other's pods: each of these sums is a bound of its own. */
interface Group {
  readonly options: readonly Option[];
  readonly kinds: Map<PodKind, number>;
}

/**
 * A node costs at least as much as its pods' shares of any one resource of it, and each pod's share at least what that
 * costs on the machine where it is cheapest. Devices of all names together count as one resource more.
 */
function lowerBound(parts: Parts): number {
  let bound = 0;
  for (const group of groupsOf(parts)) {
    const sums = new Float64Array(parts.board.amounts.width + 1);
    const coarse = group.kinds.size * group.options.length > PAIRS;
    for (const [kind, count] of group.kinds)
      sharesOf(kind, group.options, coarse, parts).forEach((share, name) => {
        sums[name] = (sums[name] ?? 0) + share * count;
      });
    bound += Math.max(0, ...sums);
  }
  return bound;
}

function groupsOf({ board, ranges }: Parts): readonly Group[] {
  const mixed = ranges.all.some(({ options }) => options.some(({ pool }) => pool.pool.allowCpuPods));
  const groups = new Map<string, Group>();
  for (const { pool, placed, held } of board.bins.slice(board.fixed)) {
    const range = pool === null ? undefined : ranges.of(pool);
    if (range === undefined || held !== null) continue;
    for (const pod of placed) {
      const kind = board.kinds.of(pod);
      const withGpus = mixed || board.amounts.askOf(kind).gpus > 0;
      const text = `${range.policy} ${range.tier} ${withGpus}`;
      const group = groups.get(text) ?? {
        options: optionsLike(range, ranges.all),
        kinds: new Map<PodKind, number>(),
      };
      group.kinds.set(kind, (group.kinds.get(kind) ?? 0) + 1);
      groups.set(text, group);
    }
  }
  return [...groups.values()];
}

function optionsLike({ policy, tier }: Range, all: readonly Range[]): readonly Option[] {
  return all
    .filter((range) => range.policy === policy && range.tier === tier)
    .flatMap(({ options }) => options);
}

/** By resource, and last of all by devices: what one pod of the kind adds at least. */
function sharesOf(kind: PodKind, options: readonly Option[], coarse: boolean, parts: Parts): Float64Array {
  const { amounts } = parts.board;
  const ask = amounts.askOf(kind);
  const shares = new Float64Array(amounts.width + 1).fill(Infinity);
  for (const { row, gpus, pool } of options) {
    if (!coarse && !holds(row, 0, ask)) continue;
    const { price } = parts.market.offerOf(pool);
    const usd = price.kind === "known" ? price.usdPerHour : 0;
    for (let each = 0; each < ask.index.length; each++) {
      const name = ask.index[each] ?? 0;
      const has = row[name] ?? 0;
      if (has > 0) shares[name] = Math.min(shares[name] ?? 0, (usd * (ask.amount[each] ?? 0)) / has);
    }
    if (ask.gpus > 0 && gpus > 0)
      shares[amounts.width] = Math.min(shares[amounts.width] ?? 0, (usd * ask.gpus) / gpus);
  }
  return shares.map((share) => (Number.isFinite(share) ? share : 0));
}
