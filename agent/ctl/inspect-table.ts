// An inspection as text for a terminal, what matters first: what is wrong, the GPUs, what else was tried, who is on
// them; each single reading below. No wider than a terminal, as far as names allow. A function of the data, and of
// nothing else.

import type { NodeDetail } from "../../shared/contract/node-detail.ts";
import { GPU_READING_NAMES } from "../../shared/model/gpu-readings.ts";
import { table } from "../../shared/runtime/table.ts";
import type { Row } from "../../shared/runtime/table.ts";
import { byGpu } from "./by-gpu.ts";
import type { CheckLine } from "./checks.ts";
import { gpuRows, instanceRows, podRows, processRows } from "./gpu-table.ts";
import type { Inspection } from "./inspect.ts";
import { ALL_CAPABILITIES, CAPABILITIES } from "./machine.ts";
import type { Machine } from "./machine.ts";
import { surveyText } from "./survey-text.ts";
import { factText, readingText, reasonText } from "./value-text.ts";

type Gpu = NodeDetail["gpus"][number];

const WIDTH = 120;

export function inspectionText(inspection: Inspection): string {
  const { gpus, machine, checks } = inspection;
  const sections: readonly (readonly [string, readonly Row[]])[] = [
    ["FINDINGS", findingRows(inspection)],
    ["GPUS", gpuRows(gpus)],
    ["CHECKS", checkRows(checks)],
    ["MIG INSTANCES", instanceRows(gpus)],
    ["PODS", podRows(inspection)],
    ["PROCESSES", processRows(gpus)],
    ["MACHINE", "unknown" in machine ? [["not known", machine.unknown]] : machineRows(machine)],
  ];
  const text = sections
    .filter(([, rows]) => rows.length > 0)
    .map(([title, rows]) => `${title}\n${table(rows, { width: WIDTH })}`);
  const facts = byGpu({ title: "DETAILS", gpus, names: factNames(gpus), cell: factCell, width: WIDTH });
  const readings = byGpu({
    title: "READINGS",
    gpus,
    names: GPU_READING_NAMES,
    cell: (gpu, name) => readingText(name, gpu.readings[name]),
    width: WIDTH,
  });
  return [headText(inspection), ...text, ...facts, ...readings, ...callsText(inspection)].join("\n\n");
}

function headText({ node, at, source, gpus, health }: Inspection): string {
  const lost = gpus.filter(({ state }) => state === "lost").map(({ index }) => index);
  const present = `, ${gpus.length - lost.length} of ${gpus.length} present`;
  const missing = lost.length === 0 ? "" : `, LOST: GPU ${lost.join(" ")}`;
  return [
    `node ${node}, ${new Date(at).toISOString()}`,
    `GPUs: ${source.state}${source.detail === "" ? "" : `, ${source.detail}`}${source.state === "ready" ? present + missing : ""}`,
    `health: ${health.node}, by what was seen in these seconds`,
  ]
    .map((line) => table([[line]], { indent: "", width: WIDTH }))
    .join("\n");
}

function findingRows({ health, gpus }: Inspection): readonly Row[] {
  return health.findings.map(({ level, rule, gpu, evidence, remedy }) => {
    const index = gpus.find(({ uuid }) => uuid === gpu)?.index;
    const place = gpu === null ? "node" : index === undefined ? gpu : `GPU ${index}`;
    return [level, place, rule, remedy === "none" ? evidence : `${evidence}; what helps: ${remedy}`];
  });
}

/** What is not well first. */
function checkRows(checks: readonly CheckLine[]): readonly Row[] {
  return [false, null, true].flatMap((state) =>
    checks
      .filter(({ ok }) => ok === state)
      .map(({ ok, name, detail }) => [ok === null ? "-" : ok ? "ok" : "NOT OK", name, detail]),
  );
}

function machineRows(machine: Machine): readonly Row[] {
  const { capabilities, seccomp, noNewPrivileges, container, vendor, product } = machine;
  return [
    ["kernel", `${machine.kernel ?? "unknown"}, ${machine.architecture}`],
    ["kernel module", machine.kernelModule ?? "no /proc/driver/nvidia/version here"],
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
    ["made by", [vendor, product].filter((word) => word !== null).join(", ") || "unknown"],
  ];
}

function capabilitiesText(capabilities: readonly string[] | null): string {
  if (capabilities === null) return "unknown";
  if (capabilities.length === 0) return "none";
  if (capabilities.length === ALL_CAPABILITIES) return "all";
  const others = CAPABILITIES.filter((name) => !capabilities.includes(name));
  return others.length < capabilities.length ? `all but ${others.join(", ")}` : capabilities.join(", ");
}

function factNames(gpus: readonly Gpu[]): readonly string[] {
  return ["busId", "mig", ...new Set(gpus.flatMap(({ details }) => Object.keys(details)))];
}

function factCell(gpu: Gpu, name: string): string {
  if (name === "busId") return gpu.busId ?? "";
  if (name !== "mig") return factText(name, gpu.details[name]);
  return typeof gpu.mig === "string" ? reasonText(gpu.mig) : `${gpu.mig.instances.length} instances`;
}

function callsText({ survey, source }: Inspection): readonly string[] {
  if (survey !== null) return surveyText(survey, WIDTH);
  const silent = source.state === "ready" || source.state === "hung";
  const why = silent ? "the driver does not answer" : "there is no driver to be asked";
  return [`CALLS AND FIELDS\n${table([["not known", why]])}`];
}
