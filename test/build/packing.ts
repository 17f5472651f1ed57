// A packing for tests of its parts, and machines with prices: the pools of one policy, which its template describes.

import { assemble } from "../../coordinator/decide/fleet/fleet.ts";
import { sane } from "../../coordinator/decide/fleet/sane.ts";
import { createPacking } from "../../coordinator/decide/pack/packing.ts";
import type { Packing } from "../../coordinator/decide/pack/packing.ts";
import type { PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import type { Snapshot } from "../../coordinator/decide/snapshot.ts";
import { NODE_LABEL } from "../../shared/model/names.ts";
import { pool } from "./policy.ts";
import type { BuiltPool, PoolOptions } from "./policy.ts";
import { snapshot } from "./snapshot.ts";
import type { SnapshotOptions } from "./snapshot.ts";

/** With nothing placed yet. */
export function packing(options: SnapshotOptions & Pick<Snapshot, "workUnits"> = {}): Packing {
  const made = sane(snapshot(options))?.snapshot;
  if (made === undefined) throw new Error("the snapshot of this test has no time");
  const { workUnits } = options;
  return createPacking(assemble(made), made.pods, {
    before: made.memory,
    ...(workUnits === undefined ? {} : { workUnits }),
  });
}

export interface MachineOptions extends PoolOptions {
  /** Null: nobody knows. */
  readonly usd: number | null;
  readonly cpu: number;
  readonly memory?: number;
  readonly zone?: string;
}

/** On demand unless the test says otherwise; cores, GiB, GPUs of one node. */
export function machine(name: string, options: MachineOptions): BuiltPool {
  const { usd, cpu, memory = 4 * cpu, zone = "z1", gpus = 0, ...others } = options;
  return pool(name, {
    capacityType: "on-demand",
    maxSize: 100,
    ...others,
    labels: { [NODE_LABEL.zone]: zone, ...others.labels },
    fields: {
      availabilityZones: [zone],
      ...(usd === null ? {} : { price: { usdPerHour: usd } }),
      template: {
        allocatable: {
          cpu: String(cpu),
          memory: `${memory}Gi`,
          pods: "110",
          ...((gpus ?? 0) > 0 ? { "nvidia.com/gpu": String(gpus) } : {}),
        },
        labels: {},
        taints: [],
      },
      ...others.fields,
    },
  });
}

/** Pods beside which, or away from which, a pod wants to be: those with the label `app`. */
export function termOn(app: string, topologyKey: string): NonNullable<PodInput["podAffinity"]>[number] {
  return {
    topologyKey,
    selector: { matchLabels: { app } },
    namespaces: ["default"],
    namespaceSelector: null,
  };
}

export function spreadOf(
  app: string,
  topologyKey: string,
  maxSkew = 1,
): NonNullable<PodInput["spread"]>[number] {
  return {
    topologyKey,
    maxSkew,
    minDomains: 1,
    selector: { matchLabels: { app } },
    nodeAffinityPolicy: "Honor",
    nodeTaintsPolicy: "Ignore",
  };
}
