// Adds up over time what a replay costs and what its machines do: money by the product's own integrator, machine and GPU
// time, what waits, what services lack. It is told when time passes and reads the state that held until then; before the
// warm-in has ended and after the end nothing is counted.

import type { CapacityType } from "../../../shared/model/node.ts";
import type { Charge, PaidState } from "../../money/charge.ts";
import { createLedger, NODE_CUTS } from "../../money/ledger.ts";
import { MS_PER_HOUR } from "../../money/month.ts";
import type { ByTier } from "../run.ts";
import type { PoolModel } from "../scenario.ts";
import type { Book, MachineUse } from "./book.ts";
import type { Prices } from "./prices.ts";

/** What holds at one moment. */
export interface Level {
  readonly nodes: Readonly<Record<CapacityType, number>>;
  readonly booting: number;
  readonly draining: number;
  readonly gpusProvisioned: number;
  readonly gpusAllocated: number;
  /** Wanted, and no node holds them. */
  readonly gpusQueued: number;
  /** Wanted, and no process uses them. */
  readonly gpusUnmet: number;
  /** Null: the price of one machine is not known. */
  readonly usdPerHour: number | null;
  /** Of machines whose price is known. */
  readonly usdPerHourByTier: ByTier;
  readonly servicesUnder: boolean;
  readonly replicasMissed: number;
  readonly replicasWanted: number;
}

/** The work that is wanted now. */
export interface Wanted {
  readonly gpus: number;
  readonly replicas: Iterable<{ readonly name: string; readonly wanted: number }>;
}

export interface Meter {
  /** Something of the state or of the prices has changed at this instant. */
  changed(): void;
  level(): Level;
  /** The level held for `ms`; they are counted. */
  pass(ms: number): void;
  /** A machine that ends is paid for a minute at least. */
  ended(machine: MachineUse, livedMs: number): void;
  readonly money: ReturnType<typeof createLedger<typeof NODE_CUTS>>;
  readonly sums: Readonly<Sums>;
}

/** In milliseconds of what each counts. */
export interface Sums {
  ms: number;
  gpusProvisioned: number;
  gpusAllocated: number;
  gpusUnmet: number;
  nodes: Record<CapacityType, number>;
  servicesUnder: number;
  replicasMissed: number;
  replicasWanted: number;
}

const LEAST_PAID_MS = 60_000;

