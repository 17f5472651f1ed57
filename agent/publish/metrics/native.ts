// The series under the agent's own names, straight from the packed readings. A reading without a value has no series
// of its own; what it is instead stands in the family of states.

import type { GpuHolder } from "../../../shared/model/gpu-allocation.ts";
import { GPU_READING_NAMES, kindOf, READING_AT, valueOf } from "../../../shared/model/gpu-readings.ts";
import type { GpuReadingName, GpuReadings, Reading } from "../../../shared/model/gpu-readings.ts";
import { SUCCESS } from "../../../shared/model/nvml-status.ts";
import { labelsText } from "../../../shared/runtime/exposition.ts";
import { clockEvents } from "./clock-events.ts";
import { line } from "./family.ts";
import type { Block, Family } from "./family.ts";
import {
  CLOCK_EVENT,
  GPU_READING_ROWS,
  HOLDER,
  INFO,
  MEMORY_TOTAL,
  MIG_READING_ROWS,
  MIG_READINGS,
  MIG_STATE,
  MIG_TOTAL,
  READING_STATE,
  snakeCase,
} from "./native-families.ts";
import type { ShownGpu } from "./shown.ts";

const ARCHITECTURES: Readonly<Record<number, string>> = {
  5: "volta",
  6: "turing",
  7: "ampere",
  8: "ada",
  9: "hopper",
  10: "blackwell",
  13: "rubin",
};

/** Names of readings in labels, made once: there are hundreds of them on a page. */
const FIELDS = Object.fromEntries(GPU_READING_NAMES.map((name) => [name, snakeCase(name)])) as Record<
  GpuReadingName,
  string
>;

export function nativeBlocks(
  gpus: readonly ShownGpu[],
  shown: {
    readonly node: string;
    /** Empty when it is not known. */
    readonly driver: string;
    readonly strays: readonly GpuHolder[];
  },
): readonly Block[] {
  const { node, driver, strays } = shown;
  const labelled = gpus.map((gpu) => {
    const { index, uuid } = gpu.identity;
    const where = { node, gpu: String(index), uuid };
    const all = { ...where, model: gpu.model };
    return {
      gpu,
      where,
      labels: labelsText(all),
      instances: gpu.instances.map(({ instance, readings }) => ({
        instance,
        readings,
        labels: labelsText({
          ...all,
          mig_uuid: instance.uuid,
          gpu_instance: String(instance.gpuInstance),
          compute_instance: String(instance.computeInstance),
          profile: instance.profile ?? "",
        }),
      })),
    };
  });
  const instances = labelled.flatMap((one) => one.instances);
  const block = (family: Family, lines: readonly string[]): Block => ({ family, lines: lines.join("") });

  return [
    ...GPU_READING_ROWS.map(({ reading, family }) =>
      block(
        family,
        labelled.map(({ gpu, labels }) => readingLine(family, labels, gpu.readings, reading)),
      ),
    ),
    block(
      MEMORY_TOTAL,
      labelled.map(({ gpu, labels }) => staticLine(MEMORY_TOTAL, labels, gpu.identity.memoryTotalBytes)),
    ),
    block(CLOCK_EVENT, labelled.flatMap(clockEventLines)),
    block(
      INFO,
      labelled.map(({ gpu, labels }) => line(INFO.name, `${labels},${labelsText(factsOf(gpu, driver))}`, 1)),
    ),
    block(HOLDER, [
      ...labelled.flatMap(({ gpu, where }) => holderLines(where, gpu.holders)),
      ...holderLines({ node, gpu: "", uuid: "" }, strays),
    ]),
    block(READING_STATE, labelled.flatMap(stateLines)),
    ...MIG_READING_ROWS.map(({ reading, family }) =>
      block(
        family,
        instances.map(({ readings, labels }) => readingLine(family, labels, readings, reading)),
      ),
    ),
    block(
      MIG_TOTAL,
      instances.map(({ instance, labels }) => staticLine(MIG_TOTAL, labels, instance.memoryTotalBytes)),
    ),
    block(MIG_STATE, labelled.flatMap(migStateLines)),
  ];
}

interface Labelled {
  readonly gpu: ShownGpu;
  readonly where: { readonly node: string; readonly gpu: string; readonly uuid: string };
  readonly labels: string;
}

function readingLine(
  family: Family,
  labels: string,
  readings: GpuReadings | undefined,
  name: GpuReadingName,
): string {
  const value = readings && valueOf(readings, name);
  return value === undefined ? "" : line(family.name, labels, value);
}

function staticLine(family: Family, labels: string, reading: Reading<number>): string {
  return reading.kind === "value" ? line(family.name, labels, reading.value) : "";
}

function clockEventLines({ gpu, labels }: Labelled): readonly string[] {
  const mask = gpu.readings && valueOf(gpu.readings, "clockEventReasons");
  if (mask === undefined) return [];
  return clockEvents(mask).map(({ reason, active }) =>
    line(CLOCK_EVENT.name, `${labels},reason="${reason}"`, active ? 1 : 0),
  );
}

function factsOf(gpu: ShownGpu, driver: string): Readonly<Record<string, string>> {
  const { details, busId } = gpu.identity;
  const text = (reading: Reading<string>): string => (reading.kind === "value" ? reading.value : "");
  const { architecture } = details;
  return {
    serial: text(details.serial),
    vbios: text(details.vbios),
    part_number: text(details.partNumber),
    pci_bus_id: text(busId),
    architecture:
      architecture.kind === "value" ? (ARCHITECTURES[architecture.value] ?? String(architecture.value)) : "",
    driver,
  };
}

function holderLines(where: Labelled["where"], holders: readonly GpuHolder[]): readonly string[] {
  const lines = holders.map(({ instance, namespace, pod, container, resource, replica }) => {
    const held = { mig_uuid: instance ?? "", namespace, pod, container, resource };
    const part = { replica: replica === null ? "" : String(replica) };
    return line(HOLDER.name, labelsText({ ...where, ...held, ...part }), 1);
  });
  // Two devices of one container that differ in nothing a label says; a page with one series twice is refused.
  return [...new Set(lines)];
}

function stateLines({ gpu, where }: Labelled): readonly string[] {
  const labels = labelsText(where);
  const { readings, identity } = gpu;
  const lines =
    readings === undefined
      ? []
      : statesOf(GPU_READING_NAMES, readings, gpu.lost).map(({ field, state }) =>
          line(READING_STATE.name, `${labels},field="${field}",state="${state}"`, 1),
        );
  const total = identity.memoryTotalBytes;
  if (total.kind !== "value") {
    const state = gpu.lost ? "lost" : total.kind;
    lines.push(line(READING_STATE.name, `${labels},field="memory_total",state="${state}"`, 1));
  }
  return lines;
}

function migStateLines({ gpu, where }: Labelled): readonly string[] {
  return gpu.instances.flatMap(({ instance, readings }) => {
    if (readings === undefined) return [];
    const labels = labelsText({ ...where, mig_uuid: instance.uuid });
    return statesOf(MIG_READINGS, readings, gpu.lost).map(({ field, state }) =>
      line(MIG_STATE.name, `${labels},field="${field}",state="${state}"`, 1),
    );
  });
}

function statesOf(
  names: readonly GpuReadingName[],
  { codes }: GpuReadings,
  lost: boolean,
): { readonly field: string; readonly state: string }[] {
  return names.flatMap((name) => {
    const code = codes[READING_AT[name]] ?? SUCCESS;
    return code === SUCCESS ? [] : [{ field: FIELDS[name], state: lost ? "lost" : kindOf(code) }];
  });
}
