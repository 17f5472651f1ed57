// A policy's pools as groups of machines that a replay can make: what a node offers, where it stands, who sells it. All of it
// comes from the policy, the catalogue, or the scenario where both are silent; what none of them says is refused with the
// field that would say it. Each pool's own group is stood in for by a simulated one of the same bounds.

import type { PolicySpec } from "../../../shared/contract/policy.ts";
import type { NodePoolSpec } from "../../../shared/contract/policy/pool.ts";
import { gpuModelOf, gpuModelOfLabels } from "../../../shared/model/gpu-models.ts";
import type { GpuModel } from "../../../shared/model/gpu-models.ts";
import { machineOf } from "../../../shared/model/instance-types.ts";
import type { Machine } from "../../../shared/model/instance-types.ts";
import type { ResourceList, Taint } from "../../../shared/model/kube.ts";
import { GPU_RESOURCE, NODE_LABEL } from "../../../shared/model/names.ts";
import { regionOfZone } from "../../../shared/model/zones.ts";
import { AppError } from "../../../shared/runtime/errors.ts";
import type { PoolModel } from "../scenario.ts";
import type { PolicyRead } from "./policies.ts";

/** What a scenario says of a pool, by the pool's name. */
export interface PoolFacts {
  readonly provider?: PoolModel["provider"] | undefined;
  readonly region?: string | undefined;
  readonly zones?: readonly string[] | undefined;
  readonly instanceType?: string | undefined;
  readonly initial?: number | undefined;
  readonly committed?: number | undefined;
}

export interface PoolsRead {
  readonly policies: readonly { readonly name: string; readonly spec: unknown }[];
  readonly pools: readonly ReplayedPool[];
  readonly notes: readonly string[];
}

export interface ReplayedPool {
  readonly model: PoolModel;
  /** Null: nobody says. */
  readonly gpu: GpuModel | null;
  /** As the policy writes it. */
  readonly spec: NodePoolSpec;
  readonly policy: string;
  readonly field: string;
}

/** Pods that a kubelet takes unless it is told otherwise. */
const PODS = "110";

/** @throws AppError bad-input for a pool of the scenario that no policy has. */
export function checkNames(
  facts: Readonly<Record<string, PoolFacts>>,
  policies: readonly PolicyRead[],
): void {
  const names = policies.flatMap(({ spec }) => spec.nodePools.map(({ name }) => name));
  const absent = Object.keys(facts).find((name) => !names.includes(name));
  if (absent !== undefined)
    throw new AppError(
      "bad-input",
      `pools.${absent} of the scenario: no policy of ${policies[0]?.file ?? "the file"} has this pool; it has ${names.join(", ")}`,
    );
}

/** @throws AppError bad-input that names file, field, value and way out. */
export function poolsOf(
  policies: readonly PolicyRead[],
  facts: Readonly<Record<string, PoolFacts>>,
): PoolsRead {
  const names = policies.flatMap(({ spec }) => spec.nodePools.map(({ name }) => name));
  const pools: ReplayedPool[] = [];
  const stoodIn: string[] = [];
  const groupless: string[] = [];
  const written = policies.map((policy) => {
    const own = new Map<string, string>();
    for (const [at, spec] of policy.spec.nodePools.entries()) {
      const target = backEndOf(spec);
      if (target === null) {
        groupless.push(spec.name);
        continue;
      }
      const isAlone = names.filter((name) => name === spec.name).length === 1;
      const name = isAlone ? spec.name : `${policy.name}-${spec.name}`;
      own.set(spec.name, name);
      if (target !== "simulated") stoodIn.push(`${spec.name} (${target})`);
      const field = `${policy.file}, line ${policy.poolLines[at]}, policy ${policy.name}, spec.nodePools[${at}] (${spec.name})`;
      const { model, gpu } = modelOf(policy.spec, spec, facts[spec.name] ?? {}, name, field);
      pools.push({ model, gpu, spec, policy: policy.name, field });
    }
    return { name: policy.name, spec: standIn(policy, own) };
  });
  if (pools.length === 0)
    throw new AppError(
      "bad-input",
      `${policies[0]?.file ?? "the policy"}, spec.nodePools: no pool has a group, so nothing could grow; give one a group`,
    );
  return {
    policies: written,
    pools,
    notes: [
      ...(stoodIn.length === 0
        ? []
        : [`Groups that a simulated one of the same bounds stands in for: ${stoodIn.join(", ")}.`]),
      ...(groupless.length === 0
        ? []
        : [`Pools without a group, which hold here as they do in a cluster: ${groupless.join(", ")}.`]),
    ],
  };
}

/** Its field in the policy; null: the pool has no group. */
function backEndOf({ group }: NodePoolSpec): string | null {
  return Object.entries(group ?? {}).find(([, value]) => value !== undefined)?.[0] ?? null;
}

