// An inspection as text for a terminal, section by section, the short ones first: a person should see what is wrong
// without scrolling, and find each single reading below. A function of the data, and of nothing else.

import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import { GPU_READING_NAMES } from "../../shared/model/gpu-readings.ts";
import { nameOf, NOT_ASKED } from "../../shared/model/nvml-status.ts";
import type { CheckLine } from "./checks.ts";
import { columns } from "./columns.ts";
import type { Inspection } from "./inspect.ts";
import { ALL_CAPABILITIES } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { bytesText, factText, reasonText, readingText } from "./value-text.ts";

type Gpu = NodeDetail["gpus"][number];
type Row = readonly string[];

export function inspectionText(inspection: Inspection): string {
  const { source, gpus, machine, checks } = inspection;
  const head = [
    `node ${inspection.node}, ${new Date(inspection.at).toISOString()}`,
    `GPUs: ${source.state}${source.detail === "" ? "" : `, ${source.detail}`}`,
    `health: ${inspection.health.node}, by what was seen in these seconds`,
  ].join("\n");
  const sections: readonly (readonly [string, readonly Row[]])[] = [
    ["MACHINE", "unknown" in machine ? [["not known", machine.unknown]] : machineRows(machine)],
    ["CHECKS", checks.map(checkRow)],
    ["GPUS", gpus.length === 0 ? [] : [GPU_HEADS, ...gpus.map(gpuRow)]],
    ["MIG INSTANCES", instanceRows(gpus)],
    ["PROCESSES", processRows(gpus)],
    ["PODS", podRows(inspection.allocation)],
    [
      "FINDINGS",
      inspection.health.findings.map(({ level, rule, gpu, evidence }) => [
        level,
        rule,
        gpu ?? "node",
        evidence,
      ]),
    ],
    ["DETAILS", byGpu(gpus, detailNames(gpus), (gpu, name) => factText(name, gpu.details[name]))],
    ["READINGS", byGpu(gpus, GPU_READING_NAMES, (gpu, name) => readingText(name, gpu.readings[name]))],
    ...surveySections(inspection),
  ];
  const text = sections
    .filter(([, rows]) => rows.length > 0)
    .map(([title, rows]) => `${title}\n${columns(rows)}`);
  return [head, ...text].join("\n\n");
}

/** The GPUs alone, as `agent top` shows them. */
export function gpuTable(gpus: NodeDetail["gpus"]): string {
  return columns([GPU_HEADS, ...gpus.map(gpuRow)]);
}

function machineRows(machine: Machine): readonly Row[] {
  const { capabilities, seccomp, noNewPrivileges, container, vendor, product } = machine;
  return [
    ["kernel", `${machine.kernel ?? "unknown"}, ${machine.architecture}`],
    ["user", `uid ${machine.uid ?? "unknown"}, gid ${machine.gid ?? "unknown"}`],
    ["capabilities", capabilitiesText(capabilities)],
    [
      "confinement",
      [
        `seccomp ${seccomp ?? "unknown"}`,
        `no new privileges ${noNewPrivileges === null ? "unknown" : noNewPrivileges ? "yes" : "no"}`,
      ].join(", "),
    ],
    ["container", container.length === 0 ? "no sign of one" : container.join(", ")],
    ["kernel module", machine.kernelModule ?? "no /proc/driver/nvidia/version here"],
    ["made by", [vendor, product].filter((word) => word !== null).join(", ") || "unknown"],
  ];
}

function capabilitiesText(capabilities: readonly string[] | null): string {
  if (capabilities === null) return "unknown";
  if (capabilities.length === 0) return "none";
  return capabilities.length === ALL_CAPABILITIES ? "all" : capabilities.join(", ");
}

function checkRow({ ok, name, detail }: CheckLine): Row {
  return [ok === null ? "-" : ok ? "ok" : "NOT OK", name, detail];
}

