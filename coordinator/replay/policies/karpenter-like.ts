// Like Karpenter, as far as its decisions count in a replay: pods are gathered until none has come for 1 s, for 10 s at most;
// a node that is empty, or whose pods all fit on others, goes after a look each 10 s and 15 s of thought, at most a tenth of the
// nodes at one time. Source: the defaults of its settings and of its NodePool, version 1. It grows the first pool that fits.

import { millis } from "../../../shared/model/units.ts";
import type { Move } from "../../decide/plan.ts";
import type { MakeSizer } from "../sizer.ts";
import { createBackOff } from "./back-off.ts";
import { elsewhere, fitted } from "./fit.ts";
import { giveBack, growth, removal } from "./moves.ts";
import { least } from "./reactive.ts";
import { seen } from "./seen.ts";
import type { Seen } from "./seen.ts";
import { createUnneeded } from "./unneeded.ts";

const BATCH_IDLE_MS = 1_000;
const BATCH_MOST_MS = 10_000;
/** A look each 10 s, and 15 s until a command has been checked again: 25 s at most. */
const CONSOLIDATE_MS = 25_000;
const BUDGET = 0.1;
/** What had no capacity is not asked for 3 minutes. */
const NO_CAPACITY_MS = millis(180_000);

export function karpenterLikeSizer(name = "karpenter-like"): MakeSizer {
  return () => {
    const unneeded = createUnneeded();
    const backOff = createBackOff({
      firstMs: NO_CAPACITY_MS,
      mostMs: NO_CAPACITY_MS,
      forgetMs: NO_CAPACITY_MS,
    });
    let batch: { readonly openedAt: number; readonly newestAt: number } | null = null;

    function grown(view: Seen): { readonly moves: readonly Move[]; readonly inMs: number | null } {
      const { at, waiting, pools } = view;
      const open = pools.filter((pool) => backOff.isOpen(pool.name, at));
      const { grow, homeless } = fitted(waiting, pools, () => open);
      const moves = open.flatMap((pool) => {
        const nodes = grow.get(pool.name) ?? 0;
        return nodes === 0 ? [] : [growth(view, pool, nodes)];
      });
      if (moves.length === 0) {
        batch = null;
        return { moves, inMs: homeless.length === 0 ? null : backOff.opensInMs(at) };
      }
      const newest = Math.max(...waiting.map(({ createdAt }) => createdAt));
      batch = { openedAt: batch?.openedAt ?? at, newestAt: Math.max(newest, batch?.newestAt ?? at) };
      const closesAt = Math.min(batch.openedAt + BATCH_MOST_MS, batch.newestAt + BATCH_IDLE_MS);
      if (at < closesAt) return { moves: [], inMs: closesAt - at };
      batch = null;
      return { moves, inMs: null };
    }

    function shrunk(view: Seen): { readonly moves: readonly Move[]; readonly inMs: number | null } {
      const { at, pools } = view;
      // What is empty goes first, and is no place to move pods to.
      const fits = elsewhere(
        pools.map((pool) => ({ ...pool, nodes: pool.nodes.filter((node) => node.pods.length > 0) })),
      );
      const candidates = pools.flatMap((pool) =>
        pool.nodes
          .filter((node) => node.open && node.gpus > 0 && (node.pods.length === 0 || fits(node)))
          .map((node) => ({ pool, node })),
      );
      unneeded.look(new Set(candidates.map(({ node }) => node.name)), at);
      if (candidates.length === 0) return { moves: [], inMs: null };
      const all = pools.reduce((sum, { nodes }) => sum + nodes.length, 0);
      const going = pools.reduce((sum, { nodes }) => sum + nodes.filter(({ open }) => !open).length, 0);
      const leftMs = candidates.map(({ node }) => CONSOLIDATE_MS - unneeded.forMs(node.name, at));
      const due = candidates.filter((_, index) => (leftMs[index] ?? 0) <= 0);
      const empty = due.filter(({ node }) => node.pods.length === 0);
      const chosen = (empty.length > 0 ? empty : due.slice(0, 1)).slice(
        0,
        Math.max(0, Math.ceil(all * BUDGET) - going),
      );
      return {
        moves: chosen.map(({ pool, node }) => removal(view, pool, node)),
        inMs: Math.max(10_000, Math.min(...leftMs)),
      };
    }

    return {
      name,
      step: (snapshot) => {
        const view = seen(snapshot);
        if (view === null) return { moves: [], againInMs: null, plan: null };
        backOff.look(view);
        const failed = giveBack(view);
        const up = grown(view);
        // Nothing is taken away while pods wait for nodes: its simulation would place them first.
        const down = view.waiting.length > 0 ? { moves: [], inMs: null } : shrunk(view);
        const inMs = least(up.inMs, down.inMs);
        return {
          moves: [...failed, ...up.moves, ...down.moves],
          againInMs: inMs === null ? null : millis(Math.max(1, inMs)),
          plan: null,
        };
      },
    };
  };
}
