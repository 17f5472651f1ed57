// Fifty thousand pods that look alike: one kind, so one question a node and not one a pod. Fifty fit on a node, so
// anything but a thousand nodes is a mistake.

import { decide } from "../../coordinator/decide/decide.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { timed } from "./runs.ts";
import { GI, pending, policyOf, snapshotOf } from "./workload.ts";

const PODS = 50_000;
const NODES = 1_000;

export async function run(): Promise<Figure[]> {
  const policy = policyOf([
    {
      name: "only",
      type: "m50",
      zone: "z1",
      tier: "on-demand",
      usdPerHour: 2,
      allocatable: { cpu: "50", memory: "200Gi", pods: "110" },
    },
  ]);
  const prepare = () =>
    snapshotOf(
      policy,
      Array.from({ length: PODS }, (_, index) => pending(`p${index}`, { cpu: 1000, memory: 2 * GI })),
    );
  const { medianS, last } = timed("decide-same", prepare, decide);
  const nodes = last.plan.moves.reduce((sum, move) => sum + move.to - move.from, 0);
  return [figure("nodes", nodes, "", { min: NODES, max: NODES }), figure("s", medianS, "s", { max: 1 })];
}
