// What the nodes of all policies cost at one moment: one charge for each machine, or for each share of one that somebody
// holds. Machines that were launched and are no node yet are paid for too. Nodes that no policy has, and those that two
// policies claim, are nobody's here. Pure: the fleet as the decision saw it, and the prices that it had.

import { isEstimate } from "../../shared/model/instance-types.ts";
import { capacityTypeOf } from "../../shared/model/node.ts";
import type { Fleet, PoolState } from "../decide/fleet/fleet.ts";
import { accountOf, identityOf } from "../decide/fleet/group-identity.ts";
import type { NodeState } from "../decide/fleet/standing.ts";
import type { Price } from "../decide/market/market.ts";
import type { Machine, PriceBook } from "../decide/market/price.ts";
import type { InstanceInput } from "../decide/snapshot.ts";
import type { Charge, PaidState } from "./charge.ts";
import { createHolders, heldOf } from "./held.ts";
import type { HolderOf } from "./held.ts";

export type PaidFleet = Pick<Fleet, "pools" | "nodesByName">;

export function chargesOf(fleet: PaidFleet, book: PriceBook, labels: readonly string[] = []): Charge[] {
  const holderOf = createHolders(labels);
  const isOf = listingOf(fleet.pools);
  return fleet.pools.flatMap((pool) => [
    ...pool.nodes.flatMap((state) => chargesOfNode(state, pool, book, holderOf)),
    ...chargesOfMachines(pool, { fleet, isOf, book }),
  ]);
}

type Listing = (instance: InstanceInput, pool: PoolState) => boolean;

/**
 * Whose a machine is that several pools list, as when two policies name one group: as with nodes, an enabled policy's
 * before a disabled one's, and nobody's among equals. So no machine is paid for twice.
 */
function listingOf(pools: readonly PoolState[]): Listing {
  const places = new Map(pools.map((pool) => [pool, placeOf(pool)]));
  const keyOf = (instance: InstanceInput, pool: PoolState): string =>
    `${places.get(pool) ?? pool.id}\n${instance.id}`;
  const owners = new Map<string, PoolState | null>();
  for (const enabled of [true, false]) {
    const rank = new Map<string, PoolState | null>();
    for (const pool of pools) {
      if (pool.spec.enabled !== enabled) continue;
      for (const instance of pool.input.instances) {
        const key = keyOf(instance, pool);
        const known = rank.get(key);
        rank.set(key, known === undefined || known === pool ? pool : null);
      }
    }
    for (const [key, pool] of rank) if (!owners.has(key)) owners.set(key, pool);
  }
  return (instance, pool) => owners.get(keyOf(instance, pool)) === pool;
}

/** In which a machine's name stands for one machine. */
function placeOf({ id, pool: { group } }: PoolState): string {
  if (group === undefined) return id;
  return accountOf(group) ?? identityOf(group) ?? id;
}

function chargesOfNode(state: NodeState, pool: PoolState, book: PriceBook, holderOf: HolderOf): Charge[] {
  const { node, instance, pods } = state;
  const machine = { labels: node.labels, instance };
  const whole = wholeOf(machine, pool, book);
  const as = stateOf(state);
  if (as === "booting") return [{ ...whole, state: as, nodes: 1 }];
  const held = heldOf(node.allocatable, pods, holderOf);
  const free = 1 - held.reduce((sum, { share }) => sum + share, 0);
  return [
    ...held.map(({ holder, share }) => ({
      ...whole,
      state: as ?? ("allocated" as const),
      nodes: share,
      holder,
    })),
    // Thirds and sevenths add up to one but for the last digit.
    ...(free > TINY ? [{ ...whole, state: as ?? ("idle" as const), nodes: free }] : []),
  ];
}

const TINY = 1e-9;

/** Null: it is there to be held, and each share of it is held or not. */
function stateOf({
  standing,
  draining,
  notice,
}: NodeState): Extract<PaidState, "booting" | "draining"> | null {
  if (draining || notice !== null || standing === "leaving") return "draining";
  return standing === "booting" ? "booting" : null;
}

/** Members of the group that are machines by now and no node; a place that nothing fills costs nothing. */
function chargesOfMachines(
  pool: PoolState,
  { fleet, isOf, book }: { readonly fleet: PaidFleet; readonly isOf: Listing; readonly book: PriceBook },
): Charge[] {
  return pool.input.instances.flatMap((instance) => {
    const { state, node, placeholder } = instance;
    if (state === "failed" || placeholder === true || (node !== null && fleet.nodesByName.has(node)))
      return [];
    if (!isOf(instance, pool)) return [];
    const as = state === "leaving" ? "draining" : "booting";
    return [{ ...wholeOf({ labels: {}, instance }, pool, book), state: as, nodes: 1 }];
  });
}

type Whole = Omit<Charge, "state" | "nodes" | "holder">;

function wholeOf(machine: Machine, pool: PoolState, book: PriceBook): Whole {
  return {
    pool: pool.id,
    tier: capacityTypeOf(machine.labels) ?? pool.pool.capacityType,
    ...paidBy(book.priceOfMachine(machine, pool)),
    onDemandUsdPerHour: paidBy(book.onDemandPriceOf(machine, pool)).usdPerHour,
  };
}

/** An estimate orders pools; as money it would make a saving of the very share that it was worked out by. */
function paidBy(price: Price): Pick<Charge, "usdPerHour" | "pricedAt" | "estimatedUsdPerHour"> {
  if (price.kind === "unknown") return { usdPerHour: null };
  const { usdPerHour, source, at } = price;
  if (isEstimate(source)) return { usdPerHour: null, estimatedUsdPerHour: usdPerHour };
  return { usdPerHour, ...(at === null ? {} : { pricedAt: at }) };
}