export function createMeter(
  {
    book,
    prices,
    pools,
  }: { readonly book: Book; readonly prices: Prices; readonly pools: readonly PoolModel[] },
  wanted: () => Wanted,
): Meter {
  const money = createLedger(NODE_CUTS);
  const committed = pools.filter((pool) => (pool.committed ?? 0) > 0);
  const sums: Sums = {
    ms: 0,
    gpusProvisioned: 0,
    gpusAllocated: 0,
    gpusUnmet: 0,
    nodes: { spot: 0, "on-demand": 0, reserved: 0 },
    servicesUnder: 0,
    replicasMissed: 0,
    replicasWanted: 0,
  };
  let charges: readonly Charge[] | null = null;
  let level: Level | null = null;

  /** Alike machines are one charge. */
  function chargesNow(): readonly Charge[] {
    const alike = new Map<string, { charge: Charge; nodes: number }>();
    const add = (pool: PoolModel, zone: string, state: PaidState, nodes: number): void => {
      if (nodes === 0) return;
      const key = `${pool.name} ${zone} ${state}`;
      const known = alike.get(key);
      if (known !== undefined) known.nodes += nodes;
      else alike.set(key, { charge: chargeOf(pool, zone, state), nodes });
    };
    const here = new Map<PoolModel, number>();
    for (const machine of book.machines.values()) {
      const { pool, zone } = machine;
      if (committed.length > 0) here.set(pool, (here.get(pool) ?? 0) + 1);
      const state = stateOf(machine);
      if (state !== "up") {
        add(pool, zone, state, 1);
        continue;
      }
      const share = shareHeld(machine);
      add(pool, zone, "allocated", share);
      add(pool, zone, "idle", 1 - share);
    }
    for (const pool of committed) {
      const absent = (pool.committed ?? 0) - (here.get(pool) ?? 0);
      if (absent > 0) add(pool, pool.zones[0] ?? "", "idle", absent);
    }
    return [...alike.values()].map(({ charge, nodes }) => ({ ...charge, nodes }));
  }

  function chargeOf(pool: PoolModel, zone: string, state: PaidState): Charge {
    return {
      pool: pool.name,
      tier: pool.tier,
      state,
      nodes: 1,
      usdPerHour: prices.of(pool, zone, pool.tier),
      onDemandUsdPerHour: prices.of(pool, zone, "on-demand"),
    };
  }

  function levelNow(): Level {
    const nodes = { spot: 0, "on-demand": 0, reserved: 0 };
    let [booting, draining, gpusProvisioned] = [0, 0, 0];
    for (const machine of book.machines.values()) {
      nodes[machine.pool.tier] += 1;
      gpusProvisioned += machine.gpus;
      const state = stateOf(machine);
      if (state === "booting") booting += 1;
      if (state === "draining") draining += 1;
    }
    charges ??= chargesNow();
    const byTier = { spot: 0, "on-demand": 0, reserved: 0 };
    for (const { tier, nodes: number, usdPerHour } of charges) byTier[tier] += (usdPerHour ?? 0) * number;
    const isPriced = charges.every(({ usdPerHour }) => usdPerHour !== null);
    const { gpus, replicas } = wanted();
    let [replicasMissed, replicasWanted] = [0, 0];
    for (const { name, wanted: number } of replicas) {
      replicasWanted += number;
      replicasMissed += Math.max(0, number - book.replicasOf(name));
    }
    return {
      nodes,
      booting,
      draining,
      gpusProvisioned,
      gpusAllocated: book.heldGpus,
      gpusQueued: Math.max(0, gpus - book.heldGpus),
      gpusUnmet: Math.max(0, gpus - book.runningGpus),
      usdPerHour: isPriced ? byTier.spot + byTier["on-demand"] + byTier.reserved : null,
      usdPerHourByTier: byTier,
      servicesUnder: replicasMissed > 0,
      replicasMissed,
      replicasWanted,
    };
  }

  return {
    changed: () => {
      charges = null;
      level = null;
    },
    level: () => (level ??= levelNow()),
    pass: (ms) => {
      const held = (level ??= levelNow());
      charges ??= chargesNow();
      money.charge(charges, ms);
      sums.ms += ms;
      sums.gpusProvisioned += held.gpusProvisioned * ms;
      sums.gpusAllocated += held.gpusAllocated * ms;
      sums.gpusUnmet += held.gpusUnmet * ms;
      sums.nodes.spot += held.nodes.spot * ms;
      sums.nodes["on-demand"] += held.nodes["on-demand"] * ms;
      sums.nodes.reserved += held.nodes.reserved * ms;
      sums.servicesUnder += held.servicesUnder ? ms : 0;
      sums.replicasMissed += held.replicasMissed * ms;
      sums.replicasWanted += held.replicasWanted * ms;
    },
    ended: ({ pool, zone }, livedMs) => {
      const ms = LEAST_PAID_MS - livedMs;
      if (ms > 0) money.charge([chargeOf(pool, zone, "booting")], ms);
    },
    money,
    sums,
  };
}

export function hours(ms: number): number {
  return ms / MS_PER_HOUR;
}

function stateOf({ ready, draining }: MachineUse): "up" | "booting" | "draining" {
  if (draining) return "draining";
  return ready ? "up" : "booting";
}

/** 0..1. Of a machine without GPUs all or nothing. */
function shareHeld({ gpus, heldGpus, heldPods }: MachineUse): number {
  if (gpus === 0) return heldPods > 0 ? 1 : 0;
  return Math.min(1, heldGpus / gpus);
}
