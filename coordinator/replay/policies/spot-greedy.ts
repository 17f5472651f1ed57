// Spot when there is any, else on demand, back as soon as spot returns: the baseline of Can't Be Late (NSDI 2024), with the
// clocks of Cluster Autoscaler for nodes that nobody uses. It learns that spot is back by asking, each time the wait after a
// failure ends; nodes on demand then hand their pods over, once the spot nodes are there.

import { millis } from "../../../shared/model/units.ts";
import type { Millis } from "../../../shared/model/units.ts";
import type { Move } from "../../decide/plan.ts";
import type { MakeSizer } from "../sizer.ts";
import { createBackOff } from "./back-off.ts";
import { fitted, freeOn } from "./fit.ts";
import { giveBack, growth, removal } from "./moves.ts";
import { scanning } from "./scans.ts";
import type { Seen, SeenPool } from "./seen.ts";
import { createUnneeded } from "./unneeded.ts";

export interface SpotGreedyOptions {
  readonly name?: string;
  /** A spot pool without capacity is asked again after so long. */
  readonly emptyForMs?: Millis;
}

const SCAN_MS = millis(10_000);
const UNNEEDED_MS = 600_000;

export function spotGreedySizer(options: SpotGreedyOptions = {}): MakeSizer {
  const { name = "spot-greedy", emptyForMs = millis(300_000) } = options;
  return () => {
    const backOff = createBackOff({ firstMs: emptyForMs, mostMs: emptyForMs, forgetMs: emptyForMs });
    const unneeded = createUnneeded();
    return scanning(name, SCAN_MS, (view) => {
      backOff.look(view);
      const { at, pools, waiting } = view;
      const ranked = pools
        .filter((pool) => pool.tier !== "spot" || backOff.isOpen(pool.name, at))
        .toSorted((a, b) => rankOf(a) - rankOf(b) || (a.usdPerHour ?? Infinity) - (b.usdPerHour ?? Infinity));
      const { grow, homeless } = fitted(waiting, pools, () => ranked);
      const back = waiting.length > 0 ? null : goBack(view, ranked);
      const spare = unusedOf(view, back !== null && back.isUnderWay);
      unneeded.look(new Set(spare.map(({ node }) => node.name)), at);
      const due = spare.filter(({ node }) => unneeded.forMs(node.name, at) >= UNNEEDED_MS);
      const moves: readonly Move[] = [
        ...giveBack(view),
        ...ranked.flatMap((pool) => {
          const nodes = grow.get(pool.name) ?? 0;
          return nodes === 0 ? [] : [growth(view, pool, nodes)];
        }),
        ...(back?.moves ?? []),
        ...due.map(({ pool, node }) => removal(view, pool, node)),
      ];
      const waitsForSpot = homeless.length > 0 || pools.some(isDearAndUsed);
      const ends = [
        ...spare.map(({ node }) => UNNEEDED_MS - unneeded.forMs(node.name, at)),
        ...(waitsForSpot ? [backOff.opensInMs(at) ?? emptyForMs] : []),
      ];
      return { moves, changesInMs: ends.length === 0 ? null : Math.max(1, Math.min(...ends)) };
    });
  };
}

/** Spot first, in the order of price. */
function rankOf({ tier }: SeenPool): number {
  return tier === "spot" ? 0 : 1;
}

function isDearAndUsed({ tier, nodes }: SeenPool): boolean {
  return tier === "on-demand" && nodes.some(({ open, pods }) => open && pods.length > 0);
}

/** As many spot nodes as on-demand ones work; whoever can move to one that is here is told to. */
function goBack(
  view: Seen,
  ranked: readonly SeenPool[],
): { readonly moves: readonly Move[]; readonly isUnderWay: boolean } {
  const dear = view.pools
    .filter(({ tier }) => tier === "on-demand")
    .flatMap((pool) =>
      pool.nodes.filter(({ open, pods }) => open && pods.length > 0).map((node) => ({ pool, node })),
    );
  if (dear.length === 0) return { moves: [], isUnderWay: false };
  const spot = view.pools.filter(({ tier }) => tier === "spot");
  const empty = spot.flatMap(({ nodes }) => nodes.filter((node) => node.open && node.pods.length === 0));
  const free = empty.reduce((sum, node) => sum + freeOn(node), 0);
  let left = free;
  const leaving: Move[] = [];
  for (const { pool, node } of dear) {
    const used = node.gpus - freeOn(node);
    if (used > left) continue;
    left -= used;
    leaving.push(removal(view, pool, node));
  }
  const coming = spot.reduce((sum, pool) => sum + pool.coming, 0);
  const missing = dear.length - leaving.length - coming - (empty.length - leaving.length);
  const [cheapest] = ranked.filter((pool) => pool.tier === "spot" && pool.size < pool.max);
  const asks = cheapest !== undefined && missing > 0;
  return {
    moves: [
      ...leaving,
      ...(asks ? [growth(view, cheapest, Math.min(missing, cheapest.max - cheapest.size))] : []),
    ],
    isUnderWay: true,
  };
}

/** Spot nodes that wait for pods from on-demand ones are in use already. */
function unusedOf({ pools }: Seen, isGoingBack: boolean) {
  return pools
    .filter(({ tier }) => !(isGoingBack && tier === "spot"))
    .flatMap((pool) =>
      pool.nodes.filter(({ open, pods }) => open && pods.length === 0).map((node) => ({ pool, node })),
    );
}
