// What is paid for at one moment, as data: machines, or shares of one, with what an hour of them costs. Money is added up
// from these alone (ledger.ts), live and in replay. It does not say where a price comes from, nor whether it is a good one.

import type { CapacityType } from "../../shared/model/node.ts";
import type { EpochMs } from "../../shared/model/units.ts";

/**
 * What a machine is paid for. `allocated`: a workload holds it. `idle`: it could be held and nobody does. `booting`: it
 * is not Ready yet. `draining`: it is being emptied or given back. A machine that is Ready is split by what is held.
 */
export const PAID_STATES = ["allocated", "idle", "booting", "draining"] as const;
export type PaidState = (typeof PAID_STATES)[number];

export interface Charge {
  /** Live: `policy/pool`. */
  readonly pool: string;
  readonly tier: CapacityType;
  readonly state: PaidState;
  /** How many machines that are alike in all of this; a share of one is a fraction. */
  readonly nodes: number;
  /** Of one whole machine. Null: nobody knows, and it stays so in every sum. */
  readonly usdPerHour: number | null;
  /** When the source of that price said so. Absent: the price is the policy's own, or not known. */
  readonly pricedAt?: EpochMs;
  /** Where nobody knows the price: what the catalogue takes it to be. No sum of money has it in it. */
  readonly estimatedUsdPerHour?: number;
  /** What the same machine costs on demand in the same hour. Null: nobody knows. */
  readonly onDemandUsdPerHour: number | null;
  /** Whose pods hold it. Absent: nobody's, or nobody asked. */
  readonly holder?: Holder;
}

export interface Holder {
  readonly namespace: string;
  /** Of the pod, those that costs are told by: label → value. One that the pod lacks is absent. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Those that are alike in all but their number as one: a fleet has thousands of shares and few kinds of them. */
export function merged(charges: readonly Charge[]): readonly Charge[] {
  const holders = new Map<Holder | undefined, string>();
  const kinds = new Map<string, { readonly charge: Charge; nodes: number }>();
  for (const charge of charges) {
    const { pool, tier, state, usdPerHour, onDemandUsdPerHour, holder, nodes } = charge;
    const { pricedAt = "", estimatedUsdPerHour = "" } = charge;
    let whose = holders.get(holder);
    if (whose === undefined) holders.set(holder, (whose = JSON.stringify(holder) ?? ""));
    // Names of Kubernetes have no line break.
    const kind = `${pool}\n${tier}\n${state}\n${usdPerHour}\n${pricedAt}\n${estimatedUsdPerHour}\n${onDemandUsdPerHour}\n${whose}`;
    const known = kinds.get(kind);
    if (known === undefined) kinds.set(kind, { charge, nodes });
    else known.nodes += nodes;
  }
  return [...kinds.values()].map(({ charge, nodes }) => ({ ...charge, nodes }));
}