const GPU_HEADS: Row = ["GPU", "NAME", "UUID", "BUS", "STATE", "UTIL", "MEMORY", "TEMP", "POWER", "MIG"];

function gpuRow(gpu: Gpu): Row {
  const read = (name: string): string => readingText(name, gpu.readings[name]) || "-";
  const { mig } = gpu;
  return [
    String(gpu.index),
    gpu.name ?? "unknown",
    gpu.uuid,
    gpu.busId ?? "unknown",
    gpu.state,
    read("utilization"),
    `${read("memoryUsed")} of ${bytesText(gpu.memoryTotalBytes)}`,
    read("temperature"),
    read("power"),
    typeof mig === "string" ? reasonText(mig) : `${mig.instances.length} instances`,
  ];
}

function instanceRows(gpus: readonly Gpu[]): readonly Row[] {
  const rows = gpus.flatMap(({ index, mig }) =>
    typeof mig === "string"
      ? []
      : mig.instances.map((one) => [
          String(index),
          `${one.gpuInstance}/${one.computeInstance}`,
          one.profile ?? "unknown",
          one.uuid,
          bytesText(one.memoryTotalBytes),
          Object.entries(one.readings)
            .map(([name, told]) => `${name} ${readingText(name, told)}`)
            .join(", "),
        ]),
  );
  return rows.length === 0 ? [] : [["GPU", "GI/CI", "PROFILE", "UUID", "MEMORY", "READINGS"], ...rows];
}

function processRows(gpus: readonly Gpu[]): readonly Row[] {
  const rows = gpus.flatMap(({ index, processes }) =>
    (processes ?? []).map(({ pid, kind, memoryBytes }) => [
      String(index),
      String(pid),
      kind,
      memoryBytes === null ? "unknown" : bytesText(memoryBytes),
    ]),
  );
  return rows.length === 0 ? [] : [["GPU", "PID", "KIND", "MEMORY"], ...rows];
}

function podRows(allocation: NodeDetail["allocation"]): readonly Row[] {
  // Why it is not known stands among the checks.
  if (allocation.kind === "unknown") return [];
  return allocation.holders.map(({ namespace, pod, container, resource, device, gpu, instance }) => [
    `${namespace}/${pod}/${container}`,
    resource,
    device,
    instance ?? gpu ?? "on no GPU that the driver shows",
  ]);
}

/** A row for each name, a column for each GPU. */
function byGpu(
  gpus: readonly Gpu[],
  names: readonly string[],
  cell: (gpu: Gpu, name: string) => string,
): readonly Row[] {
  if (gpus.length === 0) return [];
  const head = ["", ...gpus.map(({ index }) => `GPU ${index}`)];
  return [head, ...names.map((name) => [name, ...gpus.map((gpu) => cell(gpu, name))])];
}

function detailNames(gpus: readonly Gpu[]): readonly string[] {
  return [...new Set(gpus.flatMap(({ details }) => Object.keys(details)))];
}

function surveySections({ survey, source }: Inspection): readonly (readonly [string, readonly Row[]])[] {
  if (survey === null) {
    const silent = source.state === "ready" || source.state === "hung";
    const why = silent ? "the driver does not answer" : "there is no driver to be asked";
    return [["CALLS AND FIELDS", [["not known", why]]]];
  }
  const calls = survey.calls.map(({ name, exported, codes }) => [
    name,
    exported ? codesText(codes) : "not exported by this library",
  ]);
  const fields = survey.fields.map(({ name, id, codes }) => [
    name,
    id === null ? "no id answers" : `id ${id}`,
    codesText(codes),
  ]);
  return [
    ["CALLS", calls],
    ["FIELDS", fields],
  ];
}

/** One word when all GPUs say the same. */
function codesText(codes: readonly number[]): string {
  const words = codes.map((code) => (code === NOT_ASKED ? "not asked" : nameOf(code)));
  return new Set(words).size <= 1
    ? (words[0] ?? "not asked")
    : words.map((word, i) => `GPU ${i}: ${word}`).join(", ");
}
