// What the states of a machine in a scale set mean to us: whether it fills a place of the set's size. Azure has two, how
// far its making has come and whether it has power, and a set counts a machine that has neither. Pure.

import type { MachineBody } from "./bodies.ts";

/**
 * `counted`: a machine, up or coming. `failed`: it is listed and counted, and there is no machine behind it. `stopped`:
 * somebody has stopped it, or Azure has evicted it and kept its disks. `leaving`: on its way out.
 */
export type Standing = "counted" | "failed" | "stopped" | "leaving";

const MAKING: Readonly<Record<string, Standing>> = {
  Creating: "counted",
  Updating: "counted",
  Succeeded: "counted",
  Migrating: "counted",
  // It has failed at something; a machine that runs all the same (an extension that failed) is one.
  Failed: "failed",
  Canceled: "failed",
  Deleting: "leaving",
};

const WITH_POWER: readonly string[] = ["running", "starting", "unknown"];
const WITHOUT_POWER: readonly string[] = ["deallocated", "deallocating", "stopped", "stopping"];

/** As Azure writes it after `PowerState/`, in lower case; null: it does not say. */
export function powerOf({ properties }: MachineBody): string | null {
  const codes = (properties.instanceView?.statuses ?? []).map(({ code }) => code);
  const power = codes.map((code) => /^PowerState\/(.+)$/i.exec(code)?.[1]).find((word) => word !== undefined);
  return power?.toLowerCase() ?? null;
}

/** A state that Azure has invented since counts: taking a machine for an open place would end it. */
export function standingOf(body: MachineBody): Standing {
  const state = body.properties.provisioningState;
  const making = Object.hasOwn(MAKING, state) ? (MAKING[state] ?? "counted") : "counted";
  const power = powerOf(body);
  if (making === "leaving") return making;
  if (power !== null && WITHOUT_POWER.includes(power)) return making === "failed" ? "failed" : "stopped";
  if (making !== "failed") return making;
  // Without its view nobody knows whether something runs behind it.
  const isSeen = (body.properties.instanceView?.statuses ?? []).length > 0;
  return !isSeen || (power !== null && WITH_POWER.includes(power)) ? "counted" : making;
}

/** Nothing about it will change by itself. */
export function isAtRest(body: MachineBody): boolean {
  return body.properties.provisioningState === "Succeeded" && powerOf(body) === "running";
}

/** Why it failed, by its own word; null: it says nothing. The code is what stands after `ProvisioningState/failed/`. */
export function failureIn(body: MachineBody): { readonly code: string; readonly message: string } | null {
  for (const { code, message } of body.properties.instanceView?.statuses ?? []) {
    const found = /^ProvisioningState\/failed(?:\/(.+))?$/i.exec(code);
    if (found !== null) return { code: found[1] ?? "", message: message ?? "" };
  }
  return null;
}
