// The volumes of one pod: what its claims say about where it may run, and whether it keeps data on its node. What a
// claim means is for storage.ts.

import type { Pod, Volume } from "../../shared/model/kube.ts";
import { POD_ANNOTATION } from "../../shared/model/names.ts";
import type { VolumeInput } from "../decide/snapshot-pod.ts";
import type { Storage } from "./storage.ts";

export function hasClaims(pod: Pod): boolean {
  return pod.spec.volumes?.some((volume) => claimNameOf(volume, pod) !== null) ?? false;
}

export function volumesOf(pod: Pod, storage: Pick<Storage, "claim">): readonly VolumeInput[] {
  const { namespace = "default" } = pod.metadata;
  const waits = pod.spec.nodeName === undefined;
  return (pod.spec.volumes ?? []).flatMap((volume) => {
    const name = claimNameOf(volume, pod);
    if (name === null) return [];
    const template =
      volume.ephemeral === undefined ? undefined : (volume.ephemeral.volumeClaimTemplate?.spec ?? {});
    return [storage.claim({ namespace, name }, waits, template)];
  });
}

/** The claim of an ephemeral volume is made by the cluster, under this name. */
function claimNameOf({ name, persistentVolumeClaim, ephemeral }: Volume, pod: Pod): string | null {
  if (persistentVolumeClaim !== undefined) return persistentVolumeClaim.claimName;
  return ephemeral === undefined ? null : `${pod.metadata.name}-${name}`;
}

/** Data that goes with the node, but for volumes that the pod itself names as no loss. */
export function hasLocalStorage(pod: Pod): boolean {
  const named = pod.metadata.annotations?.[POD_ANNOTATION.safeToEvictLocalVolumes] ?? "";
  const noLoss = named.split(",").map((name) => name.trim());
  return (
    pod.spec.volumes?.some(
      ({ name, emptyDir, hostPath }) =>
        ((emptyDir !== undefined && emptyDir.medium !== "Memory") || hostPath !== undefined) &&
        !noLoss.includes(name),
    ) ?? false
  );
}
