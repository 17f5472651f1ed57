// A batch as a GPU cluster sees it: pods without GPUs, with one to eight, with MIG profiles, and gangs of whole
// nodes, over four types of machines in three zones and three tiers. Gangs come whole or not at all, also where the
// pools are too small for all of them, which a second batch makes sure of.

import { decide } from "../../coordinator/decide/decide.ts";
import type { Decision } from "../../coordinator/decide/plan.ts";
import type { PodInput } from "../../coordinator/decide/snapshot-pod.ts";
import { isGpuResource } from "../../shared/model/resources.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { timed } from "./runs.ts";
import { gpuOfferings, gpuPods, policyOf, snapshotOf } from "./workload.ts";

const PODS = 5_000;
/** So few nodes a pool that not every gang gets its own. */
const TIGHT = 8;

export async function run(): Promise<Figure[]> {
  const offerings = gpuOfferings();
  const policy = policyOf(offerings);
  const { medianS, last } = timed("decide-gpu", () => snapshotOf(policy, gpuPods(PODS)), decide);
  const pods = gpuPods(PODS);
  const placed = placedBy(last);
  const bought = last.plan.moves.map(({ pool, from, to }) => {
    const offering = offerings.find(({ name }) => name === pool);
    const gpus = Object.entries(offering?.allocatable ?? {}).filter(([name]) => isGpuResource(name));
    return {
      nodes: to - from,
      gpus: (to - from) * gpus.reduce((sum, [, amount]) => sum + Number(amount), 0),
      usd: (to - from) * (offering?.usdPerHour ?? Number.NaN),
    };
  });
  const used = pods
    .filter(({ key }) => placed.has(key))
    .flatMap(({ requests }) => Object.entries(requests))
    .reduce((sum, [name, amount]) => sum + (isGpuResource(name) ? amount : 0), 0);
  const sum = (of: (one: (typeof bought)[number]) => number) => bought.reduce((all, one) => all + of(one), 0);
  const bound = last.plan.packing?.lowerBoundUsdPerHour ?? Number.NaN;
  const tight = decide(snapshotOf(policyOf(gpuOfferings({ maxSize: TIGHT })), pods));
  console.error(
    `decide-gpu: ${sum((one) => one.nodes)} nodes for ${sum((one) => one.usd).toFixed(0)} an hour`,
  );
  return [
    figure("pods_per_s_5000", PODS / medianS, "1/s", { min: 5_000 }),
    figure("placed", placed.size, "", { min: PODS, max: PODS }),
    figure("gangs_partial", partial(pods, placed) + partial(pods, placedBy(tight)), "", { max: 0 }),
    figure("gangs_left_out_tight", absent(pods, placedBy(tight)), "", { min: 1 }),
    figure("gpu_waste", 1 - used / sum((one) => one.gpus), "", {}),
    figure("cost_ratio", sum((one) => one.usd) / bound, "", {}),
  ];
}

function placedBy({ plan }: Decision): ReadonlySet<string> {
  return new Set(plan.moves.flatMap((move) => (move.kind === "grow" ? move.pods : [])));
}

function gangsOf(pods: readonly PodInput[]): readonly (readonly PodInput[])[] {
  const withGang = pods.filter((pod) => pod.gang !== undefined);
  return [...Map.groupBy(withGang, (pod) => pod.gang?.id ?? "").values()];
}

function partial(pods: readonly PodInput[], placed: ReadonlySet<string>): number {
  return gangsOf(pods).filter((members) => {
    const have = members.filter(({ key }) => placed.has(key)).length;
    return have > 0 && have < members.length;
  }).length;
}

function absent(pods: readonly PodInput[], placed: ReadonlySet<string>): number {
  return gangsOf(pods).filter((members) => members.every(({ key }) => !placed.has(key))).length;
}
