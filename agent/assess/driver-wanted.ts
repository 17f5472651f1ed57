// Whether somebody is about to exchange the driver of this node: the GPU operator says so on the node, by a value of
// the labels that switch its own parts on and off, and waits until nobody holds the driver any more.

import { DRIVER_UPGRADE } from "../../shared/model/names.ts";

/** The label that asks for it, or null when the driver may be held. */
export function driverWantedBy(labels: Readonly<Record<string, string>> | undefined): string | null {
  const asking = Object.entries(labels ?? {}).find(
    ([label, value]) => label.startsWith(DRIVER_UPGRADE.labelPrefix) && value === DRIVER_UPGRADE.paused,
  );
  return asking?.[0] ?? null;
}
