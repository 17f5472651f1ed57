// Writes report.md from the runs that `npm run soak -- chaos --keep DIR` has kept: `node test/chaos/report.ts DIR`. One line
// for each run, what it held, and how often each kind of fault came. Nothing in it is written by hand.

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";

import { INVARIANTS } from "./invariants.ts";
import type { LiveRun } from "./live/run.ts";

type Kept = LiveRun & { readonly at: string; readonly where: string };

const [dir] = process.argv.slice(2);
if (dir === undefined) {
  console.error("usage: node test/chaos/report.ts DIR, the folder that --keep was given");
  process.exitCode = 64;
} else {
  const runs = readdirSync(dir)
    .filter((name) => name.endsWith(".json"))
    .map((name) => ({
      ...(JSON.parse(readFileSync(join(dir, name), "utf8")) as LiveRun & { readonly at: string }),
      where: name.startsWith("cluster") ? "control plane" : "world",
    }))
    .toSorted((a, b) => (a.where < b.where ? 1 : a.where > b.where ? -1 : a.seed - b.seed));
  writeFileSync(new URL("report.md", import.meta.url), reportOf(runs));
}

function reportOf(runs: readonly Kept[]): string {
  const count = ({ entries }: Kept, kind: string): number =>
    entries.filter((entry) => entry.kind === kind).length;
  const rows = runs.map((run) => {
    const rest = run.recoveryMs === null ? "never" : `${(run.recoveryMs / 1000).toFixed(1)} s`;
    const cells = [
      run.where,
      run.seed,
      run.minutes,
      run.faults.length,
      count(run, "write"),
      count(run, "launch"),
      count(run, "notice"),
      count(run, "evicted"),
      run.restarts,
      run.calls,
      run.violations.length,
      rest,
    ];
    return `| ${cells.join(" | ")} |`;
  });
  const kinds = Map.groupBy(
    runs.flatMap(({ faults }) => faults),
    ({ kind }) => kind,
  );
  const found = INVARIANTS.map((invariant) => {
    const broken = runs.flatMap(({ violations }) => violations).filter((one) => one.invariant === invariant);
    return `| ${invariant} | ${broken.length} |`;
  });
  const gib = Math.round(totalmem() / 2 ** 30);
  return [
    "# Chaos: what the long runs found",
    "",
    `Made by \`node test/chaos/report.ts\` from ${runs.length} runs, the last of ${
      runs
        .map(({ at }) => at.slice(0, 10))
        .toSorted()
        .at(-1) ?? "no day"
    }, on ${cpus().length} cores and ${gib} GiB. Again: \`npm run soak -- chaos --seed N\`.`,
    "",
    "| Where | Seed | Minutes | Faults | Writes at groups | Machines | Notices | Evictions | Coordinators started again | Calls | Violations | At rest after the last fault |",
    "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ...rows,
    "",
    "| Held | Broken |",
    "|---|---|",
    ...found,
    "",
    "| Fault | Times |",
    "|---|---|",
    ...[...kinds].map(([kind, faults]) => `| ${kind} | ${faults.length} |`).toSorted(),
    "",
  ].join("\n");
}
