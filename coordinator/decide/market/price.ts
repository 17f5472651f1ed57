// What a node costs an hour and who says so: the policy first, then what is known of the machine (machine-price.ts).
// Unknown is a value with its reason and stays one in every sum. What a price is used for, rank or limit, is for others.

import { NODE_LABEL } from "../../../shared/model/names.ts";
import { capacityTypeOf } from "../../../shared/model/node.ts";
import type { CapacityType } from "../../../shared/model/node.ts";
import type { PoolState } from "../fleet/fleet.ts";
import { typesOf } from "../fleet/offering.ts";
import { regionOf, regionOfLabels } from "../fleet/region.ts";
import type { NodeState } from "../fleet/standing.ts";
import type { InstanceInput, PricePoint } from "../snapshot.ts";
import { dearest, machinePrices, SET_TYPE } from "./machine-price.ts";
import type { Offering } from "./machine-price.ts";
import type { Price } from "./market.ts";

/** Each question is answered once for a decision, since a fleet asks the same for each of its nodes. */
export interface PriceBook {
  /** Of one more node of the pool. */
  priceOf(pool: PoolState, tier: CapacityType): Price;
  /** Of a node that is here: its labels may know better than the pool what it is. */
  priceOfNode(node: NodeState, pool: PoolState): Price;
  /** The same of a machine that may be no node yet. */
  priceOfMachine(machine: Machine, pool: PoolState): Price;
  /** What the same machine costs on demand; of one that is on demand, what it costs. Never an override of another tier. */
  onDemandPriceOf(machine: Machine, pool: PoolState): Price;
}

/** What is known of one machine of a pool: labels of its node, and its entry in the group. */
export interface Machine {
  readonly labels: Readonly<Record<string, string>>;
  readonly instance: Pick<InstanceInput, "instanceType" | "zone"> | null;
}

export function priceBook(prices: readonly PricePoint[] = []): PriceBook {
  const machinePrice = machinePrices(prices);

  const priceOf = (pool: PoolState, tier: CapacityType): Price => {
    const override = overrideOf(pool);
    if (override !== null) return override;
    const types = typesOf(pool);
    if (types.length === 0) return unknown("it names no instanceTypes", SET_TYPE);
    const region = regionOf(pool);
    if (region.kind === "unknown") return region;
    const { provider } = pool.spec;
    const zones = pool.pool.availabilityZones.length > 0 ? pool.pool.availabilityZones : [null];
    return dearest(
      types.flatMap((instanceType) =>
        zones.map((zone) => machinePrice({ provider, region: region.region, zone, instanceType, tier })),
      ),
    );
  };

  /** Null: its type or place is not known, so that only its pool can be asked. */
  const offeringOf = ({ labels, instance }: Machine, pool: PoolState): Omit<Offering, "tier"> | null => {
    const { provider } = pool.spec;
    const instanceType = labels[NODE_LABEL.instanceType] ?? instance?.instanceType;
    const zone = labels[NODE_LABEL.zone] ?? instance?.zone ?? null;
    const region = regionOfLabels(provider, zone === null ? labels : { [NODE_LABEL.zone]: zone, ...labels });
    const place = region === null ? regionOf(pool) : { kind: "known" as const, region };
    if (instanceType === undefined || place.kind === "unknown") return null;
    return { provider, region: place.region, zone, instanceType };
  };

  const priceOfMachine = (machine: Machine, pool: PoolState): Price => {
    const override = overrideOf(pool);
    if (override !== null) return override;
    const tier = capacityTypeOf(machine.labels) ?? pool.pool.capacityType;
    const offering = offeringOf(machine, pool);
    return offering === null ? priceOf(pool, tier) : machinePrice({ ...offering, tier });
  };

  const onDemandPriceOf = (machine: Machine, pool: PoolState): Price => {
    const tier = capacityTypeOf(machine.labels) ?? pool.pool.capacityType;
    if (tier === "on-demand") return priceOfMachine(machine, pool);
    const offering = offeringOf(machine, pool);
    if (offering !== null) return machinePrice({ ...offering, tier: "on-demand" });
    // The dearest of several would make the saving look larger than it can be.
    const [only, second] = typesOf(pool);
    const region = regionOf(pool);
    if (only === undefined || second !== undefined || region.kind === "unknown")
      return unknown("it is not known which machine it is", SET_TYPE);
    const { provider } = pool.spec;
    return machinePrice({
      provider,
      region: region.region,
      zone: null,
      instanceType: only,
      tier: "on-demand",
    });
  };

  const priceOfNode = ({ node: { labels }, instance }: NodeState, pool: PoolState): Price =>
    priceOfMachine({ labels, instance }, pool);

  return { priceOf, priceOfNode, priceOfMachine, onDemandPriceOf };
}

/** Of one more node of a pool, for those who count; null: not known. */
export function priceLookup(prices: readonly PricePoint[] = []): (pool: PoolState) => number | null {
  const book = priceBook(prices);
  return (pool) => {
    const price = book.priceOf(pool, pool.pool.capacityType);
    return price.kind === "known" ? price.usdPerHour : null;
  };
}

function overrideOf({ pool }: PoolState): Price | null {
  const usdPerHour = pool.price?.usdPerHour;
  return usdPerHour === undefined ? null : { kind: "known", usdPerHour, source: "policy", at: null };
}

function unknown(what: string, change: string): Price {
  return { kind: "unknown", because: `${what}: ${change}` };
}
