// Nodes that cannot do their work and should be replaced: those that never came to work in time, those that are not
// Ready, those whose GPUs are gone or ill. With too many ill at once the fault lies elsewhere, and none goes. How and
// when a condemned node goes, and where its pods find room, is for others.

import type { Reason } from "../../../shared/model/reasons.ts";
import { elapsed, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Fleet, PoolState } from "./fleet.ts";
import type { Late } from "./launches.ts";
import { clocksOf } from "./standing.ts";
import type { NodeState } from "./standing.ts";

/** A node that has worked may be away for so long: a reboot, a network that is late. */
const NOT_READY_MS = 10 * 60_000;
/** One ill node of a small pool is no sign of a fault that all have. */
const FEW_ILL = 2;

export interface Health {
  /** Node → why it is to be replaced. */
  readonly condemned: ReadonlyMap<string, Reason>;
  /** Member of a group that became no node → why it is to go. */
  readonly instances: ReadonlyMap<string, Reason>;
  /** Pool id → what is only reported. */
  readonly notes: ReadonlyMap<string, readonly Reason[]>;
}

export function condemnedOf(fleet: Fleet, snapshot: Snapshot): ReadonlyMap<string, Reason> {
  return healthOf(fleet, snapshot).condemned;
}

export function healthOf(fleet: Fleet, snapshot: Snapshot): Health {
  const condemned = new Map<string, Reason>();
  const instances = new Map<string, Reason>();
  const notes = new Map<string, readonly Reason[]>();
  // While a list is incomplete, a node may only look as if it were down.
  if (fleet.sync.kind !== "synced") return { condemned, instances, notes };
  for (const pool of fleet.pools) {
    if (!pool.spec.enabled) continue;
    const ill = illOf(pool, snapshot);
    if (ill.length === 0) continue;
    const { replace, maxUnhealthyPercent } = pool.spec.health;
    const all = pool.nodes.length + ill.filter(({ node }) => node === null).length;
    if (ill.length >= FEW_ILL && ill.length * 100 > maxUnhealthyPercent * all) {
      const percent = maxUnhealthyPercent;
      notes.set(pool.id, [{ code: "too-many-unhealthy", unhealthy: ill.length, nodes: all, percent }]);
      continue;
    }
    const reported: Reason[] = [];
    for (const { node, instance, reason, never } of ill) {
      if (never || replace === "Replace") {
        if (node !== null) condemned.set(node, reason);
        else if (instance !== null) instances.set(instance, reason);
      } else if (node !== null) reported.push({ code: "health-report-only", node, detail: detailOf(reason) });
    }
    if (reported.length > 0) notes.set(pool.id, reported);
  }
  return { condemned, instances, notes };
}

interface Ill {
  readonly node: string | null;
  readonly instance: string | null;
  readonly reason: Reason;
  /** It never worked: it is replaced whatever the policy says of nodes that fall ill. */
  readonly never: boolean;
}

function illOf(pool: PoolState, { memory, at }: Snapshot): readonly Ill[] {
  const late = pool.late.flatMap((entry): Ill[] => {
    const reason = lateReason(entry, clocksOf(pool.spec).gpusMs, at);
    if (reason === null) return [];
    return [{ node: entry.node, instance: entry.instance?.id ?? null, reason, never: true }];
  });
  const never = new Set(late.map(({ node }) => node));
  const fallen = pool.nodes.flatMap((state): Ill[] => {
    if (never.has(state.name) || isGoing(state)) return [];
    const reason = illness(state, pool, { downSince: memory.nodes[state.name]?.downSince ?? null, at });
    return reason === null ? [] : [{ node: state.name, instance: null, reason, never: false }];
  });
  const going = new Set(pool.nodes.filter(isGoing).map(({ name }) => name));
  return [...late.filter(({ node }) => node === null || !going.has(node)), ...fallen];
}

function isGoing({ notice, draining, standing }: NodeState): boolean {
  return notice !== null || draining || standing === "leaving";
}

/** What the group does not list cannot be taken away one by one. */
function lateReason(
  { what, node, instance, askedAt, dueAt }: Late,
  gpusMs: Millis,
  at: EpochMs,
): Reason | null {
  // It has been waited for since the node was Ready, not since the machine was asked for.
  if (what === "no GPUs" && node !== null)
    return { code: "gpu-missing", node, forMs: millis(gpusMs + elapsed(dueAt, at)), limitMs: gpusMs };
  const forMs = elapsed(askedAt, at);
  const limitMs = millis(Math.max(0, dueAt - askedAt));
  if (instance === null)
    return node === null ? null : { code: "never-registered", instance: node, forMs, limitMs };
  return { code: "never-registered", instance: instance.id, forMs, limitMs };
}

function illness(
  { name, node, standing }: NodeState,
  pool: PoolState,
  { downSince, at }: { readonly downSince: EpochMs | null; readonly at: EpochMs },
): Reason | null {
  if (node.ready !== "ready") {
    const since = node.readyChangedAt ?? downSince;
    if (since === null || standing === "booting") return null;
    const forMs = elapsed(since, at);
    return forMs >= NOT_READY_MS ? { code: "node-not-ready", node: name, forMs } : null;
  }
  if (node.gpuHealth?.verdict === "ill") {
    const { since, detail } = node.gpuHealth;
    return { code: "gpu-unhealthy", node: name, forMs: elapsed(since, at), detail };
  }
  if (standing !== "sick" || downSince === null) return null;
  const forMs = elapsed(downSince, at);
  const limitMs = clocksOf(pool.spec).gpusMs;
  return forMs > limitMs ? { code: "gpu-missing", node: name, forMs, limitMs } : null;
}

/** In a word, for the sentence that says that nothing is done about it. */
function detailOf(reason: Reason): string {
  if (reason.code === "gpu-unhealthy") return reason.detail;
  return reason.code === "gpu-missing" ? "it shows no GPUs" : "it is not Ready";
}
