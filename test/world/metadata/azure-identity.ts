// What Azure's instance metadata says of the machine itself: the compute document, whole and leaf by leaf. Its scheduled
// events are in azure.ts.

export interface AzureIdentity {
  readonly name: string;
  readonly vmId: string;
  readonly vmSize: string;
  readonly location: string;
  /** Empty where the region has no zones. */
  readonly zone: string;
  readonly priority: "Spot" | "Regular" | "";
  /** Empty for a machine of no scale set. */
  readonly vmScaleSetName: string;
  readonly resourceGroupName: string;
  readonly subscriptionId: string;
}

export const AZURE_IDENTITY: AzureIdentity = {
  name: "aks-spota-31415926-vmss_7",
  vmId: "5c08b38e-4d57-4c23-ac45-aca61037f084",
  vmSize: "Standard_ND96asr_v4",
  location: "westeurope",
  zone: "2",
  priority: "Spot",
  vmScaleSetName: "aks-spota-31415926-vmss",
  resourceGroupName: "mc_train_train_westeurope",
  subscriptionId: "8d10da13-8125-4ba9-a717-bf7490507b3d",
};

/** Versions of the instance endpoint that are known here; the service knows more. */
export const INSTANCE_VERSIONS = [
  "2017-12-01",
  "2018-10-01",
  "2019-06-01",
  "2020-06-01",
  "2020-09-01",
  "2021-01-01",
  "2021-02-01",
  "2021-12-13",
  "2023-07-01",
  "2025-04-07",
] as const;

export function computeOf(identity: AzureIdentity): Readonly<Record<string, unknown>> {
  const { name, subscriptionId, resourceGroupName, vmScaleSetName } = identity;
  const group = `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroupName}/providers/Microsoft.Compute`;
  const instance = name.slice(name.lastIndexOf("_") + 1);
  return {
    ...identity,
    azEnvironment: "AzurePublicCloud",
    evictionPolicy: identity.priority === "Spot" ? "Delete" : "",
    osType: "Linux",
    provider: "Microsoft.Compute",
    resourceId:
      vmScaleSetName === ""
        ? `${group}/virtualMachines/${name}`
        : `${group}/virtualMachineScaleSets/${vmScaleSetName}/virtualMachines/${instance}`,
    tags: "",
    tagsList: [],
  };
}

/** What stands at `path` below /metadata/instance, such as `compute/vmId`; undefined where there is nothing. */
export function instanceAt(identity: AzureIdentity, path: string): unknown {
  let at: unknown = { compute: computeOf(identity) };
  for (const part of path.split("/").filter((one) => one !== "")) {
    if (typeof at !== "object" || at === null) return undefined;
    at = (at as Readonly<Record<string, unknown>>)[part];
  }
  return at;
}
