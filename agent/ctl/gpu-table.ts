// The GPUs of a node as tables: one line for each GPU, instance, pod and process. What is here is what a person looks
// for first; every single reading stands in tables of its own.

import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import { table } from "../../shared/runtime/table.ts";
import type { Row } from "../../shared/runtime/table.ts";
import { bytesText, readingText } from "./value-text.ts";

type Gpu = NodeDetail["gpus"][number];
type Told = Gpu["memoryTotalBytes"];

const GIB = 1024 ** 3;

/** The GPUs alone, as `agent top` shows them. */
export function gpuTable(gpus: readonly Gpu[]): string {
  return table(gpuRows(gpus));
}

export function gpuRows(gpus: readonly Gpu[]): readonly Row[] {
  if (gpus.length === 0) return [];
  const isCut = gpus.some(({ mig }) => typeof mig !== "string");
  const mig = (cell: string): Row => (isCut ? [cell] : []);
  return [
    ["GPU", "NAME", "STATE", "UTIL", "MEMORY", "TEMP", "POWER", ...mig("MIG"), "UUID"],
    ...gpus.map((gpu) => [
      String(gpu.index),
      gpu.name ?? "unknown",
      // A card that is not there has to be seen among 15 that are.
      gpu.state === "lost" ? "LOST" : gpu.state,
      cell(gpu, "utilization"),
      gpu.state === "lost" ? "-" : memoryCell(gpu.readings["memoryUsed"], gpu.memoryTotalBytes),
      cell(gpu, "temperature"),
      cell(gpu, "power"),
      ...mig(migCell(gpu.mig)),
      gpu.uuid,
    ]),
  ];
}

export function instanceRows(gpus: readonly Gpu[]): readonly Row[] {
  const rows = gpus.flatMap(({ index, mig }) =>
    typeof mig === "string"
      ? []
      : mig.instances.map((one) => [
          String(index),
          `${one.gpuInstance}/${one.computeInstance}`,
          one.profile ?? "unknown",
          memoryCell(one.readings["memoryUsed"], one.memoryTotalBytes),
          cell(one, "gpmSmActive"),
          cell(one, "gpmTensorActive"),
          cell(one, "gpmDramActive"),
          one.uuid,
        ]),
  );
  return rows.length === 0
    ? []
    : [["GPU", "GI/CI", "PROFILE", "MEMORY", "SM", "TENSOR", "DRAM", "UUID"], ...rows];
}

export function podRows({ allocation, gpus }: Pick<NodeDetail, "allocation" | "gpus">): readonly Row[] {
  // Why it is not known stands among the checks.
  if (allocation.kind === "unknown") return [];
  return allocation.holders.map((holder) => {
    const { namespace, pod, container, resource, device, gpu } = holder;
    const known = gpus.find(({ uuid }) => uuid === gpu);
    const place = known === undefined ? "no GPU that the driver shows" : `GPU ${known.index}`;
    return [`${namespace}/${pod}/${container}`, resource, place, device];
  });
}

export function processRows(gpus: readonly Gpu[]): readonly Row[] {
  const rows = gpus.flatMap(({ index, processes }) =>
    (processes ?? []).map(({ pid, kind, memoryBytes, gpuInstance, computeInstance }) => [
      String(index),
      String(pid),
      kind,
      memoryBytes === null ? "unknown" : bytesText(memoryBytes),
      gpuInstance === null ? "" : `GI/CI ${gpuInstance}/${computeInstance ?? "?"}`,
    ]),
  );
  return rows.length === 0 ? [] : [["GPU", "PID", "KIND", "MEMORY", ""], ...rows];
}

function migCell(mig: Gpu["mig"]): string {
  if (typeof mig !== "string") return String(mig.instances.length);
  return mig === "off" ? mig : missing(mig);
}

/** Short: why there is no number stands below, with the readings. */
function cell(
  { readings, state }: Pick<Gpu, "readings"> & Partial<Pick<Gpu, "state">>,
  name: string,
): string {
  // That everything fails on a card that is lost is said by its state.
  const told = state === "lost" ? undefined : readings[name];
  return typeof told === "number" ? readingText(name, told) : missing(told);
}

function memoryCell(used: Told | undefined, total: Told): string {
  const shown = (told: Told | undefined): string =>
    typeof told === "number" ? (told / GIB).toLocaleString("en-US", SHORT) : missing(told);
  return `${shown(used)} of ${shown(total)}${typeof total === "number" ? " GiB" : ""}`;
}

const SHORT = { minimumFractionDigits: 1, maximumFractionDigits: 1 };

function missing(told: string | undefined): string {
  return told?.startsWith("failed") === true ? "failed" : "-";
}
