// Nodes that are replaced because of a hint, where their policy asks for that: their pods get places elsewhere first, and
// only then is the node emptied, by the way of all removals. At most one node or a tenth of a pool is begun in half an
// hour, whatever became of those before, and none in a pool whose hints seldom came true. A notice of the same node goes
// its own way.

import type { Reason } from "../../../shared/model/reasons.ts";
import { elapsed, epochMs, millis } from "../../../shared/model/units.ts";
import type { EpochMs } from "../../../shared/model/units.ts";
import { compareText, firstDifference } from "../order.ts";
import type { Memory } from "../snapshot-memory.ts";
import type { NoticeInput, Snapshot } from "../snapshot.ts";
import type { Fleet, PoolState } from "./fleet.ts";
import { begunFor } from "./flights.ts";
import { seldomTrue } from "./hint-record.ts";
import { poolId } from "./ownership.ts";
import type { NodeState } from "./standing.ts";
import { hasTenants } from "./tenants.ts";

/** So long after a replacement was begun it counts against the next one of its pool. */
export const REBALANCE_COOLDOWN_MS = 30 * 60_000;
const SHARE_OF_POOL = 0.1;
/**
 * Maintenance is announced weeks ahead. Until it is near its node works on, since the next one would stand there for pods
 * that cannot be moved all that time.
 */
const NEAR_MS = 4 * 3600_000;

export interface Rebalance {
  /** Node → why it is to be replaced. */
  readonly condemned: ReadonlyMap<string, Reason>;
  /** Pool id → what is said of the hints about its nodes. */
  readonly notes: ReadonlyMap<string, readonly Reason[]>;
  /** What the next decision has to know of it. */
  readonly memory: Pick<Memory, "rebalanced">;
}

export function rebalanceOf(fleet: Fleet, { memory }: Pick<Snapshot, "memory">): Rebalance {
  const condemned = new Map<string, Reason>();
  const notes = new Map<string, readonly Reason[]>();
  const rebalanced: Record<string, Readonly<Record<string, EpochMs>>> = {};
  const hintsOf = Map.groupBy(fleet.hints, ({ node }) => {
    const claim = fleet.ownerOf.get(node);
    return claim === undefined ? "" : poolId(claim.policy, claim.pool);
  });
  for (const pool of fleet.pools) {
    const hints = hintsOf.get(pool.id) ?? [];
    const begun = begunIn(pool, hints, memory, fleet);
    const said = pool.spec.enabled ? answersTo(pool, hints, begun, { fleet, memory, condemned }) : [];
    if (said.length > 0) notes.set(pool.id, said);
    if (begun.size > 0) rebalanced[pool.id] = Object.fromEntries(begun);
  }
  // A policy that cannot be read for a moment must not make us forget what was begun in it.
  for (const [id, nodes] of Object.entries(memory.rebalanced ?? {})) {
    const young = Object.entries(nodes).filter(([, since]) => isYoung(since, fleet.at));
    if (!fleet.poolsById.has(id) && young.length > 0) rebalanced[id] = Object.fromEntries(young);
  }
  return { condemned, notes, memory: Object.keys(rebalanced).length === 0 ? {} : { rebalanced } };
}

