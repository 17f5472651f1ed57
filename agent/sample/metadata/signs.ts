// By what a machine tells whose it is without asking anybody: the providerID of its node, and the names that the
// firmware gives it (DMI). Pure text work; where the texts come from is in detect.ts.

import type { CloudSource } from "../../../shared/model/interruption.ts";

/** Clouds whose metadata is read by their own protocol. */
export type Cloud = Exclude<CloudSource, "generic">;

const SCHEME: Readonly<Record<string, Cloud>> = { aws: "aws", gce: "gcp", azure: "azure" };

/**
 * Null where it does not tell: some distributions write a scheme of their own (`k3s://`) on machines of any cloud, so a
 * foreign one is no sign of bare metal.
 */
export function cloudOfProviderId(providerId: string | undefined): Cloud | null {
  const scheme = /^([a-z0-9]+):\/\//.exec(providerId ?? "")?.[1] ?? "";
  return Object.hasOwn(SCHEME, scheme) ? (SCHEME[scheme] ?? null) : null;
}

/** Files of the DMI folder that anybody may read. */
export const DMI_FILES = [
  "sys_vendor",
  "product_name",
  "bios_vendor",
  "bios_version",
  "chassis_asset_tag",
] as const;
export type Dmi = Readonly<Partial<Record<(typeof DMI_FILES)[number], string>>>;

/** On every machine of Azure, and on no other of Hyper-V. */
const AZURE_CHASSIS = "7783-7084-3265-9085-8269-3286-77";

/** Null where the names are nobody's of the three. */
export function cloudOfDmi(dmi: Dmi): Cloud | null {
  const { sys_vendor, product_name, bios_vendor, bios_version, chassis_asset_tag } = dmi;
  // Older machines run on Xen, whose firmware names the cloud in its version alone.
  if (sys_vendor === "Amazon EC2" || bios_version?.toLowerCase().endsWith(".amazon") === true) return "aws";
  if (product_name === "Google Compute Engine" || product_name === "Google" || bios_vendor === "Google")
    return "gcp";
  return chassis_asset_tag === AZURE_CHASSIS ? "azure" : null;
}

const AZURE_MACHINE = /^azure:\/\/\/.*?\/(?:virtualMachineScaleSets\/([^/]+)\/)?virtualMachines\/([^/]+)$/i;

/** How Azure's events name the machine: a member of a uniform scale set by set and number. Null: it is none of Azure's. */
export function azureNameOf(providerId: string | undefined): string | null {
  const [, scaleSet, machine] = AZURE_MACHINE.exec(providerId ?? "") ?? [];
  if (machine === undefined) return null;
  return scaleSet === undefined ? machine : `${scaleSet}_${machine}`;
}

/** The machine's own part of the providerID of a cloud. */
export function instanceOf(providerId: string | undefined): string | null {
  if (cloudOfProviderId(providerId) === null) return null;
  return azureNameOf(providerId) ?? /\/([^/]+)$/.exec(providerId ?? "")?.[1] ?? null;
}
