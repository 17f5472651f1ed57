// What a node of a pool would offer, by the catalogue's word about its instance types: for a pool of which nobody has
// seen a node and that has no template. It errs to the small side where the sources leave room, since a node that
// turns out too small for its pod is money for nothing.

import { gpuLabelsOf } from "../../../shared/model/gpu-labels.ts";
import { architectureOf, vendorOf } from "../../../shared/model/gpu-models.ts";
import { machineOf } from "../../../shared/model/instance-types.ts";
import type { Machine } from "../../../shared/model/instance-types.ts";
import { AMD_GPU_RESOURCE, GPU_RESOURCE, NODE_LABEL } from "../../../shared/model/names.ts";
import type { Resources } from "../../../shared/model/resources.ts";

/** What is known of one more machine of a pool. */
export interface KnownMachine {
  /** Before DaemonSets, of which nobody knows. */
  readonly allocatable: Resources;
  readonly capacity: Resources;
  readonly labels: Readonly<Record<string, string>>;
}

const GIB = 2 ** 30;
const MIB = 2 ** 20;
const PODS = 110;
/** What is left of the smallest of the clouds' usual disks, Karpenter's 20 GiB. */
const EPHEMERAL_STORAGE = 17 * GIB;

/**
 * Of several types the least of each, resource by resource, since the group may bring any; a label only where all
 * agree. Types that the catalogue does not have are left out: the policy's condition names them. Null: it has none.
 */
export function knownMachine(provider: string, instanceTypes: readonly string[]): KnownMachine | null {
  const known = instanceTypes.flatMap((instanceType) => {
    const found = machineOf(provider, instanceType);
    return found.kind === "known" ? [describe(provider, instanceType, found.machine)] : [];
  });
  const [first, ...others] = known;
  if (first === undefined) return null;
  return others.reduce(
    (least, other) => ({
      allocatable: leastOf(least.allocatable, other.allocatable),
      capacity: leastOf(least.capacity, other.capacity),
      labels: shared(least.labels, other.labels),
    }),
    first,
  );
}

function describe(provider: string, instanceType: string, machine: Machine): KnownMachine {
  const { cpuMillis, memoryBytes } = machine.allocatable ?? afterReserve(provider, machine);
  const devices = {
    [vendorOf(machine.gpuModel) === "amd" ? AMD_GPU_RESOURCE : GPU_RESOURCE]: machine.gpus,
    pods: PODS,
    "ephemeral-storage": EPHEMERAL_STORAGE,
  };
  return {
    allocatable: { cpu: cpuMillis, memory: memoryBytes, ...devices },
    capacity: { cpu: machine.cpuMillis, memory: machine.memoryBytes, ...devices },
    labels: {
      [NODE_LABEL.instanceType]: instanceType,
      [NODE_LABEL.arch]: architectureOf(machine.gpuModel),
      ...gpuLabelsOf(provider, instanceType, machine.gpuModel),
    },
  };
}

/** Karpenter's default for what the hypervisor and the kernel keep of a machine's memory before anyone counts it. */
const KEPT_BY_HOST = 0.075;

/**
 * Where the catalogue has no allocatable: what Kubernetes and the system keep, as the managed services document it.
 * GKE "Node sizes" and AKS "Node resource reservations" (before 1.29, which keeps more); elsewhere Karpenter's
 * defaults for EKS.
 */
function afterReserve(
  provider: string,
  { cpuMillis, memoryBytes }: Machine,
): { readonly cpuMillis: number; readonly memoryBytes: number } {
  const cores = cpuMillis / 1000;
  const shown = memoryBytes * (1 - KEPT_BY_HOST);
  const cpu = provider === "azure" ? 100 + 10 * cores : byStep(CPU_STEPS, cores) * 1000;
  const memory =
    provider === "gcp"
      ? byStep(MEMORY_STEPS, shown / GIB) * GIB + 100 * MIB
      : provider === "azure"
        ? byStep(MEMORY_STEPS, shown / GIB) * GIB + 750 * MIB
        : (255 + 11 * PODS + 100) * MIB;
  return {
    cpuMillis: Math.max(0, Math.floor(cpuMillis - cpu)),
    memoryBytes: Math.max(0, Math.floor(shown - memory)),
  };
}

/** [up to, share kept of that part] */
type Steps = readonly (readonly [number, number])[];
const CPU_STEPS: Steps = [
  [1, 0.06],
  [2, 0.01],
  [4, 0.005],
  [Infinity, 0.0025],
];
const MEMORY_STEPS: Steps = [
  [4, 0.25],
  [8, 0.2],
  [16, 0.1],
  [128, 0.06],
  [Infinity, 0.02],
];

function byStep(steps: Steps, amount: number): number {
  let kept = 0;
  let from = 0;
  for (const [upTo, share] of steps) {
    kept += Math.max(0, Math.min(amount, upTo) - from) * share;
    from = upTo;
  }
  return kept;
}

function leastOf(a: Resources, b: Resources): Resources {
  const names = [...new Set([...Object.keys(a), ...Object.keys(b)])];
  return Object.fromEntries(names.map((name) => [name, Math.min(a[name] ?? 0, b[name] ?? 0)]));
}

function shared(
  a: Readonly<Record<string, string>>,
  b: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(a).filter(([key, value]) => b[key] === value));
}
