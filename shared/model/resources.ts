// Amounts of resources as whole numbers that can be added and compared: cpu in millicores, memory in bytes,
// everything else in pieces. Fractions of a core as floating point would not add up to what a node has.

import type { ResourceList } from "./kube.ts";
import { GPU_RESOURCE_PREFIXES } from "./names.ts";
import { parseQuantity } from "./quantity.ts";

/** Resource name → amount. A name that is absent counts as 0 requested or 0 available. */
export type Resources = Readonly<Record<string, number>>;

export const NO_RESOURCES: Resources = {};

/** Kubernetes quantities as whole numbers, rounded up. @throws RangeError naming the resource when one is malformed. */
export function parseResources(list: ResourceList | undefined): Resources {
  const amounts: Record<string, number> = {};
  for (const [name, text] of Object.entries(list ?? {})) {
    let amount: number;
    try {
      amount = parseQuantity(text);
    } catch (cause) {
      throw new RangeError(
        `resource ${name}: ${String(text)} is not a quantity such as "4", "500m" or "16Gi"`,
        { cause },
      );
    }
    amounts[name] = Math.ceil(name === "cpu" ? Number((amount * 1000).toFixed(6)) : amount);
  }
  return amounts;
}

export function plus(a: Resources, b: Resources): Resources {
  const sum: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) sum[name] = (sum[name] ?? 0) + amount;
  return sum;
}

/** `a` less `b`; may go below 0, which says that more is promised than there is. */
export function minus(a: Resources, b: Resources): Resources {
  const left: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) left[name] = (left[name] ?? 0) - amount;
  return left;
}

/** The larger of both, name by name. */
export function most(a: Resources, b: Resources): Resources {
  const larger: Record<string, number> = { ...a };
  for (const [name, amount] of Object.entries(b)) larger[name] = Math.max(larger[name] ?? 0, amount);
  return larger;
}

/** The first resource of which `need` wants more than `have` offers, or null when all fits. */
export function firstShortage(
  need: Resources,
  have: Resources,
): { readonly resource: string; readonly need: number; readonly have: number } | null {
  for (const [resource, amount] of Object.entries(need)) {
    const available = have[resource] ?? 0;
    if (amount > 0 && amount > available) return { resource, need: amount, have: available };
  }
  return null;
}

export function isGpuResource(name: string): boolean {
  for (const prefix of GPU_RESOURCE_PREFIXES) if (name.startsWith(prefix)) return true;
  return false;
}

/** How many GPU devices (whole, MIG or shared, each counted as one) an amount holds. */
export function gpusIn(amounts: Resources): number {
  let count = 0;
  // Asked of each node several times in a decision: a list of entries would be most of what it allocates.
  for (const name in amounts) if (isGpuResource(name)) count += amounts[name] ?? 0;
  return count;
}
