// A dry run in words: whether a drill may begin, in which order the pods would be asked, what stands in their way, and who
// would stay. Pure.

import { table } from "../../../shared/runtime/table.ts";
import { count, verb } from "../../report/sentences/words.ts";
import type { DryRun, DryRunPod } from "./dry-run.ts";
import { keptWords } from "./words.ts";

export function dryRunText(run: DryRun): string {
  const { node, pods, kept, leaving, queues } = run;
  const blocked = pods.filter(({ answer }) => answer === "blocked");
  const unknown = pods.filter(({ answer }) => answer === "not-known");
  return [
    `Dry run of a drill of node ${node} with ${run.leadSeconds} s; nothing is changed`,
    run.refusal === null
      ? "  a drill may be asked for here now"
      : `  no drill may be asked for here now: ${run.refusal}`,
    ...run.doubts.map((detail) => `  note: ${detail}`),
    ...(pods.length === 0
      ? ["  no pod would be asked to leave"]
      : [
          `Asked to leave, in this order${run.mode === "parallel" ? "; the time is too short to wait between classes" : ""}`,
          table([["class", "pod", "not later than", "grace", "answer now"], ...pods.map(rowOf)]),
        ]),
    ...(blocked.length === 0
      ? []
      : [
          `Blocked now: ${count(blocked.length, "pod")} by ${budgetsOf(blocked)}; a drill asks again each second and never forces`,
        ]),
    ...queues.map(
      ({ budget, allowed, pods: mine }) =>
        `One after another: budget ${budget} lets ${allowed} go at a time, and ${mine} of its pods are here`,
    ),
    ...(unknown.length === 0 ? [] : [`Not known: ${count(unknown.length, "pod")} whose answer did not come`]),
    ...(kept.length === 0
      ? []
      : [
          `Left where ${verb(kept.length, "it is", "they are")}`,
          ...kept.map((each) => `  ${keptWords(each)}`),
        ]),
    ...(leaving.length === 0 ? [] : [`Leaving already: ${leaving.join(", ")}`]),
  ].join("\n");
}

function rowOf({ class: of, pod, afterSeconds, graceSeconds, answer, why }: DryRunPod): readonly string[] {
  return [
    of,
    pod,
    `${afterSeconds.toFixed(1)} s`,
    `${graceSeconds} s`,
    why === null ? answer : `${answer}: ${why}`,
  ];
}

function budgetsOf(blocked: readonly DryRunPod[]): string {
  const names = [...new Set(blocked.flatMap(({ budgets }) => budgets))].sort();
  return names.length === 0 ? "budgets" : names.join(", ");
}
