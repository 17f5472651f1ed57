// One offering of forty has run out, and it is the one that is asked first: how many calls are spent on it, and how
// many decisions it takes until five hundred pods have machines that come. The provider here takes every size that it
// is asked for and says only afterwards, of each single machine, that there was none. With prices that are the same in
// all zones nodes are spread and a part is lost; with one cheapest offering all of them are.

import { decide } from "../../coordinator/decide/decide.ts";
import type { Decision } from "../../coordinator/decide/plan.ts";
import { EMPTY_JOURNAL, EMPTY_MEMORY } from "../../coordinator/decide/snapshot-memory.ts";
import type { Journal, Memory, OfferingMemory } from "../../coordinator/decide/snapshot-memory.ts";
import type { InstanceInput, PolicyInput, Snapshot } from "../../coordinator/decide/snapshot.ts";
import type { MoveState } from "../../shared/contract/policy/status.ts";
import { GPU_RESOURCE } from "../../shared/model/names.ts";
import { epochMs } from "../../shared/model/units.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { GI, NOW, pending, policyOf, snapshotOf } from "./workload.ts";

const TYPES = 10;
const ZONES = 4;
const PODS = 500;
const CYCLE_MS = 10_000;
/** Ten minutes: the pause after the first failure ends in it several times over. */
const CYCLES = 60;

type Prices = "by type" | "by offering";

interface Outcome {
  readonly wastedCalls: number;
  readonly wastedMachines: number;
  readonly cyclesToPlaced: number;
}

export async function run(): Promise<Figure[]> {
  const outcomes = (["by type", "by offering"] as const).map((prices) => {
    const outcome = runOut(prices);
    const { cyclesToPlaced, wastedCalls, wastedMachines } = outcome;
    console.error(
      `stock-out, prices ${prices}: placed after ${cyclesToPlaced} decisions, ${wastedCalls} calls and ${wastedMachines} machines for nothing`,
    );
    return outcome;
  });
  return [
    figure("wasted_calls", Math.max(...outcomes.map(({ wastedCalls }) => wastedCalls)), "", { max: 3 }),
    figure("cycles_to_placed", Math.max(...outcomes.map(({ cyclesToPlaced }) => cyclesToPlaced)), "", {
      max: 3,
    }),
  ];
}

/** Decides and acts in turn until the time is over, also when all have a place: no call may be wasted later. */
function runOut(prices: Prices): Outcome {
  const world = createWorld(prices);
  let memory: Memory = EMPTY_MEMORY;
  let offerings: readonly OfferingMemory[] = [];
  let placedAfter = Number.NaN;
  for (let cycle = 0; cycle < CYCLES; cycle++) {
    const at = epochMs(NOW + cycle * CYCLE_MS);
    const decision = decide({ ...world.snapshot(at, offerings), memory });
    if (Number.isNaN(placedAfter) && allWaitForMachines(decision)) placedAfter = cycle;
    world.act(decision, at);
    memory = decision.memory;
    offerings = decision.plan.figures[0]?.offerings ?? [];
  }
  return { ...world.wasted(), cyclesToPlaced: placedAfter };
}

/** Nothing is asked for any more, and what each pod waits for is a machine that is coming. */
function allWaitForMachines({ plan }: Decision): boolean {
  return (
    !plan.moves.some(({ kind }) => kind === "grow") &&
    plan.unplaced.length === PODS &&
    plan.unplaced.every(({ because }) => because.every(({ code }) => code === "booting"))
  );
}

function createWorld(prices: Prices) {
  const policy = offerings(prices);
  const pods = Array.from({ length: PODS }, (_, index) =>
    pending(`p${index}`, { cpu: 4_000, memory: 16 * GI, [GPU_RESOURCE]: 1 + (index % 3) }),
  );
  const dead = "t0-z0";
  const instances = new Map<string, InstanceInput[]>();
  const moves: MoveState[] = [];
  const lastUpAt: Record<string, EpochMs> = {};
  let wastedCalls = 0;
  let wastedMachines = 0;
  return {
    snapshot: (at: EpochMs, known: readonly OfferingMemory[]): Snapshot => {
      const journal: Journal = {
        ...EMPTY_JOURNAL,
        moves: [...moves],
        lastUpAt: { ...lastUpAt },
        offerings: known,
      };
      return { ...snapshotOf(withState(policy, instances, journal), pods), at };
    },
    act: ({ plan }: Decision, at: EpochMs): void => {
      for (const move of plan.moves) {
        const { key, pool, from, to } = move;
        if (move.kind === "release")
          instances.set(pool, instances.get(pool)?.filter(({ id }) => id !== move.instance) ?? []);
        if (move.kind !== "grow") continue;
        const asked = Array.from({ length: to - from }, (_, index) =>
          machine(`${pool}-${at}-${index}`, pool, dead, at),
        );
        instances.set(pool, [...(instances.get(pool) ?? []), ...asked]);
        moves.push({
          key,
          kind: move.kind,
          pool,
          from,
          to,
          phase: "applied",
          at: new Date(at).toISOString(),
        });
        lastUpAt[pool] = at;
        if (pool !== dead) continue;
        wastedCalls += 1;
        wastedMachines += asked.length;
      }
    },
    wasted: () => ({ wastedCalls, wastedMachines }),
  };
}

function offerings(prices: Prices): PolicyInput {
  const types = Array.from({ length: TYPES }, (_, type) => type);
  const zones = Array.from({ length: ZONES }, (_, zone) => zone);
  return policyOf(
    types.flatMap((type) =>
      zones.map((zone) => ({
        name: `t${type}-z${zone}`,
        type: `t${type}`,
        zone: `z${zone}`,
        tier: "spot" as const,
        usdPerHour: prices === "by type" ? 10 + type : 10 + type * ZONES + zone,
        allocatable: { cpu: "96", memory: "768Gi", pods: "110", [GPU_RESOURCE]: "8" },
      })),
    ),
  );
}

function withState(
  policy: PolicyInput,
  instances: ReadonlyMap<string, readonly InstanceInput[]>,
  journal: Journal,
): PolicyInput {
  if (policy.kind === "invalid") return policy;
  return {
    ...policy,
    journal,
    pools: policy.pools.map((pool) => {
      const own = instances.get(pool.name) ?? [];
      const group = { kind: "known", size: own.length, chosenRemoval: true } as const;
      return { ...pool, group, instances: own };
    }),
  };
}

function machine(id: string, pool: string, dead: string, createdAt: EpochMs): InstanceInput {
  const base = { id, node: null, createdAt };
  if (pool !== dead) return { ...base, state: "booting" };
  return {
    ...base,
    state: "failed",
    failure: { kind: "no-capacity", detail: "no machines of this type are left" },
  };
}
