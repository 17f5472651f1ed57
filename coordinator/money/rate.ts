// What is spent an hour at this moment, and what a month of it would cost, from charges. A sum over a price that nobody
// knows is null, with the number of machines behind it: a rate that leaves them out would be a lie.

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
    usdPerMonth: usdPerHour === null ? null : perMonth(usdPerHour),
    savedUsdPerHour,
    savedUsdPerMonth: savedUsdPerHour === null ? null : perMonth(savedUsdPerHour),
    savedShare: onDemand > 0 ? saved / onDemand : null,
  };
}
