// Disruption budgets: how many nodes of a pool may be on their way out at one time, by reason and by the hour of a
// schedule. The tightest that binds counts; whoever is on the way out counts for all of them, whatever it goes for.

import type { Disruption, DisruptionBudget } from "../../../shared/contract/policy/removal.ts";
import type { Reason } from "../../../shared/model/reasons.ts";
import { epochMs } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { readCron } from "./cron.ts";

export interface AllowedDisruptions {
  /** Nodes on their way out at one time; infinite when no budget binds. */
  readonly nodes: number;
  /** A budget that cannot be read lets nothing go. */
  readonly problem: Reason | null;
}

export function allowedDisruptions(pool: PoolState, disruption: Disruption, at: EpochMs): AllowedDisruptions {
  let nodes = Infinity;
  for (const budget of pool.spec.disruption.budgets) {
    if (budget.reasons !== undefined && !budget.reasons.includes(disruption)) continue;
    const window = budgetWindow(budget, at);
    if (window.kind === "bad")
      return { nodes: 0, problem: { code: "malformed", what: `a disruption budget: ${window.problem}` } };
    if (window.open) nodes = Math.min(nodes, nodesOf(budget, pool));
  }
  return { nodes, problem: null };
}

/** On their way out: emptied, asked to go, taken out of the group, or lost to an interruption. */
export function leavingNodes(pool: PoolState): number {
  return pool.nodes.filter((state) => state.draining || state.standing === "leaving" || state.notice !== null)
    .length;
}

type BudgetWindow =
  | {
      readonly kind: "read";
      readonly open: boolean;
      /** When that changes next; null: never. */
      readonly changesAt: EpochMs | null;
    }
  | { readonly kind: "bad"; readonly problem: string };

function budgetWindow(budget: DisruptionBudget, at: EpochMs): BudgetWindow {
  const { schedule, durationSeconds, timeZone } = budget;
  if (schedule === undefined || durationSeconds === undefined)
    return { kind: "read", open: true, changesAt: null };
  const cron = readCron(schedule, timeZone);
  if (cron.kind === "bad") return { kind: "bad", problem: cron.problem };
  const opened = cron.line.lastAt(at);
  const closes = opened === null ? null : epochMs(opened + durationSeconds * 1000);
  return closes !== null && at < closes
    ? { kind: "read", open: true, changesAt: closes }
    : { kind: "read", open: false, changesAt: cron.line.nextAfter(at) };
}

/** A share of the pool's nodes is rounded up, so that one of a few may go; a node that boots is none of them yet. */
function nodesOf({ nodes }: DisruptionBudget, pool: PoolState): number {
  if (typeof nodes === "number") return nodes;
  const here = pool.nodes.filter((state) => state.standing !== "booting").length;
  return Math.ceil((Number(nodes.slice(0, -1)) * here) / 100);
}

/** When a budget begins or ceases to bind next; null: never. */
export function budgetsChangeAt(budgets: readonly DisruptionBudget[], at: EpochMs): EpochMs | null {
  const changes = budgets.flatMap((budget) => {
    const window = budgetWindow(budget, at);
    return window.kind === "read" && window.changesAt !== null ? [window.changesAt] : [];
  });
  return changes.length === 0 ? null : epochMs(Math.min(...changes));
}
