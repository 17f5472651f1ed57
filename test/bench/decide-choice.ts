// Which machines are chosen where GPU machines would also hold pods that want no GPU: the four types and the
// workloads on which the peers were measured, and mixes of them. The optimum is counted here by trying all numbers
// of machines, pods with and without GPUs apart, since the latter open no GPU machine.

import { decide } from "../../coordinator/decide/decide.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { choiceOfferings, GI, pending, policyOf, snapshotOf } from "./workload.ts";

interface Workload {
  readonly name: string;
  /** Of 1 core and 2 GiB. */
  readonly cpuPods: number;
  /** Of 4 cores, 16 GiB and one GPU. */
  readonly gpuPods: number;
}

const WORKLOADS: readonly Workload[] = [
  { name: "a", cpuPods: 1, gpuPods: 0 },
  { name: "g1", cpuPods: 0, gpuPods: 1 },
  { name: "b", cpuPods: 0, gpuPods: 50 },
  { name: "c", cpuPods: 500, gpuPods: 0 },
  { name: "a + g1", cpuPods: 1, gpuPods: 1 },
  { name: "b + c", cpuPods: 500, gpuPods: 50 },
  { name: "a + b", cpuPods: 1, gpuPods: 50 },
  { name: "all", cpuPods: 501, gpuPods: 51 },
  { name: "odd", cpuPods: 73, gpuPods: 13 },
];

export async function run(): Promise<Figure[]> {
  const offerings = choiceOfferings();
  const policy = policyOf(offerings);
  let misplaced = 0;
  let worst = 0;
  for (const { name, cpuPods, gpuPods } of WORKLOADS) {
    const pods = [
      ...Array.from({ length: cpuPods }, (_, index) =>
        pending(`cpu-${index}`, { cpu: 1000, memory: 2 * GI }),
      ),
      ...Array.from({ length: gpuPods }, (_, index) =>
        pending(`gpu-${index}`, { cpu: 4000, memory: 16 * GI, "nvidia.com/gpu": 1 }),
      ),
    ];
    const { plan } = decide(snapshotOf(policy, pods));
    const grows = plan.moves.filter((move) => move.kind === "grow");
    const placed = grows.reduce((sum, { pods: own }) => sum + own.length, 0);
    if (placed !== pods.length) throw new Error(`${name}: ${placed} of ${pods.length} pods have a node`);
    misplaced += grows
      .filter(({ pool }) => pool.startsWith("gpu"))
      .flatMap(({ pods: own }) => own)
      .filter((key) => key.startsWith("bench/cpu-")).length;
    const cost = grows.reduce(
      (sum, { pool, from, to }) =>
        sum + (to - from) * (offerings.find((offering) => offering.name === pool)?.usdPerHour ?? Number.NaN),
      0,
    );
    const best = least(cpuPods, [16, 0.8], [64, 3.2]) + least(gpuPods, [1, 2], [8, 15]);
    const bought = grows.map(({ pool, from, to }) => `${to - from} ${pool}`).join(", ");
    console.error(`${name}: ${bought} for ${cost.toFixed(1)}, at best ${best.toFixed(1)}`);
    worst = Math.max(worst, cost / best);
  }
  return [
    figure("cpu_pods_on_gpu_nodes", misplaced, "", { max: 0 }),
    figure("cost_ratio", worst, "", { max: 1.05 }),
  ];
}

/** The cheapest numbers of two machines that hold so many pods; each machine is [pods that it holds, price]. */
function least(pods: number, [holdsA, priceA]: [number, number], [holdsB, priceB]: [number, number]): number {
  let best = Infinity;
  for (let a = 0; a <= Math.ceil(pods / holdsA); a++) {
    const b = Math.ceil(Math.max(0, pods - a * holdsA) / holdsB);
    best = Math.min(best, a * priceA + b * priceB);
  }
  return best;
}
