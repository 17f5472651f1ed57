// Recorded work as the files that a replay reads: jobs, and steps of services. The head says where the rows are from and what
// they lack, so that nobody takes them for more than they are.

import { AppError } from "../../shared/runtime/errors.ts";
import type { RecordedWork } from "./work.ts";

export function jobsCsv({ start, work, notes }: RecordedWork): string {
  const rows = work.jobs.map(({ id, arrivalMs, durationMs, gpus, workers, gang, gpuTypes, cpu, memory }) => [
    id,
    arrivalMs / 1000,
    durationMs / 1000,
    gpus,
    workers ?? "",
    gang ?? "",
    (gpuTypes ?? []).join("|"),
    cpu ?? "",
    memory ?? "",
  ]);
  return table(
    ["job_id", "arrival_s", "duration_s", "gpus", "workers", "gang", "gpu_types", "cpu", "memory"],
    rows,
    [`jobs of a recording that begins at ${new Date(start).toISOString()}`, ...notes],
  );
}

export function servicesCsv({ start, work }: RecordedWork): string {
  const rows = work.services.flatMap(({ name, steps, gpusPerReplica, gpuTypes }) =>
    steps.map(({ atMs, replicas }) => [
      name,
      atMs / 1000,
      replicas,
      gpusPerReplica,
      (gpuTypes ?? []).join("|"),
    ]),
  );
  return table(["name", "at_s", "replicas", "gpus_per_replica", "gpu_types"], rows, [
    `services of a recording that begins at ${new Date(start).toISOString()}`,
  ]);
}

type Cell = string | number | boolean;

function table(
  head: readonly string[],
  rows: readonly (readonly Cell[])[],
  notes: readonly string[],
): string {
  const lines = [
    ...notes.map((note) => `# ${note}`),
    head.join(","),
    ...rows.map((row) => row.map(cell).join(",")),
  ];
  return `${lines.join("\n")}\n`;
}

/** Names of Kubernetes have neither commas nor line ends; what has one is from elsewhere. */
function cell(value: Cell): string {
  const text = String(value);
  if (/[,\n\r"]/.test(text))
    throw new AppError(
      "bad-input",
      `${JSON.stringify(text)} cannot stand in a CSV; it has a comma, a quote or a line end`,
    );
  return text;
}
