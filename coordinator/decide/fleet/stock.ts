// Under which name interruptions of spot are counted: provider, region, instance type, zone and tier, since neighbouring
// zones differ tenfold. Pools of all policies that draw on the same stock share its count. What older versions counted
// had no provider and region, and still says something until it has faded.

import type { Machine } from "../../../shared/contract/notice.ts";
import { AWS_ZONE_ID_LABEL } from "../../../shared/model/names.ts";
import { regionOfZone } from "../../../shared/model/zones.ts";
import type { NodeInput } from "../snapshot.ts";
import type { PoolState } from "./fleet.ts";
import { combinationsOf, offeringOf, offeringOfMachine, offeringOfNode } from "./offering.ts";
import { regionOf, regionOfLabels } from "./region.ts";

/** Where an interruption or a node's time is counted. */
export interface Stock {
  readonly key: string;
  /** AWS; null: nobody has told it. */
  readonly zoneId: string | null;
}

export interface StockParts {
  readonly provider: string;
  /** Null: not known. */
  readonly region: string | null;
  readonly zone: string | null;
  readonly instanceType: string;
}

export function stockOfNode(node: NodeInput, pool: PoolState): Stock {
  const { provider } = pool.spec;
  return {
    key: keyOf(
      provider,
      regionOfLabels(provider, node.labels) ?? ownRegion(pool),
      offeringOfNode(node, pool),
    ),
    zoneId: node.labels[AWS_ZONE_ID_LABEL] ?? null,
  };
}

/** Of a node that is gone, by what its machine said of itself; null: it said nothing. */
export function stockOfMachine(machine: Machine | null, pool: PoolState): Stock {
  const { provider } = pool.spec;
  if (machine === null) return { key: keyOf(provider, ownRegion(pool), offeringOf(pool)), zoneId: null };
  const region = machine.region ?? regionOfZone(provider, machine.zone ?? "") ?? ownRegion(pool);
  return { key: keyOf(provider, region, offeringOfMachine(machine, pool)), zoneId: machine.zoneId ?? null };
}

/** Every name under which something may be known of what the pool gets. */
export function stockKeysOf(pool: PoolState): readonly string[] {
  const { provider } = pool.spec;
  const own = ownRegion(pool);
  const offerings = [...new Set([offeringOf(pool), ...combinationsOf(pool)])];
  return offerings.flatMap((offering) => {
    const [, zone = ""] = offering.split("|");
    return [keyOf(provider, regionOfZone(provider, zone) ?? own, offering), offering];
  });
}

/** Null for what is no stock, as the sum of a policy, and for what an older version wrote. */
export function readStock(key: string): StockParts | null {
  const parts = /^([a-z]+)\/([^/|]+)\/(.+)\|([^|]+)\|[a-z-]+$/.exec(key);
  const [, provider, region, instanceType, zone] = parts ?? [];
  if (provider === undefined || region === undefined || instanceType === undefined || zone === undefined)
    return null;
  return { provider, region: known(region), zone: known(zone), instanceType };
}

function known(text: string): string | null {
  return text === "*" ? null : text;
}

function keyOf(provider: string, region: string | null, offering: string): string {
  return `${provider}/${region ?? "*"}/${offering}`;
}

function ownRegion(pool: PoolState): string | null {
  const region = regionOf(pool);
  return region.kind === "known" ? region.region : null;
}
