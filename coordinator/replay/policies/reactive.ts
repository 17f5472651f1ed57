// Cluster Autoscaler as it ships, as far as its decisions count in a replay: a look each 10 s, pods with GPUs 30 s old before
// they count, a node that is used for less than half for 10 minutes goes, none for 10 minutes after an addition, a pool that
// gave no machine is left alone for 5 to 30 minutes. Source: its FAQ and the defaults of its flags, version 1.33. Which tier it
// buys is the scenario's business: it grows the first pool that fits.

import { millis } from "../../../shared/model/units.ts";
import type { Move } from "../../decide/plan.ts";
import type { MakeSizer } from "../sizer.ts";
import { createBackOff } from "./back-off.ts";
import { elsewhere, fitted, freeOn } from "./fit.ts";
import { giveBack, growth, removal } from "./moves.ts";
import { scanning } from "./scans.ts";
import type { Looked } from "./scans.ts";
import type { Seen, SeenNode, SeenPool } from "./seen.ts";
import { createUnneeded } from "./unneeded.ts";

export interface ReactiveOptions {
  readonly name?: string;
  /** Pools whose nodes stay whatever happens: those that are paid for anyway. */
  readonly keep?: readonly string[];
}

const SCAN_MS = millis(10_000);
const POD_AGE_MS = 30_000;
const UNNEEDED_MS = 600_000;
const AFTER_ADD_MS = 600_000;
const AFTER_FAILURE_MS = 180_000;
/** --scale-down-gpu-utilization-threshold */
const USED_ENOUGH = 0.5;
/** --max-empty-bulk-delete; of nodes with pods one at a time. */
const EMPTY_AT_ONCE = 10;
/** --max-node-provision-time: a machine that has not come by then is given up. */
export const BACK_OFF = { firstMs: millis(300_000), mostMs: millis(1_800_000), forgetMs: millis(10_800_000) };

export function reactiveSizer({ name = "reactive", keep = [] }: ReactiveOptions = {}): MakeSizer {
  return () => {
    const backOff = createBackOff(BACK_OFF);
    const unneeded = createUnneeded();
    let addedAt = -Infinity;
    let failedAt = -Infinity;

    function grown(view: Seen): { readonly moves: readonly Move[]; readonly inMs: number | null } {
      const { at, waiting, pools } = view;
      const [oldest] = waiting;
      if (oldest === undefined) return { moves: [], inMs: null };
      const age = at - oldest.createdAt;
      if (age < POD_AGE_MS) return { moves: [], inMs: POD_AGE_MS - age };
      const open = pools.filter((pool) => backOff.isOpen(pool.name, at));
      const { grow, homeless } = fitted(waiting, pools, () => open);
      const moves = open.flatMap((pool) => {
        const nodes = grow.get(pool.name) ?? 0;
        return nodes === 0 ? [] : [growth(view, pool, nodes)];
      });
      if (moves.length > 0) addedAt = at;
      return { moves, inMs: homeless.length === 0 ? null : backOff.opensInMs(at) };
    }

    function shrunk(view: Seen): { readonly moves: readonly Move[]; readonly inMs: number | null } {
      const { at, pools } = view;
      const fits = elsewhere(pools);
      const candidates = pools
        .filter((pool) => !keep.includes(pool.name))
        .flatMap((pool) => pool.nodes.filter((node) => mayGo(node, fits)).map((node) => ({ pool, node })));
      unneeded.look(new Set(candidates.map(({ node }) => node.name)), at);
      if (candidates.length === 0) return { moves: [], inMs: null };
      const quietAt = Math.max(addedAt + AFTER_ADD_MS, failedAt + AFTER_FAILURE_MS);
      const leftMs = ({ node }: Candidate): number =>
        Math.max(quietAt - at, UNNEEDED_MS - unneeded.forMs(node.name, at));
      const due = candidates.filter((candidate) => leftMs(candidate) <= 0);
      const empty = due.filter(({ node }) => node.pods.length === 0).slice(0, EMPTY_AT_ONCE);
      const chosen = empty.length > 0 ? empty : due.slice(0, 1);
      return {
        moves: chosen.map(({ pool, node }) => removal(view, pool, node)),
        inMs: Math.max(SCAN_MS, Math.min(...candidates.map(leftMs))),
      };
    }

    function look(view: Seen): Looked {
      backOff.look(view);
      const failed = giveBack(view);
      if (failed.length > 0) failedAt = view.at;
      const up = grown(view);
      const down = up.moves.length > 0 ? { moves: [], inMs: SCAN_MS } : shrunk(view);
      return { moves: [...failed, ...up.moves, ...down.moves], changesInMs: least(up.inMs, down.inMs) };
    }

    return scanning(name, SCAN_MS, look);
  };
}

interface Candidate {
  readonly pool: SeenPool;
  readonly node: SeenNode;
}

function mayGo(node: SeenNode, fits: (node: SeenNode) => boolean): boolean {
  if (!node.open || node.gpus === 0) return false;
  if (node.pods.length === 0) return true;
  return (node.gpus - freeOn(node)) / node.gpus < USED_ENOUGH && fits(node);
}

export function least(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b;
  return Math.min(a, b);
}
