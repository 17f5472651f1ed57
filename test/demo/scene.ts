// The demo's cluster: two pools of eight-GPU machines whose times are the real ones divided by 60, and the
// policy file. The limits that the checks hold the run to are read from the same file.

import { readFileSync } from "node:fs";

import { parse } from "yaml";

import type { PoolShape } from "../../coordinator/replay/world-options.ts";
import { parsePolicy } from "../../shared/contract/policy.ts";
import type { PolicySpec } from "../../shared/contract/policy.ts";
import type { KubeObject } from "../../shared/model/kube.ts";
import { millis } from "../../shared/model/units.ts";
import { AppError } from "../../shared/runtime/errors.ts";
import type { Limits } from "./evidence.ts";

export const GPUS_PER_NODE = 8;
export const SPOT_POOL = "spot";
export const ON_DEMAND_POOL = "on-demand";

const ALLOCATABLE = { cpu: "96", memory: "960Gi", pods: "110", "nvidia.com/gpu": String(GPUS_PER_NODE) };

/** A GPU machine takes about four minutes from request to ready: here four seconds, give or take one. */
export const POOLS: readonly PoolShape[] = [SPOT_POOL, ON_DEMAND_POOL].map((name) => ({
  name,
  capacityType: name === SPOT_POOL ? ("spot" as const) : ("on-demand" as const),
  instanceType: "sim.8xgpu",
  zones: ["sim-a", "sim-b"],
  allocatable: ALLOCATABLE,
  bootMs: [millis(2000), millis(3500)] as const,
  readyMs: [millis(700), millis(1500)] as const,
}));

export interface DemoPolicy {
  readonly object: KubeObject;
  readonly spec: PolicySpec;
  readonly limits: Limits;
}

/** @throws AppError `bad-input` when the file is no valid policy. */
export function loadPolicy(): DemoPolicy {
  const object = parse(readFileSync(new URL("./policy.yaml", import.meta.url), "utf8")) as KubeObject & {
    readonly spec: unknown;
  };
  const parsed = parsePolicy(object.spec);
  if (parsed.kind === "invalid")
    throw new AppError("bad-input", `policy.yaml: ${parsed.problems.join("; ")}`);
  const { spec } = parsed;
  return {
    object,
    spec,
    limits: {
      pools: spec.nodePools.map((pool) => ({ name: pool.name, min: pool.minSize, max: pool.maxSize })),
      maxNodes: spec.maxNodes,
      addedInTenMinutes: spec.maxPercentOrNodesAdded.nodes,
      emptyMs: spec.emptySeconds * 1000,
      idleMs: spec.idleSeconds * 1000,
    },
  };
}
