// Nodes that cannot do their work and should be replaced: those that never came to work in time, those that are not
// Ready, those whose GPUs are gone or ill. With too many ill at once the fault lies elsewhere, and none goes. A member
// that became no node harms nobody by going, so nothing of that keeps it. How and when is for others.

import type { Reason } from "../../../shared/model/reasons.ts";
import { elapsed, millis } from "../../../shared/model/units.ts";
import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { Snapshot } from "../snapshot.ts";
import type { Fleet, PoolState } from "./fleet.ts";
import type { Late } from "./launches.ts";
import type { Rebalance } from "./rebalance.ts";
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

/** Those that are replaced because of a hint among them; what is ill goes as that. */
export function condemnedOf(health: Health, rebalance: Pick<Rebalance, "condemned">): Health["condemned"] {
  return new Map([...rebalance.condemned, ...health.condemned]);
}

export function healthOf(fleet: Fleet, snapshot: Snapshot): Health {
  const condemned = new Map<string, Reason>();
  const instances = new Map<string, Reason>();
  const notes = new Map<string, readonly Reason[]>();
  // While a list is incomplete, a node may only look as if it were down.
  if (fleet.sync.kind !== "synced") return { condemned, instances, notes };
  for (const pool of fleet.pools) {
    if (!pool.spec.enabled) continue;
    for (const [id, reason] of membersToGo(pool, snapshot.at)) instances.set(id, reason);
    const ill = illOf(pool, snapshot);
    if (ill.length === 0) continue;
    const { replace, maxUnhealthyPercent } = pool.spec.health;
    const all = pool.nodes.length;
    if (ill.length >= FEW_ILL && ill.length * 100 > maxUnhealthyPercent * all) {
      const percent = maxUnhealthyPercent;
      notes.set(pool.id, [{ code: "too-many-unhealthy", unhealthy: ill.length, nodes: all, percent }]);
      continue;
    }
    const reported: Reason[] = [];
    for (const { node, reason, never } of ill) {
      if (never || replace === "Replace") condemned.set(node, reason);
      else reported.push({ code: "health-report-only", node, detail: detailOf(reason) });
    }
    if (reported.length > 0) notes.set(pool.id, reported);
  }
  return { condemned, instances, notes };
}

interface Ill {
  readonly node: string;
  readonly reason: Reason;
  /** It never worked: it is replaced whatever the policy says of nodes that fall ill. */
  readonly never: boolean;
}

function illOf(pool: PoolState, { memory, at }: Snapshot): readonly Ill[] {
  const going = new Set(pool.nodes.filter(isGoing).map(({ name }) => name));
  const late = pool.late.flatMap((entry): Ill[] => {
    const { node } = entry;
    if (node === null || going.has(node)) return [];
    return [
      { node, reason: lateReason(entry, node, { gpusMs: clocksOf(pool.spec).gpusMs, at }), never: true },
    ];
  });
  const never = new Set(late.map(({ node }) => node));
  const fallen = pool.nodes.flatMap((state): Ill[] => {
    if (never.has(state.name) || going.has(state.name)) return [];
    const reason = illness(state, pool, { downSince: memory.nodes[state.name]?.downSince ?? null, at });
    return reason === null ? [] : [{ node: state.name, reason, never: false }];
  });
  return [...late, ...fallen];
}

/** What the group does not list cannot be taken away one by one. */
function* membersToGo(pool: PoolState, at: EpochMs): Generator<readonly [id: string, Reason]> {
  for (const { node, instance, askedAt, dueAt } of pool.late)
    if (node === null && instance !== null)
      yield [
        instance.id,
        instance.placeholder === true
          ? { ...neverRegistered(instance.id, { askedAt, dueAt, at }), code: "place-unfilled" }
          : neverRegistered(instance.id, { askedAt, dueAt, at }),
      ];
  for (const { id, failure } of pool.dead) {
    const detail = failure?.detail ?? "its group does not say why";
    yield [id, { code: "machine-failed", instance: id, detail }];
  }
}

function isGoing({ notice, draining, standing }: NodeState): boolean {
  return notice !== null || draining || standing === "leaving";
}

function lateReason(
  { what, instance, askedAt, dueAt }: Late,
  node: string,
  { gpusMs, at }: { readonly gpusMs: Millis; readonly at: EpochMs },
): Reason {
  // It has been waited for since the node was Ready, not since the machine was asked for.
  return what === "no GPUs"
    ? { code: "gpu-missing", node, forMs: millis(gpusMs + elapsed(dueAt, at)), limitMs: gpusMs }
    : neverRegistered(instance?.id ?? node, { askedAt, dueAt, at });
}

function neverRegistered(
  instance: string,
  { askedAt, dueAt, at }: Pick<Late, "askedAt" | "dueAt"> & { readonly at: EpochMs },
): Extract<Reason, { readonly code: "never-registered" }> {
  return {
    code: "never-registered",
    instance,
    forMs: elapsed(askedAt, at),
    limitMs: millis(Math.max(0, dueAt - askedAt)),
  };
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
