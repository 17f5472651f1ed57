// What is spent an hour at this moment, and what a month of it would cost, from charges. A sum over a price that nobody
// knows is null, with the number of machines behind it: a rate that leaves them out would be a lie.

import { toInstantText } from "../../shared/model/instant.ts";
import type { EpochMs } from "../../shared/model/units.ts";
import type { Charge } from "./charge.ts";
import { perMonth } from "./month.ts";

export interface Rate {
  readonly nodes: number;
  /** Machines of which nobody knows the price. */
  readonly unknownNodes: number;
  /** Of all machines; null where the price of one is not known. */
  readonly usdPerHour: number | null;
  /** Of those with a price. */
  readonly knownUsdPerHour: number;
  /** RFC 3339: the oldest reading among their prices. Null: none is dated, since the policy says them all, or there is none. */
  readonly priceAt: string | null;
  /**
   * Of all machines, those of unknown price by the catalogue's estimate: what limits count with, and no money. Null: of one
   * there is no estimate either.
   */
  readonly estimatedUsdPerHour: number | null;
  readonly usdPerMonth: number | null;
  /** Against the on-demand price of the same machines; null where one of both prices is not known. */
  readonly savedUsdPerHour: number | null;
  readonly savedUsdPerMonth: number | null;
  /** Of the machines of which both prices are known, 0..1; null: there is none. */
  readonly savedShare: number | null;
}

export function rateOf(charges: readonly Charge[]): Rate {
  const sum = (of: (charge: Charge) => number): number =>
    charges.reduce((total, charge) => total + charge.nodes * of(charge), 0);
  const nodes = sum(() => 1);
  const unknownNodes = sum(({ usdPerHour }) => (usdPerHour === null ? 1 : 0));
  const knownUsdPerHour = sum(({ usdPerHour }) => usdPerHour ?? 0);
  const usdPerHour = unknownNodes > 0 ? null : knownUsdPerHour;
  const guesses = charges.filter((charge) => charge.usdPerHour === null);
  const isGuessed = guesses.every((charge) => charge.estimatedUsdPerHour !== undefined);
  const guessed = sum((charge) => (charge.usdPerHour === null ? (charge.estimatedUsdPerHour ?? 0) : 0));

  const compared = charges.filter(
    (charge): charge is Charge & { readonly usdPerHour: number; readonly onDemandUsdPerHour: number } =>
      charge.usdPerHour !== null && charge.onDemandUsdPerHour !== null,
  );
  const onDemand = compared.reduce((total, one) => total + one.nodes * one.onDemandUsdPerHour, 0);
  const saved = onDemand - compared.reduce((total, one) => total + one.nodes * one.usdPerHour, 0);
  const savedUsdPerHour = compared.length === charges.length ? saved : null;
  return {
    nodes,
    unknownNodes,
    usdPerHour,
    knownUsdPerHour,
    priceAt: oldestOf(charges),
    estimatedUsdPerHour: isGuessed ? knownUsdPerHour + guessed : null,
    usdPerMonth: usdPerHour === null ? null : perMonth(usdPerHour),
    savedUsdPerHour,
    savedUsdPerMonth: savedUsdPerHour === null ? null : perMonth(savedUsdPerHour),
    savedShare: onDemand > 0 ? saved / onDemand : null,
  };
}

function oldestOf(charges: readonly Charge[]): string | null {
  let oldest: EpochMs | null = null;
  for (const { pricedAt } of charges)
    if (pricedAt !== undefined && (oldest === null || pricedAt < oldest)) oldest = pricedAt;
  return oldest === null ? null : toInstantText(oldest);
}
