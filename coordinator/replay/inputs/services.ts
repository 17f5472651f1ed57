// Services of a replay: replicas over time, from load by the one rule, or from a file that holds the steps already. Kinds of
// GPU stay the file's own words here.

import type { EpochMs, Millis } from "../../../shared/model/units.ts";
import type { ServiceModel } from "../scenario.ts";
import { readTable } from "./csv.ts";
import { readInputFile } from "./files.ts";
import { kindsOf } from "./jobs.ts";
import { readRequests, readSeries } from "./load.ts";
import { BEAT_MS, replicasOf } from "./replicas.ts";
import type { ServiceWritten } from "./scenario-file.ts";

export interface ServiceRow extends Omit<ServiceModel, "gpuTypes"> {
  readonly kinds: readonly string[];
  /** File and line, for messages. */
  readonly where: string;
}

export interface ServiceRead {
  readonly services: readonly ServiceRow[];
  /** Wall clock of instant 0; null: the file counts seconds. */
  readonly start: EpochMs | null;
  /** How far the load is known. */
  readonly spanMs: number;
  /** Of a series: outside of it nobody knows the load. Null: what the file does not list did not come. */
  readonly series: { readonly fromMs: number; readonly toMs: number } | null;
  readonly notes: readonly string[];
}

/** @throws AppError bad-input with file, line, field and way out. */
export async function readService(written: ServiceWritten, path: string): Promise<ServiceRead> {
  const { name, kind, column, gaps, gpusPerReplica, gpuTypes = [], behavior = {} } = written;
  const text = await readInputFile(path);
  const load =
    kind === "Series" ? readSeries(text, path, column, gaps) : readRequests(text, path, column, BEAT_MS);
  const steps = replicasOf(load, { ...written, behavior });
  const toMs = load.fromMs + load.values.length * load.stepMs;
  return {
    services: [{ name, gpusPerReplica, steps, kinds: gpuTypes, where: path }],
    start: load.start,
    spanMs: toMs,
    series: kind === "Series" ? { fromMs: load.fromMs, toMs } : null,
    notes: [
      ...load.notes,
      `${name}: one replica for each ${written.perReplica} of ${column} (${kind === "Series" ? "as the series says" : "mean number in progress"}), from ${written.minReplicas} to ${written.maxReplicas}, changed each 15 s as a pod autoscaler may.`,
    ],
  };
}

/** Columns `name, at_s, replicas, gpus_per_replica`, and `gpu_types` where they matter. @throws AppError bad-input. */
export function readReplicas(text: string, file: string): ServiceRead {
  const table = readTable(text, file, ["name", "at_s", "replicas", "gpus_per_replica"]);
  let spanMs = 0;
  const services = [...Map.groupBy(table.rows, (row) => row.text("name"))].map(([name, rows]): ServiceRow => {
    const [first] = rows;
    const gpusPerReplica = first?.atLeast("gpus_per_replica", 1) ?? 1;
    let before = -1;
    const steps = rows.map((row) => {
      if (name === "") row.refuse("name", "is empty; name the service");
      const atMs = row.milliseconds("at_s");
      if (atMs <= before)
        row.refuse(
          "at_s",
          `${atMs / 1000} of ${name} overlaps the row before it; sort the rows, remove doubles`,
        );
      before = atMs;
      const replicas = row.atLeast("replicas", 0);
      if (!Number.isInteger(replicas)) row.refuse("replicas", `${replicas} is no whole number`);
      if (row.atLeast("gpus_per_replica", 1) !== gpusPerReplica)
        row.refuse(
          "gpus_per_replica",
          `it was ${gpusPerReplica} before; give the new size a name of its own`,
        );
      return { atMs, replicas };
    });
    spanMs = Math.max(spanMs, before);
    const kinds = first === undefined ? [] : kindsOf(first);
    return { name, gpusPerReplica, steps, kinds, where: `${file}, line ${first?.line ?? table.line}` };
  });
  return { services, start: null, spanMs, series: null, notes: [] };
}

export function shiftedService(service: ServiceRow, byMs: Millis | number): ServiceRow {
  return {
    ...service,
    steps: service.steps.map(({ atMs, replicas }) => ({ atMs: atMs + byMs, replicas })),
  };
}
