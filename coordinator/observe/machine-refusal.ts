// That a Machine's provider was refused an instance and goes on trying. Up to v1beta1 a Machine could say so in fields of
// its own, as an end; since v1beta2 it stands in the condition InfrastructureReady only, beside whatever is merely slow.
// https://cluster-api.sigs.k8s.io/developer/providers/migrations/v1.10-to-v1.11

import type { Machine } from "../../shared/model/kube.ts";
import { codedFailure } from "./machine-failure.ts";
import type { MachineFailure } from "./machine-failure.ts";

/** Undefined for a Machine that has its instance, and where the condition names no code of a cloud. */
export function machineRefusal({ spec, status }: Machine): MachineFailure | undefined {
  if ((spec?.providerID ?? "") !== "") return undefined;
  const infrastructure = status?.conditions?.find(({ type }) => type === "InfrastructureReady");
  if (infrastructure?.status !== "False") return undefined;
  return codedFailure(infrastructure.message ?? "");
}