/** Begun lately, or begun and not done. `begun` grows by those that are begun now. */
function answersTo(
  pool: PoolState,
  hints: readonly NoticeInput[],
  begun: Map<string, EpochMs>,
  about: { readonly fleet: Fleet; readonly memory: Memory; readonly condemned: Map<string, Reason> },
): readonly Reason[] {
  const { fleet, memory, condemned } = about;
  const { at } = fleet;
  const setting = pool.spec.spot.rebalance;
  const said: Reason[] = [];
  const allowed = Math.max(1, Math.floor(pool.nodes.length * SHARE_OF_POOL));
  const seldom = seldomTrue(memory.hintRecord?.[pool.id], at);
  const seen = new Set<string>();
  const first = hints.toSorted((a, b) =>
    firstDifference(
      Number(!begun.has(a.node)) - Number(!begun.has(b.node)),
      a.seenAt - b.seenAt,
      compareText(a.id, b.id),
    ),
  );
  for (const hint of first) {
    const { node } = hint;
    const state = fleet.nodesByName.get(node);
    if (hint.kind === "maintenance") said.push(maintenanceOf(hint));
    if (setting === "Ignore" || state === undefined || seen.has(node) || !mayGo(hint, at)) continue;
    seen.add(node);
    if (setting === "Report") {
      if (hint.kind !== "maintenance") said.push({ code: "rebalance-hint", node, setting });
      continue;
    }
    // Whoever takes the node already has the word; an empty one goes as any other, and nobody has to come first.
    if (isGoing(state)) continue;
    if (!hasTenants(state, at) || pool.blocked !== null) {
      said.push({ code: "rebalance-hint", node, setting });
      continue;
    }
    if (!begun.has(node)) {
      // The end of a machine that its maintenance brings is certain, whatever became of mere hints.
      if (seldom !== null && hint.kind === "rebalance") {
        said.push({ code: "rebalance-seldom-true", node, ...seldom });
        seen.delete(node);
        continue;
      }
      if (fleet.sync.kind !== "synced") continue;
      if (begun.size >= allowed) {
        said.push(waiting(node, begun, allowed, at));
        continue;
      }
      begun.set(node, at);
    }
    const because: Reason = {
      code: "rebalance",
      node,
      source: hint.source,
      forMs: elapsed(hint.seenAt, at),
    };
    if (fleet.sync.kind === "synced") condemned.set(node, because);
    said.push(because);
  }
  return said;
}

/** Only what is known to end the machine is a reason to leave it; of a mere hint nobody knows better. */
function mayGo({ kind, endsMachine, deadline }: NoticeInput, at: EpochMs): boolean {
  return kind === "rebalance" || (endsMachine === true && deadline - at <= NEAR_MS);
}

function maintenanceOf({ node, action, endsMachine, seenAt, deadline }: NoticeInput): Reason {
  return {
    code: "maintenance-hint",
    node,
    action: action ?? "maintenance",
    ...(deadline > seenAt ? { begins: deadline } : {}),
    ...(endsMachine === undefined ? {} : { endsMachine }),
  };
}

function waiting(node: string, begun: ReadonlyMap<string, EpochMs>, allowed: number, at: EpochMs): Reason {
  const oldest = Math.min(...begun.values());
  const leftMs = millis(Math.max(0, oldest + REBALANCE_COOLDOWN_MS - at));
  return { code: "rebalance-waits", node, begun: begun.size, allowed, leftMs };
}

/** By the memory and, where that was lost, by the journal. One that is begun and not done counts however old it is. */
function begunIn(
  pool: PoolState,
  hints: readonly NoticeInput[],
  memory: Memory,
  { at, sync }: Fleet,
): Map<string, EpochMs> {
  const hinted = new Set(hints.flatMap((hint) => (mayGo(hint, at) ? [hint.node] : [])));
  const here = new Map(pool.nodes.map((state) => [state.name, state]));
  const moves = begunFor(pool.journal, pool.name, "Rebalance");
  const remembered = Object.entries(memory.rebalanced?.[pool.id] ?? {});
  const all = new Map<string, EpochMs>(remembered);
  for (const { node, since } of moves) all.set(node, epochMs(Math.min(all.get(node) ?? Infinity, since)));
  const inFlight = new Set(moves.flatMap(({ node, open }) => (open ? [node] : [])));
  const stands = (node: string): boolean => {
    // What a list lacks may be the very node.
    if (sync.kind !== "synced") return true;
    const state = here.get(node);
    return inFlight.has(node) || (state !== undefined && state.notice === null && hinted.has(node));
  };
  return new Map([...all].filter(([node, since]) => isYoung(since, at) || stands(node)));
}

function isYoung(since: EpochMs, at: EpochMs): boolean {
  return at - since < REBALANCE_COOLDOWN_MS;
}

function isGoing({ notice, draining, standing }: NodeState): boolean {
  return notice !== null || draining || standing === "leaving";
}
