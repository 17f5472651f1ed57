// Karpenter's own scheduling benchmark, given to `decide`: the same mix of pods, the same 400 types in five offerings
// each, an empty cluster. The snapshot is made before the clock starts, as there; the decision is timed as a whole.
// Memory is the peak of a process of its own that makes one such snapshot and decides on it.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { decide } from "../../coordinator/decide/decide.ts";
import type { Decision } from "../../coordinator/decide/plan.ts";
import { figure } from "./figure.ts";
import type { Figure } from "./figure.ts";
import { timed } from "./runs.ts";
import { diverseOfferings, diversePods, policyOf, snapshotOf } from "./workload.ts";

const SMALL = 5_000;
const LARGE = 20_000;

export async function run(): Promise<Figure[]> {
  const policy = policyOf(diverseOfferings());
  const small = timed("s_5000", () => snapshotOf(policy, diversePods(SMALL)), decide);
  const large = timed("s_20000", () => snapshotOf(policy, diversePods(LARGE)), decide);
  const packing = decide(snapshotOf(policy, diversePods(SMALL, { antiAffinity: false }))).plan.packing;
  const ratio = (packing?.usdPerHour ?? Number.NaN) / (packing?.lowerBoundUsdPerHour ?? Number.NaN);
  return [
    figure("s_5000", small.medianS, "s", { max: 1 }),
    figure("s_20000", large.medianS, "s", { max: 5 }),
    figure("rss_20000_mib", peakMiB(), "MiB", { max: 300 }),
    figure("nodes_over_fifth", over(small.last, SMALL) + over(large.last, LARGE), "", { max: 0 }),
    figure("unplaced", small.last.plan.unplaced.length + large.last.plan.unplaced.length, "", { max: 0 }),
    figure("cost_ratio", ratio, "", {}),
  ];
}

/** Each pod of the last fifth needs a node of its own, and all others fit beside them. */
function over({ plan }: Decision, pods: number): number {
  return plan.moves.reduce((sum, move) => sum + move.to - move.from, 0) - pods / 5;
}

function peakMiB(): number {
  const program = fileURLToPath(new URL("decide-peak.ts", import.meta.url));
  const child = spawnSync(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", program, String(LARGE)],
    {
      encoding: "utf8",
    },
  );
  return Number(child.stdout.trim() || Number.NaN);
}