function standIn({ written }: PolicyRead, groups: ReadonlyMap<string, string>): unknown {
  const nodePools = Array.isArray(written["nodePools"]) ? (written["nodePools"] as readonly unknown[]) : [];
  return {
    ...written,
    nodePools: nodePools.map((pool) => {
      const name = groups.get((pool as NodePoolSpec).name);
      return name === undefined
        ? pool
        : { ...(pool as object), group: { simulated: { url: "http://replay.invalid", name } } };
    }),
  };
}

function modelOf(
  policy: PolicySpec,
  pool: NodePoolSpec,
  facts: PoolFacts,
  name: string,
  field: string,
): { readonly model: PoolModel; readonly gpu: GpuModel | null } {
  const bad = (where: string, why: string): never => {
    throw new AppError("bad-input", `${field}.${where}: ${why}`);
  };
  const fact = (key: string): string => `pools.${pool.name}.${key} in the scenario`;
  const provider =
    facts.provider ??
    (policy.provider === "custom"
      ? bad("provider", `custom says not who sells the machines; write ${fact("provider")}`)
      : policy.provider);
  const [only, ...others] = pool.instanceTypes;
  const instanceType =
    facts.instanceType ??
    (only === undefined
      ? bad("instanceTypes", `is empty; name the machine, or write ${fact("instanceType")}`)
      : others.length > 0
        ? bad(
            "instanceTypes",
            `a replay makes one type of machine for a pool, here are ${pool.instanceTypes.join(", ")}; choose one by ${fact("instanceType")}`,
          )
        : only);
  const found = machineOf(provider, instanceType);
  const machine = found.kind === "known" ? found.machine : null;
  const nearest =
    found.kind === "known"
      ? ""
      : found.nearest
          .map((each) => `, nearest is ${each}`)
          .slice(0, 1)
          .join("");
  const allocatable =
    pool.template?.allocatable ??
    (machine === null
      ? bad(
          "instanceTypes",
          `${found.kind === "unknown" ? found.because : ""}${nearest}; correct it, or write template.allocatable`,
        )
      : (offeredBy(machine) ??
        bad(
          "template.allocatable",
          `the catalogue does not say what is left of a ${instanceType} for pods; write it here`,
        )));
  const zones = facts.zones ?? zonesOf(pool);
  if (zones.length === 0) bad("availabilityZones", `is empty; name the zones, or write ${fact("zones")}`);
  const region =
    facts.region ??
    pool.region ??
    pool.group?.aws?.region ??
    regionOfZone(provider, zones[0] ?? "") ??
    bad("region", `the zone ${zones[0] ?? ""} does not tell it; write it, or ${fact("region")}`);
  const named = pool.gpuType === undefined ? null : gpuModelOf(pool.gpuType);
  if (pool.gpuType !== undefined && named === null)
    bad("gpuType", `${pool.gpuType} is no GPU of the alias table; correct it`);
  const written = { ...pool.labels, ...pool.template?.labels };
  const gpu = gpuModelOfLabels(written) ?? named ?? machine?.gpuModel ?? null;
  const taints = [...pool.taints, ...(pool.template?.taints ?? [])];
  const initial = facts.initial ?? pool.minSize;
  const model: PoolModel = {
    name,
    provider,
    region,
    zones,
    instanceType,
    tier: pool.capacityType,
    allocatable: {
      pods: PODS,
      ...stringsOf(allocatable),
    },
    labels: {
      ...(gpu === null ? {} : { [NODE_LABEL.gpuProduct]: gpu }),
      ...written,
    },
    ...(taints.length === 0 ? {} : { taints: taints.map(taintOf) }),
    max: Math.max(pool.maxSize, initial),
    initial,
    ...(facts.committed === undefined ? {} : { committed: facts.committed }),
  };
  return { model, gpu };
}

function zonesOf({ availabilityZones, group }: NodePoolSpec): readonly string[] {
  if (availabilityZones.length > 0) return availabilityZones;
  return group?.gcp === undefined ? [] : [group.gcp.location];
}

function offeredBy({ gpus, allocatable }: Machine): ResourceList | null {
  return allocatable === undefined
    ? null
    : {
        cpu: `${allocatable.cpuMillis}m`,
        memory: String(allocatable.memoryBytes),
        [GPU_RESOURCE]: String(gpus),
      };
}

function taintOf({ key, value, effect }: NodePoolSpec["taints"][number]): Taint {
  return { key, effect, ...(value === undefined ? {} : { value }) };
}

function stringsOf(list: Readonly<Record<string, string | number>>): ResourceList {
  return Object.fromEntries(Object.entries(list).map(([name, amount]) => [name, String(amount)]));
}
